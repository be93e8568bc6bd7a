//! What a handler within the app says of a login.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(feature = "axum")]
use panoply_core::ToldOnce;

use super::outcome::{Outcome, Read};
#[cfg(feature = "axum")]
use crate::original::original;

/// The paths of logins that nobody guards.
#[cfg(feature = "axum")]
static TOLD: ToldOnce = ToldOnce::new();

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

    /// The verdict of this login; elsewhere one that nobody reads, of which the log is told once a path, where a
    /// request does something: that login is not guarded.
    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &T,
    ) -> Result<Self, Self::Rejection> {
        let guarded = parts.extensions.get().cloned();
        let harmless = [http::Method::GET, http::Method::HEAD, http::Method::OPTIONS];
        // As the client wrote it, which is what a route is best given, and once: anybody may ask for it.
        let path = original(&parts.extensions, &parts.uri).path();
        if guarded.is_none() && !harmless.contains(&parts.method) && TOLD.is_first(path) {
            tracing::warn!(
                path,
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
        assert_eq!(told("PUT", false), "", "once a path");
        assert!(unguarded.contains("nobody guards"), "{unguarded}");
        assert!(
            unguarded.contains("/enter") && !unguarded.contains("secret"),
            "{unguarded}"
        );
    }

    #[test]
    fn a_path_is_told_of_as_the_client_wrote_it() {
        let told = said(|| {
            let (mut parts, ()) = http::Request::post("/in").body(()).unwrap().into_parts();
            let whole = axum::extract::OriginalUri("/shop/in".parse().unwrap());
            parts.extensions.insert(whole);
            let found = LoginVerdict::from_request_parts(&mut parts, &());
            drop(futures_executor::block_on(found).unwrap());
        });
        assert!(told.contains("/shop/in"), "{told}");
    }
}
