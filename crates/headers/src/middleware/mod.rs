//! The middleware.

mod future;
mod layer;

mod service;

pub use self::future::ResponseFuture;
pub use self::layer::HeadersLayer;
pub use self::service::HeadersService;

#[cfg(test)]
mod tests;
