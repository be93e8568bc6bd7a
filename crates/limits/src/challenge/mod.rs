//! A task for browsers: whoever asks for a page and has not shown that he runs a browser is given work first.
//!
//! Nothing is kept for anybody. The task is a sealed text, and so is the pass that its solution is given for, which
//! the browser shows from then on; whoever has the keys can open both.

mod asks;
mod config;
mod cookies;
mod future;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod layer;
mod page;
mod pass;
mod place;
mod seals;
mod service;
mod solution;

#[cfg(test)]
mod tests;

pub use config::ChallengeConfig;
pub use future::ChallengeFuture;
pub use layer::{CHALLENGE_PATH, ChallengeLayer};
pub use service::ChallengeService;
