//! The service.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, COOKIE};
use http::{HeaderMap, Request, Response, Uri};
use memchr::memchr;
use panoply_core::{ClientAddress, Connection, RequestId};
use tower_service::Service;

use super::SessionFuture;
use crate::{Session, Sessions};

/// A service whose requests have a session; made by a [`SessionLayer`](crate::SessionLayer).
#[derive(Debug, Clone)]
pub struct SessionService<S> {
    inner: S,
    sessions: Sessions,
}

impl<S> SessionService<S> {
    pub(super) const fn new(inner: S, sessions: Sessions) -> Self {
        Self { inner, sessions }
    }
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = SessionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let outer = request.extensions().get::<Session>();
        if outer.is_some_and(|outer| outer.is_of(&self.sessions)) {
            // Two states of one session would each set a cookie, and undo what the other has done.
            return SessionFuture::passed(self.inner.call(request));
        }
        let settings = &self.sessions.0.settings;
        let id = find_cookie_bytes(request.headers(), settings.cookie.name());
        let id = id.and_then(|value| self.sessions.0.parse(value));
        let session = Session::new(self.sessions.0.clone(), id, is_https(&request));
        let accept = request.headers().get(ACCEPT).cloned();
        let request_id = request.extensions().get::<RequestId>().copied();
        request.extensions_mut().insert(session.clone());
        SessionFuture::new(self.inner.call(request), session, accept, request_id)
    }
}

/// The value of the first cookie of that name; what comes behind it does not count, be it good or
/// bad. Quotes around it are no part of it.
pub(crate) fn find_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    std::str::from_utf8(find_cookie_bytes(headers, name)?).ok()
}

/// The same, whether it is text or not.
fn find_cookie_bytes<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    // Byte by byte: what others have put beside it need not be text.
    let mut lines = headers.get_all(COOKIE).iter();
    let value = lines.find_map(|line| value_of(name.as_bytes(), line.as_bytes()))?;
    Some(match value.trim_ascii() {
        [b'"', unquoted @ .., b'"'] => unquoted,
        value => value,
    })
}

/// What stands behind the first such name of a line and its `=`.
fn value_of<'a>(name: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = Some(line);
    while let Some(line) = rest {
        let end = memchr(b';', line);
        rest = end.and_then(|end| line.get(end + 1..));
        let pair = end.and_then(|end| line.get(..end)).unwrap_or(line);
        let behind = pair.trim_ascii_start().strip_prefix(name);
        let value = behind.and_then(|behind| behind.trim_ascii_start().strip_prefix(b"="));
        if value.is_some() {
            return value;
        }
    }
    None
}

fn is_https<B>(request: &Request<B>) -> Option<bool> {
    let extensions = request.extensions();
    let client = extensions
        .get::<ClientAddress>()
        .map(ClientAddress::is_https);
    let connection = || extensions.get::<Connection>().map(|c| c.tls.is_some());
    let scheme = || Uri::scheme_str(request.uri()).map(|scheme| scheme == "https");
    client.or_else(connection).or_else(scheme)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn find(lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        find_cookie(&headers, "id").map(str::to_owned)
    }

    #[test]
    fn the_first_of_that_name_counts() {
        let found: [(&[&[u8]], Option<&str>); 12] = [
            (&[b"id=a"], Some("a")),
            (&[b"a=b;  id = a ; c=d"], Some("a")),
            (&[b"id=\"a\""], Some("a")),
            (&[b"id=bad; id=a"], Some("bad")),
            (&[b"x=1", b"id=a"], Some("a")),
            (&[b"theme=\xe9\xff; id=a"], Some("a")),
            (&[b"id=a=b"], Some("a=b")),
            (&[b"id="], Some("")),
            (&[b"ID=a; xid=b; id"], None),
            (&[b"id=\xff; id=a"], None),
            (&[b""], None),
            (&[], None),
        ];
        for (lines, expected) in found {
            assert_eq!(find(lines).as_deref(), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(line in prop::collection::vec(prop_oneof![9 => b' '..=b'~', 1 => 0x80..=0xff_u8], 0..60)) {
            let line = HeaderValue::from_bytes(&[b"id=", &*line].concat()).unwrap();
            let headers = HeaderMap::from_iter([(COOKIE, line)]);
            prop_assert!(find_cookie(&headers, "id").is_none_or(|value| !value.contains(';')));
        }
    }
}
