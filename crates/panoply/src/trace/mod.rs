//! Request ids, and one record of every exchange: refusals, failures and answers alike.
//!
//! ```
//! use std::sync::Arc;
//! use panoply::trace::{Exchange, Observer, TraceLayer};
//! use panoply::SystemClock;
//!
//! #[derive(Debug)]
//! struct Slow;
//!
//! impl Observer for Slow {
//!     fn answered(&self, exchange: &Exchange) {
//!         if exchange.duration.as_secs() > 1 {
//!             println!("{} {}", exchange.uri.path(), exchange.status);
//!         }
//!     }
//! }
//!
//! let layer = TraceLayer::new(Arc::new(Slow), Arc::new(SystemClock::new()));
//! # let _ = layer;
//! ```

mod body;
mod exchange;
mod ids;
mod layer;
mod service;

pub use body::TracedBody;
pub use exchange::{Events, Exchange, Observer};
pub use layer::TraceLayer;
pub use service::{ResponseFuture, TraceService};

#[cfg(test)]
mod tests;
