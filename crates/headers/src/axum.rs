//! The nonce in an axum handler.

use std::convert::Infallible;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use panoply_core::Nonce;

/// The nonce of this response's Content-Security-Policy, for `<script nonce="…">`.
///
/// ```
/// use panoply_headers::CspNonce;
///
/// async fn page(CspNonce(nonce): CspNonce) -> String {
///     format!("<script nonce=\"{}\">…</script>", nonce.as_str())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an extractor is taken apart in a handler's arguments"
)]
pub struct CspNonce(pub Nonce);

impl<S: Send + Sync> FromRequestParts<S> for CspNonce {
    type Rejection = NoNonce;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoNonce> {
        parts.extensions.get().cloned().map(Self).ok_or(NoNonce(()))
    }
}

/// `Option<CspNonce>` for what is shown under policies without a nonce as well, and in tests without the layer.
impl<S: Send + Sync> OptionalFromRequestParts<S> for CspNonce {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

/// There is no nonce: no [`HeadersLayer`](crate::HeadersLayer) stands around the handler, or its
/// policy asks for none. Answered with 500, since the page would not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no nonce: put `'nonce'` into the `script-src` of the policy around this handler")]
pub struct NoNonce(());

impl IntoResponse for NoNonce {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn a_handler_gets_the_nonce_or_500() {
        type Optional = Option<CspNonce>;
        let (mut parts, ()) = Request::new(()).into_parts();
        let without = <Optional as FromRequestParts<()>>::from_request_parts(&mut parts, &());
        assert_eq!(without.await, Ok(None));
        let refused = <CspNonce as FromRequestParts<()>>::from_request_parts(&mut parts, &())
            .await
            .unwrap_err();
        let status = refused.into_response().status();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);

        let nonce = Nonce::random().unwrap();
        parts.extensions.insert(nonce.clone());
        let found = <CspNonce as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await;
        assert_eq!(found, Ok(CspNonce(nonce.clone())));
        let found = <Optional as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await;
        assert_eq!(found, Ok(Some(CspNonce(nonce))));
    }
}
