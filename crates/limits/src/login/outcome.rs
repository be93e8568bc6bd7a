//! How a login went, read from the app's answer.

use std::fmt;

use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, StatusCode};
use panoply_core::spelling::canonical;
use serde::Deserialize;

use super::route::{Route, path_of};
use super::trail::Trail;

mod telling;
mod words;

/// Where a server action of Next.js leads, and how.
const ACTION_REDIRECT: HeaderName = HeaderName::from_static("x-action-redirect");

/// How a login went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was right.
    Success,
    /// It was wrong.
    Failure,
    /// The app said neither, as when it failed itself.
    Neither,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Neither => "neither",
        })
    }
}

/// How an answer was read, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) outcome: Outcome,
    pub(super) reason: &'static str,
}

/// An answer to a login, as far as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// Whether that is all of it.
    pub(super) whole: bool,
    pub(super) trail: &'a Trail,
    /// Where the login is, as the client wrote it.
    pub(super) at: &'a str,
}

/// Signs by which an answer is read, each of which is enough.
///
/// ```toml
/// failure = { status = [400], body = ["Invalid password"] }
/// success = { cookie = ["session"], json = ["token"] }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signs {
    status: Vec<u16>,
    location: Vec<String>,
    cookie: Vec<String>,
    json: Vec<String>,
    body: Vec<String>,
}

impl Signs {
    /// No signs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status.push(status);
        self
    }

    /// The beginning of where the answer redirects to.
    #[must_use]
    pub fn location(mut self, start: impl Into<String>) -> Self {
        self.location.push(start.into());
        self
    }

    /// The name of a cookie that the answer sets.
    #[must_use]
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.cookie.push(name.into());
        self
    }

    /// A field of the JSON, as a dotted path, that is there and neither null, false nor empty; or
    /// one with a value: `status=error`.
    #[must_use]
    pub fn json(mut self, field: impl Into<String>) -> Self {
        self.json.push(field.into());
        self
    }

    /// A text in the body.
    #[must_use]
    pub fn body(mut self, text: impl Into<String>) -> Self {
        self.body.push(text.into());
        self
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn need_body(&self) -> bool {
        !self.json.is_empty() || !self.body.is_empty()
    }

    fn show(&self, answer: &Answer<'_>) -> bool {
        let Answer {
            status,
            headers,
            body,
            ..
        } = *answer;
        let location = text(headers, LOCATION);
        let sets = |name: &String| {
            let cookies = headers.get_all(SET_COOKIE).iter();
            let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok());
            cookies.any(|cookie| sets_cookie(cookie, name))
        };
        self.status.contains(&status.as_u16())
            || self
                .location
                .iter()
                .any(|start| location.starts_with(start.as_str()))
            || self.cookie.iter().any(sets)
            || (!self.json.is_empty() && has_field(&self.json, body))
            || self.body.iter().any(|text| contains(body, text.as_bytes()))
    }
}

/// How an answer is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader {
    pub(super) success: Signs,
    pub(super) failure: Signs,
}

impl Reader {
    /// Whether the body has to be seen.
    pub(super) fn needs_body(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.success.need_body()
            || self.failure.need_body()
            || (status.is_success() && (is_html(headers) || is_json(headers) || is_text(headers)))
    }

    pub(super) fn read(&self, answer: &Answer<'_>, route: &Route) -> Read {
        use Outcome::{Failure, Neither, Success};
        let read = |outcome, reason| Read { outcome, reason };
        if self.failure.show(answer) {
            return read(Failure, "it shows what `failure` says");
        }
        if self.success.show(answer) {
            return read(Success, "it shows what `success` says");
        }
        // Where it is said what a success looks like, nothing else is one.
        let defined = !self.success.is_empty();
        let Answer { headers, body, .. } = *answer;
        let (html, json) = (is_html(headers), is_json(headers));
        let leads = text(headers, LOCATION);
        match answer.status.as_u16() {
            // What an app answers to a wrong password, of whatever kind it finds it.
            400..=499 => read(Failure, "the status says so"),
            300..=399 if !headers.contains_key(LOCATION) => read(Neither, "it leads nowhere"),
            300..=399 if route.is_login_page(&leads) || is_back(&leads, answer.at) => {
                read(Failure, "it leads back to a login page")
            }
            300..=399 if answer.trail.leads_to(&leads) => read(
                Failure,
                "it leads to where the client says that it came from",
            ),
            300..=399 if telling::tells_of_an_error(&leads) => {
                read(Failure, "where it leads to says that something is wrong")
            }
            200..=299 if html && has_password_field(body) => {
                read(Failure, "the page asks for a password again")
            }
            200..=299 if json && telling::says_no(body) => {
                read(Failure, "the JSON says that something is wrong")
            }
            200..=299 if !defined && (html || is_text(headers)) && words::page_says_no(body) => {
                read(Failure, "the text says that something is wrong")
            }
            200..=299
                if !defined && json && !telling::says_yes(body) && words::json_says_no(body) =>
            {
                read(Failure, "the JSON says in words that something is wrong")
            }
            // What stands behind may ask for a password again.
            200..=299 if !defined && (html || json) && !answer.whole => {
                read(Failure, "not all of it could be read")
            }
            200..=399 if !defined && is_server_action(headers) => server_action(headers, route),
            200..=399 if defined => read(Failure, "it shows nothing of what `success` says"),
            300..=399 => read(Success, "it leads elsewhere than to a login page"),
            200..=299 => read(Success, "the status says so"),
            _ => read(Neither, "the app itself failed"),
        }
    }
}

/// How a request went that only by credentials in its head is a login.
///
/// At the path of a login nothing but wrong credentials is answered by 401. All else shows nothing: the page of the
/// login is there for everybody, and its app may know nothing of credentials, which a browser sends since a server
/// in front has asked for them.
pub(super) fn read_by_head(answer: &Answer<'_>) -> Read {
    let (outcome, reason) = if answer.status == StatusCode::UNAUTHORIZED {
        (Outcome::Failure, "the status says so")
    } else {
        let reason = "credentials in the head were not refused, which shows nothing";
        (Outcome::Neither, reason)
    };
    Read { outcome, reason }
}

/// How a request went that only the end of its path says to be a login, as it was `read`.
///
/// An app that has one page for whatever path it is asked for would have anybody's guesses forgiven, and a device
/// known, by a request to a path that is made up.
pub(super) fn read_by_end(read: Read, answer: &Answer<'_>) -> Read {
    let is_page = answer.status.is_success() && is_html(answer.headers);
    if read.outcome == Outcome::Success && is_page && !answer.headers.contains_key(SET_COOKIE) {
        return Read {
            outcome: Outcome::Neither,
            reason: "a page that sets no cookie shows nothing where no login is known to be",
        };
    }
    read
}

fn text(headers: &HeaderMap, name: http::header::HeaderName) -> String {
    let value = headers.get(name).map(http::HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

fn is_html(headers: &HeaderMap) -> bool {
    let content_type = text(headers, CONTENT_TYPE).to_ascii_lowercase();
    content_type.contains("html")
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = text(headers, CONTENT_TYPE).to_ascii_lowercase();
    content_type.contains("json")
}

/// Whether what is sent is words: plain, or whatever has no type.
fn is_text(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|kind| {
        let kind = kind.as_bytes();
        kind.get(.."text/plain".len())
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/plain"))
    })
}

/// Whether this is what Next.js answers to a form that calls a server action: whatever that came to, the
/// status is 200 or 303, and what it returned is in a form of React's own.
fn is_server_action(headers: &HeaderMap) -> bool {
    text(headers, CONTENT_TYPE).starts_with("text/x-component")
}

/// Whether `location` leads back to `path` of a router that is nested, which its login does not know.
fn is_back(location: &str, path: &str) -> bool {
    canonical(path_of(location)) == canonical(path)
}

/// A login that was right leads on or sets a cookie; one that was wrong returns what it has to say.
fn server_action(headers: &HeaderMap, route: &Route) -> Read {
    let read = |outcome, reason| Read { outcome, reason };
    // `/account;push`
    let target = text(headers, ACTION_REDIRECT);
    let target = target.split(';').next().unwrap_or("").trim();
    if !target.is_empty() && route.is_login_page(target) {
        return read(
            Outcome::Failure,
            "the server action leads back to a login page",
        );
    }
    if !target.is_empty() {
        let reason = "the server action leads elsewhere than to a login page";
        return read(Outcome::Success, reason);
    }
    if headers.contains_key(SET_COOKIE) {
        return read(Outcome::Success, "the server action sets a cookie");
    }
    let reason = "the server action neither leads anywhere nor sets a cookie";
    read(Outcome::Failure, reason)
}

/// Whether `cookie` sets `name` to something, rather than removing it.
fn sets_cookie(cookie: &str, name: &str) -> bool {
    let mut parts = cookie.split(';');
    let pair = parts.next().and_then(|pair| pair.split_once('='));
    let is_it = pair.is_some_and(|(key, value)| key.trim() == name && !value.trim().is_empty());
    let removes = |part: &str| part.trim().eq_ignore_ascii_case("max-age=0");
    is_it && !parts.any(removes)
}

/// Whether a page asks for a password again: an input of that type, however it is written.
fn has_password_field(page: &[u8]) -> bool {
    let page = String::from_utf8_lossy(page).to_ascii_lowercase();
    page.match_indices("type").any(|(at, _)| {
        let rest = page.get(at + "type".len()..).unwrap_or("").trim_start();
        let value = rest.strip_prefix('=').map(str::trim_start);
        value.is_some_and(|value| {
            value
                .trim_start_matches(['"', '\''])
                .starts_with("password")
        })
    })
}

fn has_field(fields: &[String], body: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
        return false;
    };
    fields.iter().any(|field| {
        let (path, wanted) = match field.split_once('=') {
            Some((path, wanted)) => (path, Some(wanted)),
            None => (field.as_str(), None),
        };
        let pointer = format!("/{}", path.trim().replace('.', "/"));
        let Some(found) = json.pointer(&pointer) else {
            return false;
        };
        match (wanted.map(str::trim), found) {
            (Some(wanted), serde_json::Value::String(found)) => wanted == found,
            // A number or a word, as it is written in JSON.
            (Some(wanted), found) => {
                serde_json::from_str(wanted).is_ok_and(|wanted: serde_json::Value| wanted == *found)
            }
            (None, serde_json::Value::String(found)) => !found.is_empty(),
            (None, serde_json::Value::Bool(found)) => *found,
            (None, found) => !found.is_null(),
        }
    })
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests;
