//! Answers, with the headers of an app that nobody hardened.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::demo::html::{Slot, fill};

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Reply(Response<Bytes>);

/// The page called `title`, with `main` between the shop's head and foot.
pub(super) fn page(title: &str, main: &str) -> Reply {
    let layout = include_str!("html/layout.html");
    let html = fill(
        layout,
        &[("title", Slot::Text(title)), ("main", Slot::Html(main))],
    );
    file("text/html; charset=utf-8", Bytes::from(html))
}

/// A file of the type `mime`.
pub(super) fn file(mime: &'static str, content: Bytes) -> Reply {
    let mut response = Response::new(content);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    Reply(response)
}

/// Sends the browser on after a form.
pub(super) fn see_other(to: &str) -> Reply {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, to);
    Reply(response)
}

/// Nothing is there.
pub(super) fn not_found() -> Reply {
    page("Not found", include_str!("html/not_found.html")).with_status(StatusCode::NOT_FOUND)
}

/// Something is there, but not for this method.
pub(super) fn wrong_method(read: bool, write: bool) -> Reply {
    let allow = match (read, write) {
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        (false, _) => "POST",
    };
    let mut reply = page("Not that way", include_str!("html/wrong_method.html"))
        .with_status(StatusCode::METHOD_NOT_ALLOWED);
    reply
        .0
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    reply
}

impl Reply {
    /// Sets the status.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        *self.0.status_mut() = status;
        self
    }

    /// Tells the browser its session: no `HttpOnly`, no `Secure`, no `SameSite`, no signature.
    pub(super) fn with_session(mut self, number: Option<u64>) -> Self {
        let cookie = number.map(|number| format!("connect.sid=s%3A{number}; Path=/"));
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
            self.0.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        self
    }

    /// The finished answer, which says what it was made with.
    pub(super) fn into_response(mut self) -> Response<Bytes> {
        let headers = self.0.headers_mut();
        headers.insert("x-powered-by", HeaderValue::from_static("Express"));
        headers.insert(
            header::SERVER,
            HeaderValue::from_static("NaiveShop/0.1 (Node.js 12.4.0)"),
        );
        self.0
    }
}
