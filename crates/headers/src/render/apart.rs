//! Headers that are the same for many responses, written once.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, EXPIRES, PRAGMA, STRICT_TRANSPORT_SECURITY};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::Rendered;
use super::plan::{Channel, Plan};
use crate::removal::Removal;

/// Headers that go out beside those of a response's own map, in which none of their names is.
///
/// A server that writes HTTP/1 by itself finds it among the response's extensions, where
/// [`HeadersLayer::apart`](crate::HeadersLayer::apart) asked for it, and writes [`lines`](Self::lines)
/// before the empty line that ends the head: a dozen headers need not be put into a map first.
#[derive(Debug, Clone)]
pub struct Apart(Arc<Block>);

#[derive(Debug)]
struct Block {
    lines: Box<[u8]>,
    headers: HeaderMap,
    names: Removal,
}

impl Apart {
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let mut lines = Vec::new();
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                lines.extend_from_slice(part);
            }
        }
        Self(Arc::new(Block {
            lines: lines.into(),
            headers: headers.clone(),
            names: Removal::new(headers.keys().map(HeaderName::as_str)),
        }))
    }

    /// The names of the headers.
    pub(super) fn names(&self) -> &Removal {
        &self.0.names
    }

    /// The headers as HTTP/1 has them, each line with its end (RFC 9112 §5).
    pub fn lines(&self) -> &[u8] {
        &self.0.lines
    }

    /// The same headers, for who would rather have a map.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }
}

impl Rendered {
    /// Leaves what the plan wants beside the response's own headers; false, with nothing changed, when
    /// the two have to be brought together.
    pub(crate) fn set_apart<B>(&self, plan: &Plan, response: &mut Response<B>) -> bool {
        if plan.nonce.is_some() || plan.clear || !plan.doubted.is_empty() {
            return false;
        }
        let scope = self.scope(plan.path);
        let apart = &scope.variant(plan.channel).apart;
        let headers = response.headers_mut();
        let mut leaks = Vec::new();
        for name in headers.keys() {
            let place = Removal::place(name.as_str());
            if apart.0.names.takes_at(place, name) {
                return false;
            }
            if self.removal.takes_at(place, name) {
                leaks.push(name.clone());
            }
        }
        for leak in leaks {
            headers.remove(leak);
        }
        if plan.channel == Channel::Local && !scope.has_local_hsts() {
            headers.remove(STRICT_TRANSPORT_SECURITY);
        }
        let ours = apart.headers();
        let says = |name| headers.contains_key(name) || ours.contains_key(name);
        if plan.authenticated && ![CACHE_CONTROL, EXPIRES, PRAGMA].iter().any(says) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response.extensions_mut().insert(apart.clone());
        true
    }
}
