//! Interim answers of the app's, on their way to the client (RFC 9110 §15.2).
//!
//! They go ahead of the answer and past the layers that it goes through, so what those would have taken off
//! is taken off here. How they find their client: whoever looks after a request lends an ear each time that
//! the stack is polled for it ([`Interims::during`]), and hears what has come of that one meanwhile. A client
//! of HTTP/1.0 knows none of them, and hyper's server sends none.

use std::cell::{Cell, RefCell};

use http::header::{CONTENT_LENGTH, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use memchr::memmem;
use panoply_headers::Headers;

use crate::http1::field;
use crate::proxy::headers;

/// The most that go on of those before one answer, and the most bytes of them.
const MOST: usize = 16;
const MOST_BYTES: usize = 16 << 10;

/// What has come for the request that is being looked after; one a worker.
#[derive(Debug, Default)]
pub(crate) struct Interims {
    welcome: Cell<bool>,
    text: RefCell<Vec<u8>>,
}

impl Interims {
    /// Does `poll`, and gives the interim answers that have come of it, as they are to be sent, if they are
    /// `welcome`.
    pub(crate) fn during<R>(&self, welcome: bool, poll: impl FnOnce() -> R) -> (R, Vec<u8>) {
        // What is here was for one that has panicked.
        self.text.take();
        self.welcome.set(welcome);
        let polled = poll();
        self.welcome.set(false);
        (polled, self.text.take())
    }
}

/// Where interim answers go, and what they must not say.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct Ahead<'a> {
    pub(in crate::proxy) interims: &'a Interims,
    /// What the answers' headers are held to.
    pub(in crate::proxy) headers: &'a Headers,
    /// What the app writes where a nonce belongs, and nobody else may know.
    pub(in crate::proxy) placeholder: Option<&'a str>,
}

impl Ahead<'_> {
    fn withholds(&self, name: &HeaderName, value: &HeaderValue) -> bool {
        let secret = |placeholder| memmem::find(value.as_bytes(), placeholder).is_some();
        // Cookies would pass the cookie guard by, HSTS the look at the certificate.
        [
            CONTENT_LENGTH,
            TRAILER,
            SET_COOKIE,
            STRICT_TRANSPORT_SECURITY,
        ]
        .contains(name)
            || name == "set-cookie2"
            || self.headers.removes(name)
            || self.placeholder.map(str::as_bytes).is_some_and(secret)
    }
}

/// What may still go on of those before one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    answers: usize,
    bytes: usize,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self {
            answers: MOST,
            bytes: MOST_BYTES,
        }
    }

    /// Passes one on, unless nobody wants it, or it is too much.
    pub(super) fn pass(
        &mut self,
        ahead: Ahead<'_>,
        status: StatusCode,
        said: &httparse::Response<'_, '_>,
    ) {
        // Leave to send a body is the gateway's own to give: the app is not asked for it.
        if status == StatusCode::CONTINUE || !ahead.interims.welcome.get() {
            return;
        }
        let text = written(ahead, status, said);
        let bytes = self.bytes.checked_sub(text.len());
        let (Some(bytes), Some(answers)) = (bytes, self.answers.checked_sub(1)) else {
            tracing::trace!(%status, "too much before one answer is not passed on");
            return;
        };
        *self = Self { answers, bytes };
        ahead.interims.text.borrow_mut().extend_from_slice(&text);
    }
}

fn written(ahead: Ahead<'_>, status: StatusCode, said: &httparse::Response<'_, '_>) -> Vec<u8> {
    let mut fields = HeaderMap::with_capacity(said.headers.len());
    for field in &*said.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        if let (Ok(name), Ok(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    headers::to_client(&mut fields);
    let mut text = Vec::new();
    let reason = status.canonical_reason().or(said.reason).unwrap_or("");
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &fields {
        if !ahead.withholds(name, value) {
            field(&mut text, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    text.extend_from_slice(b"\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACEHOLDER: &str = "0123456789abcdef";

    /// What goes on of `heads`, which come before one answer.
    fn passed(heads: &[String], welcome: bool) -> String {
        let (interims, headers) = (Interims::default(), Headers::helmet().build().unwrap());
        let ahead = Ahead {
            interims: &interims,
            headers: &headers,
            placeholder: Some(PLACEHOLDER),
        };
        let mut allowance = Allowance::new();
        let ((), text) = interims.during(welcome, || {
            for head in heads {
                let mut fields = [httparse::EMPTY_HEADER; 16];
                let mut said = httparse::Response::new(&mut fields);
                assert!(said.parse(head.as_bytes()).unwrap().is_complete());
                let status = StatusCode::from_u16(said.code.unwrap()).unwrap();
                allowance.pass(ahead, status, &said);
            }
        });
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn nothing_goes_on_that_an_answer_would_not_say() {
        let head = format!(
            "HTTP/1.1 103 Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\
             Keep-Alive: timeout=5\r\nSet-Cookie: a=b\r\nServer: x\r\nX-Powered-By: y\r\nContent-Length: 3\r\n\
             Transfer-Encoding: chunked\r\nStrict-Transport-Security: max-age=1\r\nTrailer: z\r\n\
             X-Secret: </a>; nonce={PLACEHOLDER}\r\nUpload-Offset: 7\r\n\r\n"
        );
        assert_eq!(
            passed(std::slice::from_ref(&head), true),
            "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\nlink: </b>\r\nupload-offset: 7\r\n\r\n"
        );
        assert_eq!(passed(&[head], false), "", "nobody hears it");
        let bare = |status: &str| format!("HTTP/1.1 {status}\r\n\r\n");
        assert_eq!(passed(&[bare("100 Continue")], true), "");
        assert_eq!(
            passed(&[bare("102 Processing")], true),
            bare("102 Processing")
        );
        assert_eq!(passed(&[bare("199 Odd")], true), bare("199 Odd"));
    }

    #[test]
    fn they_are_bounded_in_number_and_size() {
        let small = "HTTP/1.1 103 Early Hints\r\n\r\n".to_owned();
        let all = passed(&vec![small.clone(); MOST + 5], true);
        assert_eq!(all, small.repeat(MOST));
        let large = format!(
            "HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n",
            "x".repeat(9000)
        );
        let all = passed(&[large.clone(), large.clone(), small.clone()], true);
        assert_eq!(all, [large, small].concat());
    }

    #[test]
    fn what_one_has_left_is_not_told_another() {
        let interims = Interims::default();
        interims.text.borrow_mut().extend_from_slice(b"of another");
        let ((), text) = interims.during(true, || ());
        assert_eq!(text, b"");
        assert!(!interims.welcome.get());
    }
}
