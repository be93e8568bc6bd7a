//! The page of work.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use panoply_core::{PageOfItsOwn, Refusal, RequestId};

use super::layer::CHALLENGE_PATH;
use super::solution::seed;

const SCRIPT: &str = include_str!("page.js");

const STYLE: &str = include_str!("page.css");

/// By hashes, so that nothing else runs in it, whatever the site's own policy allows. To send a form again is to send one.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    let policy = format!(
        "default-src 'none';script-src 'sha256-{}';style-src 'sha256-{}';connect-src 'self';base-uri 'none';\
         form-action 'self';frame-ancestors 'self'",
        hash(SCRIPT),
        hash(STYLE)
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// The answer of a refusal as a page that solves `task`.
pub(super) fn answer<B>(
    refusal: Refusal,
    request: &Request<B>,
    task: &str,
    bits: u8,
) -> Response<Bytes> {
    let mut response = refusal.answer_to(request);
    let id: Option<&RequestId> = request.extensions().get();
    let sends = !matches!(*request.method(), Method::GET | Method::HEAD);
    let page = page(task, bits, sends, id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(page.len()));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
    *response.body_mut() = Bytes::from(page);
    response.extensions_mut().insert(PageOfItsOwn::new());
    response
}

fn page(task: &str, bits: u8, sends: bool, id: Option<&RequestId>) -> String {
    // A browser asks before it sends a form again, and may be told no.
    let form = if sends { " data-form=yes" } else { "" };
    let seed = seed(task);
    let (high, low) = seed.split_at(16);
    let half = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u128::from(*byte))
    };
    let seed = format!("{:032x}{:032x}", half(high), half(low));
    let id = id.map(|id| format!("<p><small>Request {id}</small></p>"));
    let id = id.unwrap_or_default();
    // A sealed text has letters, digits, `.`, `-` and `_`.
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><meta name=robots content=noindex>\
         <title>One moment</title><style>{STYLE}</style>\
         <main id=task data-at=\"{CHALLENGE_PATH}\" data-task=\"{task}\" data-seed=\"{seed}\" data-bits=\"{bits}\"{form}>\
         <h1>One moment, please</h1>\
         <p>This site is making sure that it is a browser that asks. Yours is solving a small task for it, and the page \
         will load by itself.</p>\
         <p><progress id=bar max=1 value=0 aria-label=\"How much of the task is done\"></progress></p>\
         <p id=said role=status aria-live=polite></p>\
         <p><button id=again type=button hidden>Try again</button></p>\
         <noscript><p><strong>The task needs JavaScript. Please switch it on for this site, and load the page \
         again.</strong></p></noscript>{id}</main><script>{SCRIPT}</script></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_elements_early() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--") && !STYLE.contains("</"));
        let policy = POLICY.to_str().unwrap();
        assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"));
    }
}
