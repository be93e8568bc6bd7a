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
        let id = find_cookie(request.headers(), settings.cookie.name());
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
    let lines = headers.get_all(COOKIE).into_iter();
    // Byte by byte: what others have put beside it need not be text.
    let pairs = lines.flat_map(|line| pieces(line.as_bytes()));
    let mut named = pairs.filter_map(|pair| {
        let equals = memchr(b'=', pair)?;
        let (found, value) = pair.split_at_checked(equals)?;
        (found.trim_ascii() == name.as_bytes()).then(|| value.get(1..))?
    });
    let value = std::str::from_utf8(named.next()?.trim_ascii()).ok()?;
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    Some(unquoted.unwrap_or(value))
}

/// What stands between semicolons.
fn pieces(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let end = memchr(b';', line);
        rest = end.and_then(|end| line.get(end + 1..));
        end.map_or(Some(line), |end| line.get(..end))
    })
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
