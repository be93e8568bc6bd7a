//! The client's address in an axum handler.

use std::convert::Infallible;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use panoply_core::ClientAddress;

/// Extracts the [`ClientAddress`] that [`ClientLayer`](crate::ClientLayer) has found.
///
/// ```
/// use panoply_client::ClientExtractor;
///
/// async fn who(client: ClientExtractor) -> String {
///     client.ip().to_string()
/// }
/// # let _ = who;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client(pub ClientAddress);

impl Deref for Client {
    type Target = ClientAddress;

    fn deref(&self) -> &ClientAddress {
        &self.0
    }
}

/// Why there is no address: the layer is not worn, or the server does not pass the peer on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no client address: wear ClientLayer, and serve with the peer's address")]
#[non_exhaustive]
pub struct NoClient;

impl IntoResponse for NoClient {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "a handler asked for the client");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = NoClient;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoClient> {
        parts.extensions.get().cloned().map(Self).ok_or(NoClient)
    }
}

/// `Option<ClientExtractor>` for handlers that are also reached without an address, as in tests.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}
