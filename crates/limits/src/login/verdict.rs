//! What a handler within the app says of a login.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::outcome::{Outcome, Read};

/// Lets a handler within the app say how a login went, where the answer would not tell.
#[derive(Debug, Clone, Default)]
pub struct LoginVerdict(Arc<AtomicU8>);

impl LoginVerdict {
    /// The login was right.
    pub fn succeeded(&self) {
        self.0.store(1, Ordering::Release);
    }

    /// The login was wrong.
    pub fn failed(&self) {
        self.0.store(2, Ordering::Release);
    }

    pub(super) fn said(&self) -> Option<Read> {
        let outcome = match self.0.load(Ordering::Acquire) {
            1 => Outcome::Success,
            2 => Outcome::Failure,
            _ => return None,
        };
        let reason = "the handler said so";
        Some(Read { outcome, reason })
    }
}

#[cfg(feature = "axum")]
impl<T: Send + Sync> axum_core::extract::FromRequestParts<T> for LoginVerdict {
    type Rejection = std::convert::Infallible;

    /// The verdict of this login; elsewhere one that nobody reads, of which the log is told where a request does
    /// something: that login is not guarded.
    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &T,
    ) -> Result<Self, Self::Rejection> {
        let guarded = parts.extensions.get().cloned();
        let harmless = [http::Method::GET, http::Method::HEAD, http::Method::OPTIONS];
        if guarded.is_none() && !harmless.contains(&parts.method) {
            tracing::warn!(
                path = parts.uri.path(),
                "a login that nobody guards: no suit or `LoginLayer` stands around it, or none that has its \
                 path (`LoginConfig::route`)"
            );
        }
        Ok(guarded.unwrap_or_default())
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use axum_core::extract::FromRequestParts as _;

    use super::*;
    use crate::said::said;

    #[test]
    fn a_login_that_nobody_guards_is_told_of() {
        let told = |method: &str, guarded: bool| {
            said(|| {
                let request = http::Request::builder()
                    .method(method)
                    .uri("/enter?a=secret");
                let (mut parts, ()) = request.body(()).unwrap().into_parts();
                let verdict = LoginVerdict::default();
                if guarded {
                    parts.extensions.insert(verdict.clone());
                }
                let found = LoginVerdict::from_request_parts(&mut parts, &());
                let found = futures_executor::block_on(found).unwrap();
                found.failed();
                assert_eq!(verdict.said().is_some(), guarded);
            })
        };
        assert_eq!(told("POST", true), "");
        assert_eq!(told("GET", false), "");
        let unguarded = told("POST", false);
        assert!(unguarded.contains("nobody guards"), "{unguarded}");
        assert!(
            unguarded.contains("/enter") && !unguarded.contains("secret"),
            "{unguarded}"
        );
    }
}
