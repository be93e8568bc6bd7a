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

    /// The verdict of this login; elsewhere one that nobody reads.
    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &T,
    ) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
