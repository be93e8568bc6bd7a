//! The suite for stores of sessions.

pub mod crash;
pub mod expiry;
pub mod hostile;
pub mod keys;
pub mod meaning;
pub mod races;
pub mod users;
pub mod walk;

mod trial;

pub use trial::SessionTrial;
