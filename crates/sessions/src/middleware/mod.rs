//! The layer, its service and its future.

mod future;
mod layer;
mod service;

pub(crate) use service::find_cookie;

pub use future::SessionFuture;
pub use layer::SessionLayer;
pub use service::SessionService;

#[cfg(test)]
mod tests;
