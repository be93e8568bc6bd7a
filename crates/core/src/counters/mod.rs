//! Counters of attempts: what they are, what is done to them, and the store that keeps them.

mod decision;
mod key;
mod op;
mod record;
mod reply;
mod rule;
mod store;

pub use decision::{Decision, Receipt, State};
pub use key::{CounterKey, CounterKeys};
pub use op::{Action, Op, Subject};
pub use record::{Moment, Record};
pub use reply::Reply;
pub use rule::{Lock, Rule};
pub use store::{Block, BlockId, CounterStore, Release, StoreError};

#[cfg(test)]
mod tests;
