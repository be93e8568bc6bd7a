//! The one form in which a layer says no.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode};

use crate::{BlockId, RequestId};

mod form;
mod grpc;

pub use form::AskedForm;
use form::Form;

/// A request that is not passed on: the status, the rule that made it so, and words for people.
///
/// The id in the answer is the one in the log, so that whoever is asked "why was I refused" can
/// answer. The answer itself says nothing that the client could use to get around the rule.
///
/// ```
/// use http::{HeaderMap, StatusCode, header::ACCEPT};
/// use panoply_core::Refusal;
///
/// let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "app/away", "The app is not running.");
/// let mut asked = HeaderMap::new();
/// asked.insert(ACCEPT, "application/json".parse()?);
/// let answer = refusal.into_response(&asked);
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    rule: &'static str,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    id: Option<RequestId>,
    block: Option<BlockId>,
}

impl Refusal {
    /// A refusal by `rule` (an id such as `intake/host`), explained to the client by `detail`.
    pub fn new(
        status: StatusCode,
        rule: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            rule,
            detail: detail.into(),
            retry_after: None,
            id: None,
            block: None,
        }
    }

    /// When the client may try again; written rounded up to whole seconds, one at least.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The id of the request, shown to the client.
    #[must_use]
    pub fn with_id(mut self, id: RequestId) -> Self {
        self.id = Some(id);
        self
    }

    /// The block that made it so, for the log; the client is not told.
    #[must_use]
    pub const fn with_block(mut self, block: BlockId) -> Self {
        self.block = Some(block);
        self
    }

    /// The block that made it so, if it was one.
    pub const fn block(&self) -> Option<BlockId> {
        self.block
    }

    /// The id of the request.
    pub const fn id(&self) -> Option<RequestId> {
        self.id
    }

    /// When the client may try again, as `Retry-After` has it: in whole seconds, one at least.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let after = self.retry_after?;
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        Some(seconds.max(1))
    }

    /// The words for the client, escaped for a page.
    pub fn detail_as_html(&self) -> String {
        escape_html(&self.detail)
    }

    /// The words for the client, escaped for a JSON string.
    pub fn detail_as_json(&self) -> String {
        escape_json(&self.detail)
    }

    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The rule that refused.
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// The answer to a request, with the id that the request has in its extensions; see
    /// [`into_response`](Self::into_response).
    pub fn answer_to<B>(mut self, request: &Request<B>) -> Response<Bytes> {
        self.id = request.extensions().get().copied().or(self.id);
        self.into_response(request.headers())
    }

    /// The answer, in the form that the request's `Accept` asks for: a page, a problem document
    /// (RFC 9457) or plain text. The refusal itself goes along in the extensions, for the log.
    ///
    /// A gRPC client, which sends `application/grpc`, reads none of these: it is answered with 200, and in `grpc-status`
    /// and `grpc-message` what was refused. What was decided is [`decided`](Self::decided) by then.
    pub fn into_response(self, request: &HeaderMap) -> Response<Bytes> {
        self.answer_as(&AskedForm::of(request))
    }

    /// The same where only that is left of a request that has been passed on.
    pub fn answer_as(self, asked: &AskedForm) -> Response<Bytes> {
        let mut response = match asked.form() {
            None => grpc::answer(&self),
            Some(form) => self.written(form),
        };
        response.extensions_mut().insert(self);
        response
    }

    /// The status of an answer with these extensions, or that of the refusal in it, which a gRPC client is not told by it.
    ///
    /// ```
    /// use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
    /// use panoply_core::Refusal;
    ///
    /// let refusal = Refusal::new(StatusCode::FORBIDDEN, "blocks", "Not from there.");
    /// let asked = HeaderMap::from_iter([(CONTENT_TYPE, "application/grpc".parse()?)]);
    /// let answer = refusal.into_response(&asked);
    /// assert_eq!(answer.status(), StatusCode::OK);
    /// assert_eq!(Refusal::decided(answer.status(), answer.extensions()), StatusCode::FORBIDDEN);
    /// # Ok::<(), http::header::InvalidHeaderValue>(())
    /// ```
    pub fn decided(status: StatusCode, extensions: &Extensions) -> StatusCode {
        let refusal = extensions.get::<Self>();
        refusal
            .filter(|_| status == StatusCode::OK)
            .map_or(status, Self::status)
    }

    /// The same answer for what is no refusal, but an error of the app's own that is told in our form:
    /// an [`OwnPage`] goes along, and the log counts nothing as refused.
    pub fn into_page(self, asked: &AskedForm) -> Response<Bytes> {
        let mut response = self.written(asked.form().unwrap_or(Form::Text));
        response.extensions_mut().insert(OwnPage(self));
        response
    }

    fn written(&self, form: Form) -> Response<Bytes> {
        let (content_type, body) = match form {
            Form::Html => ("text/html; charset=utf-8", self.page()),
            Form::Problem => ("application/problem+json", self.problem()),
            Form::Text => ("text/plain; charset=utf-8", self.text()),
        };
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        *response.body_mut() = Bytes::from(body);
        response
    }

    fn reason(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Refused")
    }

    fn page(&self) -> String {
        let status = self.status.as_u16();
        let reason = self.reason();
        let detail = escape_html(&self.detail);
        let id = self
            .id
            .map(|id| format!("<p><small>Request {id}</small></p>"));
        format!(
            "<!doctype html><html lang=en><meta charset=utf-8>\
             <meta name=viewport content=\"width=device-width\"><meta name=robots content=noindex>\
             <title>{status} {reason}</title>\
             <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;\
             max-width:34rem;margin:18vh auto;padding:0 1.5rem}}h1{{font-size:1.5rem}}\
             small{{opacity:.65}}</style>\
             <h1>{status} {reason}</h1><p>{detail}</p>{}</html>\n",
            id.unwrap_or_default()
        )
    }

    fn problem(&self) -> String {
        let mut json = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{}\",\"status\":{},\"detail\":\"{}\"",
            self.reason(),
            self.status.as_u16(),
            escape_json(&self.detail)
        );
        if let Some(id) = self.id {
            json.push_str(",\"instance\":\"urn:panoply:request:");
            json.push_str(&id.to_string());
            json.push('"');
        }
        json.push_str("}\n");
        json
    }

    fn text(&self) -> String {
        let id = self
            .id
            .map(|id| format!("Request {id}\n"))
            .unwrap_or_default();
        format!(
            "{} {}\n{}\n{id}",
            self.status.as_u16(),
            self.reason(),
            self.detail
        )
    }
}

/// What was to be told of an error of the app's own, in place of the page that its framework has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPage(Refusal);

impl OwnPage {
    /// In the words and forms of a refusal.
    pub const fn words(&self) -> &Refusal {
        &self.0
    }
}

/// Goes along with a refusal whose page does more than say so, and is not to be replaced by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageOfItsOwn;

impl PageOfItsOwn {
    /// The mark.
    pub const fn new() -> Self {
        Self
    }
}

impl Default for PageOfItsOwn {
    fn default() -> Self {
        Self::new()
    }
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn escape_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            control if control.is_control() => {
                // A control character is below U+00A0: two of the four digits say it all.
                escaped.push_str("\\u00");
                let nibbles = [u32::from(control) >> 4, u32::from(control) & 15];
                escaped.extend(nibbles.into_iter().filter_map(|n| char::from_digit(n, 16)));
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    fn answer(accept: &'static str) -> (String, String) {
        let mut request = HeaderMap::new();
        request.insert(ACCEPT, HeaderValue::from_static(accept));
        let refusal = Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "limits/login",
            "Wait <\"a\\ bit\n>",
        )
        .with_id(RequestId::from_bytes([7; 12]))
        .with_retry_after(Duration::from_millis(1));
        let response = refusal.into_response(&request);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let media = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (media, String::from_utf8(response.body().to_vec()).unwrap())
    }

    #[test]
    fn answers_in_the_form_asked_for() {
        let (media, page) =
            answer("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        assert_eq!(media, "text/html; charset=utf-8");
        assert!(page.contains("Wait &lt;&quot;a\\ bit"), "{page}");
        assert!(page.contains("070707070707070707070707"), "{page}");

        let (media, problem) = answer("application/json, text/plain, */*");
        assert_eq!(media, "application/problem+json");
        assert!(
            problem.contains(r#""detail":"Wait <\"a\\ bit\u000a>""#),
            "{problem}"
        );

        assert_eq!(answer("*/*").0, "text/plain; charset=utf-8");
    }
}
