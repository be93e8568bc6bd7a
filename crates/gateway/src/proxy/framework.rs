//! The error pages that Express has by itself: they tell what runs, and in development its stack.
//!
//! They come from `finalhandler`, which connect and Express 3 to 5 share. Its head cannot be taken for
//! an app's own; the body is read to be sure, within bounds, and goes on as it came if it is another.

use std::borrow::Cow;
use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Response, StatusCode, response};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use panoply_core::Refusal;

use crate::body::ResponseBody;
use crate::intake::Asked;

/// No stack that Node prints is longer; ten lines are its default.
const MOST: usize = 64 << 10;

/// An app that has sent the head of such a page has its body at hand.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the page begins and ends with, in Express 4.15 and newer.
const PAGE: (&[u8], &[u8]) = (
    b"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n\
      </head>\n<body>\n<pre>",
    b"</pre>\n</body>\n</html>\n",
);

/// What it began with before.
const LINE: &[u8] = b"Cannot ";

/// Whether the head of an answer is such as only a page of the framework's has.
pub(crate) fn may_be(answer: &Response<ResponseBody>) -> bool {
    let status = answer.status();
    let headers = answer.headers();
    let is = |name, value: &str| headers.get(name).is_some_and(|found| found == value);
    (status.is_client_error() || status.is_server_error())
        && is(X_CONTENT_TYPE_OPTIONS, "nosniff")
        && is(CONTENT_TYPE, "text/html; charset=utf-8")
        && !headers.contains_key(ETAG)
        && headers
            .get(CONTENT_SECURITY_POLICY)
            .is_none_or(|policy| policy == "default-src 'none'" || policy == "default-src 'self'")
        && answer.body().size_hint().lower() <= MOST as u64
}

/// The site's own page in place of the framework's; any other goes on as it came, however long it is and
/// however slowly it comes.
pub(crate) async fn replaced(
    answer: Response<ResponseBody>,
    method: &Method,
    asked: Asked,
) -> Response<ResponseBody> {
    let (parts, body) = answer.into_parts();
    if *method == Method::HEAD {
        // Without a body only the policy tells, which newer ones send.
        let told = parts.headers.get(CONTENT_SECURITY_POLICY);
        if told.is_some_and(|policy| policy == "default-src 'none'") {
            return page(parts, asked);
        }
        return Response::from_parts(parts, body);
    }
    let mut look = Look::into(body);
    let found = tokio::time::timeout(PATIENCE, look.find(&parts)).await;
    match found {
        Ok(Some(Found::Page)) => page(parts, asked),
        Ok(Some(Found::Other)) => Response::from_parts(parts, look.back()),
        // The framework's comes at once, and what has come is nothing that only its would begin with.
        Err(_) if !start(&parts.headers, &look.seen).starts_with(PAGE.0) => {
            Response::from_parts(parts, look.back())
        }
        Ok(None) | Err(_) => {
            let detail = "The application behind this address broke off its answer.";
            let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "app/broken-answer", detail);
            asked.answer(refusal).map(ResponseBody::from)
        }
    }
}

/// What a body turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The framework's page.
    Page,
    /// Another.
    Other,
}

/// A body that is looked into for as long as it may be the framework's page.
#[derive(Debug)]
struct Look {
    body: ResponseBody,
    seen: Vec<u8>,
    trailers: Option<Frame<Bytes>>,
    ended: bool,
}

impl Look {
    const fn into(body: ResponseBody) -> Self {
        Self {
            body,
            seen: Vec::new(),
            trailers: None,
            ended: false,
        }
    }

    /// What it is; nothing when it breaks off before that is known.
    async fn find(&mut self, parts: &response::Parts) -> Option<Found> {
        let (headers, status) = (&parts.headers, parts.status);
        while let Some(frame) = self.body.frame().await {
            match frame.ok()?.into_data() {
                Ok(data) => self.seen.extend_from_slice(&data),
                Err(trailers) => self.trailers = Some(trailers),
            }
            let begins = start(headers, &self.seen);
            if !may_begin(&begins, status) {
                return Some(Found::Other);
            }
            if self.seen.len() > MOST {
                // Whoever asks can make the framework's long, by what it says of what was asked for.
                let is_document = begins.starts_with(PAGE.0);
                return Some(if is_document {
                    Found::Page
                } else {
                    Found::Other
                });
            }
        }
        self.ended = true;
        let is_page = is_page(&plain(headers, &self.seen), status);
        Some(if is_page { Found::Page } else { Found::Other })
    }

    /// The body as it came.
    fn back(self) -> ResponseBody {
        let seen = Bytes::from(self.seen);
        if self.ended && self.trailers.is_none() {
            return seen.into();
        }
        ResponseBody::begun(seen, self.trailers, self.body)
    }
}

/// Whether the framework's page may begin so.
fn may_begin(text: &[u8], status: StatusCode) -> bool {
    let fits = |start: &[u8]| start.iter().zip(text).all(|(byte, found)| byte == found);
    fits(PAGE.0) || status == StatusCode::NOT_FOUND && fits(LINE)
}

/// Whether this is the framework's page.
fn is_page(body: &[u8], status: StatusCode) -> bool {
    let (start, end) = PAGE;
    let document = body.starts_with(start) && body.ends_with(end);
    // Before Express 4.15 it was a line.
    let line = status == StatusCode::NOT_FOUND
        && body.starts_with(LINE)
        && body.iter().position(|byte| *byte == b'\n') == body.len().checked_sub(1);
    document || line
}

/// The body without its coding; the coded one where that cannot be taken off.
fn plain<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    match decoded(headers, body, MOST) {
        Some((text, Ok(_))) => Cow::Owned(text),
        _ => Cow::Borrowed(body),
    }
}

/// What a body begins with that has not come whole, as far as can be told.
fn start<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    decoded(headers, body, PAGE.0.len()).map_or(Cow::Borrowed(body), |(text, _)| Cow::Owned(text))
}

/// At most so much of a body without its coding, and whether that is all; nothing where it has none that is
/// known.
fn decoded(
    headers: &HeaderMap,
    body: &[u8],
    most: usize,
) -> Option<(Vec<u8>, std::io::Result<usize>)> {
    let mut text = Vec::new();
    let most = most as u64;
    let read = match headers.get(CONTENT_ENCODING)?.as_bytes() {
        b"gzip" => flate2::read::GzDecoder::new(body)
            .take(most)
            .read_to_end(&mut text),
        b"deflate" => flate2::read::ZlibDecoder::new(body)
            .take(most)
            .read_to_end(&mut text),
        b"br" => brotli_decompressor::Decompressor::new(body, 4096)
            .take(most)
            .read_to_end(&mut text),
        _ => return None,
    };
    Some((text, read))
}

/// A page of the site's own with what the app has said beside the body: status, cookies, and more.
fn page(app: response::Parts, asked: Asked) -> Response<ResponseBody> {
    let detail = match app.status {
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::FORBIDDEN => "This is not for you to see.",
        StatusCode::UNAUTHORIZED => "You have to log in first.",
        StatusCode::METHOD_NOT_ALLOWED => "This address does not take such requests.",
        StatusCode::PAYLOAD_TOO_LARGE => "What was sent is too large.",
        status if status.is_client_error() => "The request cannot be understood.",
        _ => "Something went wrong here. It is not your fault.",
    };
    let refusal = Refusal::new(app.status, "app/error-page", detail);
    let mut ours = asked.page(refusal);
    let mut headers = app.headers;
    for name in [
        CONTENT_TYPE,
        CONTENT_LENGTH,
        CONTENT_ENCODING,
        CONTENT_SECURITY_POLICY,
        TRANSFER_ENCODING,
    ] {
        headers.remove(name);
    }
    for (name, value) in ours.headers() {
        if *name != CACHE_CONTROL || !headers.contains_key(name) {
            headers.insert(name, value.clone());
        }
    }
    *ours.headers_mut() = headers;
    ours.extensions_mut().extend(app.extensions);
    ours.map(ResponseBody::from)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http::HeaderValue;

    use super::*;

    fn document(message: &str) -> Vec<u8> {
        let (start, end) = PAGE;
        [start, message.as_bytes(), end].concat()
    }

    #[test]
    fn what_express_writes_is_told_from_what_an_app_does() {
        let is = |body: &[u8], status: u16| is_page(body, StatusCode::from_u16(status).unwrap());
        assert!(is(&document("Cannot GET /nope"), 404));
        assert!(is(
            &document("Error: x<br> &nbsp; &nbsp;at /srv/app.js:1:2"),
            500
        ));
        assert!(is(b"Cannot GET /nope\n", 404));
        assert!(!is(b"Cannot GET /nope\n", 500));
        assert!(!is(b"Cannot find your order.\nTry again.\n", 404));
        assert!(!is(b"", 404));
        assert!(!is(
            b"<!DOCTYPE html>\n<title>Error</title><pre>x</pre>",
            404
        ));
    }

    #[test]
    fn a_coded_page_is_read_too() {
        let page = document(&"at node:internal/x<br>".repeat(100));
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(&page).unwrap();
        let zipped = writer.finish().unwrap();
        let coding = HeaderValue::from_static("gzip");
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding)]);
        assert_eq!(*plain(&headers, &zipped), *page);
        let begun = start(&headers, &zipped[..zipped.len() / 2]);
        assert!(!begun.is_empty() && PAGE.0.starts_with(&begun));
        assert_eq!(*plain(&headers, b"no gzip"), *b"no gzip");
        let bomb = vec![0; 10 << 20];
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(&bomb).unwrap();
        assert_eq!(plain(&headers, &writer.finish().unwrap()).len(), MOST);
    }

    /// A body that comes in pieces.
    fn in_pieces(pieces: &[&[u8]]) -> ResponseBody {
        let end = ResponseBody::from(Bytes::new());
        let behind =
            |rest, piece: &&[u8]| ResponseBody::begun(Bytes::copy_from_slice(piece), None, rest);
        pieces.iter().rev().fold(end, behind)
    }

    /// What is found in such a body, how much of it was seen for that, and what goes on of it.
    async fn look(status: u16, pieces: &[&[u8]]) -> (Option<Found>, usize, Bytes) {
        let (parts, ()) = { Response::builder().status(status).body(()) }
            .unwrap()
            .into_parts();
        let mut look = Look::into(in_pieces(pieces));
        let found = look.find(&parts).await;
        let seen = look.seen.len();
        (found, seen, look.back().collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn a_page_of_the_app_s_own_goes_on_however_long_it_is() {
        let long = vec![b'x'; MOST];
        let pieces = [&b"<!DOCTYPE html>\n<title>Ours"[..], &long, b"the end"];
        let (found, seen, back) = look(500, &pieces).await;
        assert_eq!(found, Some(Found::Other));
        assert_eq!(seen, pieces[0].len(), "the first piece tells");
        assert_eq!(back, pieces.concat());
        let begins = [&b"Cannot find it: "[..], &long, &long];
        let (found, _, back) = look(404, &begins).await;
        assert_eq!(
            (found, back.to_vec()),
            (Some(Found::Other), begins.concat())
        );
        let (found, _, back) = look(404, &[b"Can", b"not tell.\nSorry\n"]).await;
        assert_eq!(found, Some(Found::Other));
        assert_eq!(back, &b"Cannot tell.\nSorry\n"[..]);
    }

    #[tokio::test]
    async fn a_page_of_the_framework_s_does_not_however_long_it_is() {
        let page = document("Cannot GET /nope");
        let (head, rest) = page.split_at(20);
        let found = look(404, &[head, rest]).await.0;
        assert_eq!(found, Some(Found::Page));
        let long = document(&"Cannot GET /&#39;".repeat(MOST / 8));
        let found = look(404, &[&long[..10], &long[10..]]).await.0;
        assert_eq!(found, Some(Found::Page));
    }
}
