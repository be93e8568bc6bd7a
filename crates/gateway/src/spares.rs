//! Maps of headers and of extensions, kept for the next request or answer.
//!
//! Each needs room of its own, which for a map of headers is more than a kilobyte: to make and to give back that
//! of a request, and that of its answer, took a twentieth of all that a request takes.

use std::cell::RefCell;

use http::{Extensions, HeaderMap, Request, Response};

/// The most of either that are kept.
const MOST: usize = 64;

/// The most headers that a map that is kept has room for.
const ROOM: usize = 64;

/// What a worker's requests and answers have no more need of. Nothing is in them.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    headers: RefCell<Vec<HeaderMap>>,
    extensions: RefCell<Vec<Extensions>>,
}

impl Spares {
    /// A map for so many headers, with none in it.
    pub(crate) fn headers(&self, room: usize) -> HeaderMap {
        let kept = self.headers.borrow_mut().pop();
        kept.unwrap_or_else(|| HeaderMap::with_capacity(room))
    }

    /// A map with nothing in it.
    pub(crate) fn extensions(&self) -> Extensions {
        self.extensions.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps the maps of a request that has been sent on; gives its body.
    pub(crate) fn take_from_request<B>(&self, request: Request<B>) -> B {
        let (parts, body) = request.into_parts();
        self.keep(parts.headers, parts.extensions);
        body
    }

    /// Keeps the maps of an answer whose head is out; gives its body.
    pub(crate) fn take_from_answer<B>(&self, answer: Response<B>) -> B {
        let (parts, body) = answer.into_parts();
        self.keep(parts.headers, parts.extensions);
        body
    }

    fn keep(&self, mut headers: HeaderMap, mut extensions: Extensions) {
        // Before they are kept: what is in them may keep something itself when it is dropped.
        headers.clear();
        extensions.clear();
        keep(&self.extensions, extensions);
        if headers.capacity() <= ROOM {
            keep(&self.headers, headers);
        }
    }
}

fn keep<T>(kept: &RefCell<Vec<T>>, one: T) {
    let mut kept = kept.borrow_mut();
    if kept.len() < MOST {
        kept.push(one);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderValue;
    use http::header::{COOKIE, HOST};

    use super::*;

    #[test]
    fn what_is_kept_is_empty() {
        let spares = Spares::default();
        let mut request = Request::new(7);
        let secret = HeaderValue::from_static("id=secret");
        request.headers_mut().append(COOKIE, secret.clone());
        request.headers_mut().append(COOKIE, secret);
        let held = Arc::new("whose it is");
        request.extensions_mut().insert(Arc::clone(&held));
        assert_eq!(spares.take_from_request(request), 7);
        assert_eq!(Arc::strong_count(&held), 1, "it is gone at once");
        let (mut headers, mut extensions) = (spares.headers(1), spares.extensions());
        assert!(headers.is_empty() && headers.capacity() > 1);
        assert_eq!(headers.get_all(COOKIE).iter().count(), 0);
        assert!(extensions.is_empty() && extensions.get::<Arc<&str>>().is_none());

        headers.insert(HOST, HeaderValue::from_static("a.example"));
        extensions.insert(8_u8);
        let mut answer = Response::new("body");
        (*answer.headers_mut(), *answer.extensions_mut()) = (headers, extensions);
        assert_eq!(spares.take_from_answer(answer), "body");
        assert!(spares.headers(1).is_empty() && spares.extensions().is_empty());
        assert_eq!(
            spares.headers(3).capacity(),
            HeaderMap::<()>::with_capacity(3).capacity()
        );
    }

    #[test]
    fn no_more_is_kept_than_is_bounded() {
        let spares = Spares::default();
        for number in 0..2 * MOST {
            let mut request = Request::new(());
            *request.headers_mut() = HeaderMap::with_capacity(number);
            spares.take_from_request(request);
        }
        let headers = spares.headers.borrow();
        assert_eq!(spares.extensions.borrow().len(), MOST);
        assert!(!headers.is_empty() && headers.len() <= MOST);
        assert!(headers.iter().all(|map| map.capacity() <= ROOM));
    }
}
