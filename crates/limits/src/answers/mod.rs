//! Limits that count what the app answers, and hold out who asks on and on for what is not there or not his.

mod caused;
mod config;
mod future;
mod layer;
mod noted;
mod probes;
mod spares;

#[cfg(test)]
mod tests;

pub use config::{Count, ProbesConfig};
pub use future::AnswerFuture;
pub use layer::{AnswerLayer, AnswerService};
pub use spares::Spares;

pub(crate) use noted::refusal;
