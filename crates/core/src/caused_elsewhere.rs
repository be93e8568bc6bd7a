//! What another site has caused, and is let through all the same.

use std::sync::Arc;

use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};

use crate::{Refusal, ToldOnce};

/// That a page of another site has caused a request, which brings nothing that its user is known by and so may go on,
/// unless it is a login with a password: that would be in the name of whoever made the page. In the request's extensions,
/// put there by the cross-site guard for whoever reads the bodies of logins.
///
/// ```
/// use std::sync::Arc;
/// use panoply_core::{CausedElsewhere, ToldOnce};
///
/// let caused = CausedElsewhere::new(Arc::new(ToldOnce::new()));
/// assert_eq!(caused.refusal().status(), 403);
/// ```
#[derive(Debug, Clone)]
pub struct CausedElsewhere(Arc<ToldOnce>);

impl CausedElsewhere {
    /// One of whose origin the log is told if `told` has not had it.
    pub const fn new(told: Arc<ToldOnce>) -> Self {
        Self(told)
    }

    /// What such a request is refused with.
    pub fn refusal(&self) -> Refusal {
        let detail = "A page of another site has sent this request. If you meant to do it, open this \
                      site by itself and do it there.";
        Refusal::new(StatusCode::FORBIDDEN, "cross-site", detail)
    }

    /// The origin that the log is to be told of, the first time that it is refused.
    pub fn to_tell<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let origin = origin.unwrap_or("(unknown)");
        self.0.is_first(origin).then_some(origin)
    }
}
