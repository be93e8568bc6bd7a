//! Which answers nobody may keep.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, EXPIRES, HeaderName, PRAGMA};
use http::{HeaderMap, HeaderValue, StatusCode};
use panoply_core::keep_private;

use super::CookieGuard;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// What goes at a logout; not `executionContexts`, which no browser knows any more.
const EVERYTHING: HeaderValue = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");

impl CookieGuard {
    /// Forbids to keep an answer of a session, where the app says nothing of keeping; where it `sets` the
    /// session's cookie, all but the client, whatever the app says.
    pub(super) fn forbid_caching(&self, status: StatusCode, headers: &mut HeaderMap, sets: bool) {
        if sets {
            keep_private(headers);
        }
        let told = [CACHE_CONTROL, EXPIRES, PRAGMA];
        if !self.config().sets_no_store()
            || told.iter().any(|name| headers.contains_key(name))
            || status.is_informational()
            || status == StatusCode::NOT_MODIFIED
        {
            return;
        }
        let keeping = match (is_part_of_a_page(headers), sets) {
            (false, _) => "no-store",
            // The browser may have it again without asking, and nobody else.
            (true, true) => "private",
            (true, false) => return,
        };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(keeping));
    }

    /// Has the browser forget everything of the site.
    pub(super) fn clear(status: StatusCode, headers: &mut HeaderMap) {
        let done = status.is_success() || status.is_redirection();
        if done && !headers.contains_key(CLEAR_SITE_DATA) {
            headers.insert(CLEAR_SITE_DATA, EVERYTHING);
        }
    }
}

/// Whether it is of the kinds that are the same for all, by far the most often.
fn is_part_of_a_page(headers: &HeaderMap) -> bool {
    let Some(media_type) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else {
        return false;
    };
    let is = |start: &str| {
        let head = media_type.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
    };
    let kinds = [
        "image/",
        "font/",
        "audio/",
        "video/",
        "text/css",
        "text/javascript",
        "application/javascript",
        "application/wasm",
    ];
    kinds.into_iter().any(is)
}
