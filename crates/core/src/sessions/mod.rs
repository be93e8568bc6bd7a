//! Sessions: what they are, what a commit makes of them, and the store that keeps them.

mod change;
mod documents;
mod key;
mod outcome;
mod record;
mod store;
mod values;

pub use change::{Cycle, SessionChange, UserChange};
pub use documents::{SessionDocument, SessionDocuments};
pub use key::{SessionFingerprint, SessionKey, UserKey};
pub use outcome::{Committed, Destroy, LiveSession, Loaded, SessionInfo, SessionStamp};
pub use record::{OldKey, SessionRecord, SessionSlot};
pub use store::SessionStore;
pub use values::SessionValues;

#[cfg(test)]
mod tests;
