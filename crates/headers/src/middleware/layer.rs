//! The layer.

use tower_layer::Layer;

use super::HeadersService;
use crate::Headers;
use crate::render::Everywhere;

/// Puts the headers on every response of the service within; any body, and the service's own error.
///
/// Over which scheme a request came it learns, in this order, from
/// [`ClientAddress`](panoply_core::ClientAddress) and [`Connection`](panoply_core::Connection) in
/// the request's extensions, and from the scheme of its URI.
///
/// ```
/// use http::{Request, Response};
/// use panoply_headers::Headers;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = ServiceBuilder::new()
///     .layer(Headers::helmet().build()?.layer())
///     .service(service_fn(async |_: Request<()>| Ok::<_, std::io::Error>(Response::new(()))));
/// let response = app.oneshot(Request::new(())).await?;
/// assert_eq!(response.headers()["x-frame-options"], "SAMEORIGIN");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HeadersLayer {
    rendered: Everywhere,
    apart: bool,
}

impl HeadersLayer {
    /// Sends these headers.
    pub fn new(headers: &Headers) -> Self {
        Self {
            rendered: headers.rendered().clone(),
            apart: false,
        }
    }

    /// Leaves what is the same for many responses beside their own headers, as [`Apart`](crate::Apart), where
    /// the request came over HTTP/1; off by default.
    ///
    /// Only for a server that writes HTTP/1 by itself: any other would send responses without it.
    #[must_use]
    pub const fn apart(mut self, on: bool) -> Self {
        self.apart = on;
        self
    }
}

impl From<&Headers> for HeadersLayer {
    fn from(headers: &Headers) -> Self {
        Self::new(headers)
    }
}

impl<S> Layer<S> for HeadersLayer {
    type Service = HeadersService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HeadersService::new(inner, self.rendered.clone(), self.apart)
    }
}
