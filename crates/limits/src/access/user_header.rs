//! The header in which the app is told who has shown a password.

use std::sync::Arc;

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use panoply_core::PasswordUser;
use smallvec::SmallVec;

use super::users::Users;
use crate::Error;

const EXAMPLE: &str = "`user_header = \"X-Forwarded-User\"`, or another name of which the app knows that it says who is there";

/// The headers that only an [`AccessLayer`](super::AccessLayer) writes, for the app to believe; what a client sends of
/// such a name, or of one that some app takes for it, is taken off.
///
/// CGI, WSGI and PHP read `X_Forwarded_User`, and some of them `X.Forwarded.User`, as `X-Forwarded-User`.
///
/// ```
/// use http::HeaderName;
/// use panoply_limits::{AccessConfig, AccessLayer};
///
/// let hidden = AccessLayer::new([AccessConfig::new("/admin/", ["10.0.0.0/8"])])?;
/// assert!(hidden.user_headers().is_empty());
/// assert!(!hidden.user_headers().has(&HeaderName::from_static("x-forwarded-user")));
/// # Ok::<(), panoply_limits::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct UserHeaders(Arc<[HeaderName]>);

/// The headers that a layer around this one has written.
#[derive(Debug, Clone)]
struct Written(SmallVec<[HeaderName; 1]>);

impl UserHeaders {
    pub(super) fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut names: Vec<HeaderName> = names.into_iter().collect();
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        Self(names.into())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the name of one, or some app takes it for that.
    pub fn has(&self, name: &HeaderName) -> bool {
        let is = |own: &HeaderName| is_read_as(own.as_str(), name.as_str());
        self.0.iter().any(is)
    }

    /// Removes what is called so.
    pub fn remove_from(&self, headers: &mut HeaderMap) {
        let claims = |name: &&HeaderName| self.has(name);
        while let Some(name) = headers.keys().find(claims).cloned() {
            headers.remove(name);
        }
    }

    /// Takes off a request what its client says in the place of a layer, and what would have the way to the app take
    /// off what a layer says.
    pub(super) fn guard<B>(&self, request: &mut Request<B>) {
        if self.is_empty() {
            return;
        }
        // What a layer around this one has said is no client's.
        let written = request.extensions().get::<Written>().cloned();
        let mut kept: SmallVec<[(HeaderName, HeaderValue); 1]> = SmallVec::new();
        let written = written.into_iter().flat_map(|written| written.0);
        for name in written.filter(|name| self.has(name)) {
            let value = request.headers().get(&name).cloned();
            kept.extend(value.map(|value| (name, value)));
        }
        let headers = request.headers_mut();
        self.remove_from(headers);
        headers.extend(kept);
        self.keep_on(headers);
    }

    /// What `Connection` names is taken off on the way (RFC 9110 §7.6.1): none of these is.
    fn keep_on(&self, headers: &mut HeaderMap) {
        let names = |option: &str| {
            let name = option.trim().parse::<HeaderName>();
            name.is_ok_and(|name| self.has(&name))
        };
        let options = |value: &HeaderValue| {
            let value = value.to_str().unwrap_or_default();
            value.split(',').any(names)
        };
        if !headers.get_all(CONNECTION).iter().any(options) {
            return;
        }
        let left: Vec<HeaderValue> = { headers.get_all(CONNECTION).iter() }
            .filter_map(|value| {
                let options = value.to_str().ok()?.split(',');
                let left: Vec<&str> = options.filter(|option| !names(option)).collect();
                HeaderValue::from_str(left.join(",").trim()).ok()
            })
            .filter(|value| !value.is_empty())
            .collect();
        headers.remove(CONNECTION);
        for value in left {
            headers.append(CONNECTION, value);
        }
    }
}

/// Tells whoever is behind a layer who has shown a password to it, in `headers` if there are any.
pub(super) fn tell<B>(request: &mut Request<B>, name: &str, headers: SmallVec<[HeaderName; 1]>) {
    // Where there is a header the names were looked at when the layer was made.
    if let Ok(value) = HeaderValue::from_str(name) {
        for header in &headers {
            request.headers_mut().insert(header, value.clone());
        }
    }
    if !headers.is_empty() {
        request.extensions_mut().insert(Written(headers));
    }
    request.extensions_mut().insert(PasswordUser::new(name));
}

/// Whether some app reads a header of this name as one that is called `own`, which has letters, digits and `-` alone.
fn is_read_as(own: &str, name: &str) -> bool {
    let same = |(own, name): (u8, u8)| own == name || own == b'-' && !name.is_ascii_alphanumeric();
    own.len() == name.len() && own.bytes().zip(name.bytes()).all(same)
}

/// A name for such a header, of whose `users` all can be told in one.
pub(super) fn parse(name: &str, users: Option<&Users>) -> Result<HeaderName, Error> {
    let wrong = |problem: String, example| Error::Value {
        key: "user_header",
        problem,
        example,
    };
    let Some(users) = users else {
        let problem = "tells who has shown a password, and none is asked for".to_owned();
        let example = "`users` or `htpasswd` beside it, or leave it out";
        return Err(wrong(problem, example));
    };
    let is_plain = |name: &str| {
        let mut bytes = name.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !name.ends_with('-')
    };
    let header = name.parse().ok().filter(|_| is_plain(name));
    let header: HeaderName = header.ok_or_else(|| {
        let problem = format!(
            "is `{name}`, where a name has letters, digits and `-`, of which no app makes another"
        );
        wrong(problem, EXAMPLE)
    })?;
    if is_taken(header.as_str()) {
        let problem = format!("is `{name}`, which says something else");
        return Err(wrong(problem, EXAMPLE));
    }
    let is_sayable = |name: &&str| name.chars().all(|c| matches!(c, ' '..='~'));
    if let Some(odd) = users.names().find(|name| !is_sayable(name)) {
        let problem = format!("cannot tell of `{odd}`: a header has no letters but ASCII's");
        return Err(wrong(problem, "that user's name in ASCII, or leave it out"));
    }
    Ok(header)
}

/// Whether a name has a meaning already: to HTTP, to what stands between, or to frameworks.
fn is_taken(name: &str) -> bool {
    const FAMILIES: [&str; 6] = [
        "accept",
        "access-control-",
        "content-",
        "if-",
        "proxy-",
        "sec-",
    ];
    FAMILIES.iter().any(|family| name.starts_with(family)) || TAKEN.binary_search(&name).is_ok()
}

const TAKEN: [&str; 47] = [
    "authorization",
    "cache-control",
    "client-cert",
    "client-cert-chain",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "prefer",
    "priority",
    "proxy",
    "purpose",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-csrf-token",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-http-method-override",
    "x-middleware-subrequest",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
    "x-rewrite-url",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(own: &[&'static str]) -> UserHeaders {
        UserHeaders::new(own.iter().map(|name| HeaderName::from_static(name)))
    }

    #[test]
    fn whatever_an_app_takes_for_it_is_it() {
        assert!(TAKEN.is_sorted());
        let own = headers(&["x-forwarded-user", "remote-user"]);
        for (name, expected) in [
            ("X-Forwarded-User", true),
            ("x_forwarded_user", true),
            ("X-FORWARDED_user", true),
            ("x.forwarded-user", true),
            ("x~forwarded!user", true),
            ("Remote_User", true),
            ("x-forwarded-users", false),
            ("x-forwarded-use", false),
            ("xxforwarded-user", false),
            ("x-remote-user", false),
            ("authorization", false),
        ] {
            let name: HeaderName = name.parse().unwrap();
            assert_eq!(own.has(&name), expected, "{name}");
        }
    }

    #[test]
    fn what_a_client_says_of_itself_is_taken_off() {
        let own = headers(&["x-forwarded-user"]);
        let mut request = Request::new(());
        for (name, value) in [
            ("x-forwarded-user", "root"),
            ("x-forwarded-user", "admin"),
            ("x_forwarded_user", "root"),
            ("x.forwarded.user", "root"),
            ("x-forwarded-user-x", "other"),
            ("connection", "keep-alive, X-Forwarded-User"),
            ("connection", "x_forwarded-user"),
            ("connection", "upgrade,x-hop"),
        ] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        own.guard(&mut request);
        let left: Vec<_> = request.headers().iter().collect();
        let left: Vec<_> = { left.iter() }
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(
            left,
            [
                ("x-forwarded-user-x", "other"),
                ("connection", "keep-alive"),
                ("connection", "upgrade,x-hop"),
            ]
        );
        // What a layer has said, another one within leaves.
        tell(&mut request, "ada", own.0.iter().cloned().collect());
        own.guard(&mut request);
        assert_eq!(request.headers()["x-forwarded-user"], "ada");
        let user = request.extensions().get().map(PasswordUser::name);
        assert_eq!(user, Some("ada"));
    }
}
