//! What was answered.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use url::Url;

use super::certificate::Shown;

/// What an address answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether there is more of the body than was read.
    pub(crate) cut: bool,
    /// What the server showed of itself, over HTTPS.
    pub(crate) certificate: Option<Shown>,
}

/// Headers of which only the first line counts, as Node and browsers read them; lines of others belong
/// together.
const SINGLE: [&str; 10] = [
    "content-type",
    "content-length",
    "location",
    "server",
    "etag",
    "expires",
    "last-modified",
    "retry-after",
    "age",
    "host",
];

impl Answer {
    /// A header's value, of several lines one.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut lines = self.lines(name);
        if SINGLE.contains(&name) {
            return lines.next();
        }
        let lines: Vec<String> = lines.collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// A header's value if it is not empty.
    pub(crate) fn filled(&self, name: &str) -> Option<String> {
        self.header(name).filter(|value| !value.is_empty())
    }

    /// Each line of a header, a character a byte.
    pub(crate) fn lines(&self, name: &str) -> impl Iterator<Item = String> {
        let values = self.headers.get_all(name).into_iter();
        values.map(|value| {
            let text: String = value.as_bytes().iter().map(|byte| *byte as char).collect();
            text.trim_matches([' ', '\t']).to_owned()
        })
    }

    /// The type of its body, without parameters, as it is written.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().to_owned()
    }

    /// Whether a browser shows it as a page.
    pub(crate) fn is_page(&self) -> bool {
        let kind = self.media_type().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "text/html" | "application/xhtml+xml")
    }

    /// Whether the body stands there as it is, not compressed.
    pub(crate) fn is_plain(&self) -> bool {
        self.filled("content-encoding")
            .is_none_or(|coding| coding.eq_ignore_ascii_case("identity"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the server is the one that was meant, as far as that can be told.
    pub(crate) fn is_verified(&self) -> bool {
        { self.certificate.as_ref() }.is_none_or(|shown| shown.problems.is_empty())
    }

    /// Where it sends to.
    pub(crate) fn redirect(&self) -> Option<Result<Url, url::ParseError>> {
        if !matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        Some(self.url.join(&self.header("location")?))
    }
}
