//! The error pages that Express has by itself: they tell what runs, and in development its stack.
//!
//! They come from `finalhandler`, which connect and Express 3 to 5 share. Its head cannot be taken for
//! an app's own; the body is read to be sure, within bounds, and goes on as it came if it is another.

use std::borrow::Cow;
use std::io::Read as _;
use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Response, StatusCode, response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
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

/// The site's own page in place of the framework's; any other goes on as it came.
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
    let gathered = tokio::time::timeout(PATIENCE, Limited::new(body, MOST).collect()).await;
    let Ok(Ok(gathered)) = gathered else {
        // It broke off, or has no end: no page of the framework's, and what came of it is gone.
        let detail = "The application behind this address broke off its answer.";
        let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "app/broken-answer", detail);
        return asked.answer(refusal).map(ResponseBody::from);
    };
    let bytes = gathered.to_bytes();
    if is_page(&plain(&parts.headers, &bytes), parts.status) {
        return page(parts, asked);
    }
    Response::from_parts(parts, ResponseBody::from(bytes))
}

/// Whether this is the framework's page.
fn is_page(body: &[u8], status: StatusCode) -> bool {
    let (start, end) = PAGE;
    let document = body.starts_with(start) && body.ends_with(end);
    // Before Express 4.15 it was a line.
    let line = status == StatusCode::NOT_FOUND
        && body.starts_with(b"Cannot ")
        && body.iter().position(|byte| *byte == b'\n') == body.len().checked_sub(1);
    document || line
}

/// The body without its coding; the coded one where that cannot be taken off.
fn plain<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(coding) = headers.get(CONTENT_ENCODING) else {
        return Cow::Borrowed(body);
    };
    let mut text = Vec::new();
    let most = MOST as u64;
    let read = match coding.as_bytes() {
        b"gzip" => flate2::read::GzDecoder::new(body)
            .take(most)
            .read_to_end(&mut text),
        b"deflate" => flate2::read::ZlibDecoder::new(body)
            .take(most)
            .read_to_end(&mut text),
        b"br" => brotli_decompressor::Decompressor::new(body, 4096)
            .take(most)
            .read_to_end(&mut text),
        _ => return Cow::Borrowed(body),
    };
    if read.is_ok() {
        Cow::Owned(text)
    } else {
        Cow::Borrowed(body)
    }
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
        assert_eq!(*plain(&headers, b"no gzip"), *b"no gzip");
        let bomb = vec![0; 10 << 20];
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(&bomb).unwrap();
        assert_eq!(plain(&headers, &writer.finish().unwrap()).len(), MOST);
    }
}
