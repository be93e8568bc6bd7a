//! Which requests are logins, however their path is written.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method, Request};
use http_body::Body;
use percent_encoding::percent_decode_str;

use super::usual;
use crate::original::original;

/// The paths of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    paths: Vec<String>,
    /// A bit for each letter that follows a path's slash, by which most requests are told to be none.
    letters: u128,
    methods: Vec<Method>,
    /// Whether what ends as a login does is one, below whatever path.
    below: bool,
}

/// By what a login is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Its path.
    Path,
    /// The end of its path alone: it is one if a password is sent.
    End,
    /// Credentials in its head, and nothing else that it does.
    Head,
}

/// What other pages of an app are that a failed login leads back to.
const USUAL: [&str; 8] = [
    "/login",
    "/signin",
    "/sign-in",
    "/sign_in",
    "/auth/login",
    "/users/sign_in",
    "/account/login",
    "/session/new",
];

/// Headers by which a request says that it means another method.
const OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

impl Route {
    pub(super) fn new(paths: &[String], methods: Vec<Method>) -> Self {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| canonical(path).into_owned())
            .collect();
        let letters = paths.iter().map(|path| letter(path));
        Self {
            letters: letters.fold(0, |all, one| all | one.unwrap_or(u128::MAX)),
            paths,
            methods,
            below: false,
        }
    }

    /// As well whatever ends as the path of a login, wherever it stands.
    pub(super) fn or_below(mut self, below: bool) -> Self {
        self.below = below;
        self
    }

    /// Whether a request is a login, and by what it is known: it goes there, and does something. That is what its
    /// method says, or means, or what may mean so in a body; or, where its end says so, what it brings in its head.
    ///
    /// Within a router that is nested, a path is read as it stands there, and as the client wrote it.
    pub(super) fn known_by<B: Body>(&self, request: &Request<B>) -> Option<By> {
        let cut = request.uri().path();
        let whole = original(request.extensions(), request.uri()).path();
        let by = self.fits(request, cut);
        if whole == cut || by == Some(By::Path) {
            return by;
        }
        match self.fits(request, whole) {
            Some(By::Path) => Some(By::Path),
            other => by.or(other),
        }
    }

    fn fits<B: Body>(&self, request: &Request<B>, path: &str) -> Option<By> {
        let starts = |known: &String| path.starts_with(known.as_str());
        let may_start = || letter(path).is_none_or(|letter| self.letters & letter != 0);
        let may_end = || {
            self.below
                && usual::may_have_login(path)
                && (usual::ends_as_login(path) || usual::is_behind_login(path))
        };
        if is_canonical(path) && !(may_start() && self.paths.iter().any(starts) || may_end()) {
            return None;
        }
        let acts = self.does_something(request);
        let brings = || has_credentials(request.headers()) && usual::ends_as_page(&canonical(path));
        if !acts && !brings() {
            return None;
        }
        let by = if self.leads_to(path) {
            By::Path
        } else if self.is_below(request, path) {
            By::End
        } else {
            return None;
        };
        Some(if acts { by } else { By::Head })
    }

    /// Whether a request does something by its method, or what may stand for it, and not by nothing but
    /// credentials in its head.
    fn does_something<B: Body>(&self, request: &Request<B>) -> bool {
        let body = request.body();
        let is_empty = body.is_end_stream() || body.size_hint().exact() == Some(0);
        self.acts(request.method()) || !is_empty || self.is_overridden(request)
    }

    fn is_below<B>(&self, request: &Request<B>, path: &str) -> bool {
        // Who puts a file where he likes may call it so; no client puts a login but as a form or JSON.
        let stores = || *request.method() == Method::PUT && !is_form_or_json(request.headers());
        let ends = || self.below && usual::ends_as_login(&canonical(path));
        (ends() || self.is_behind(path)) && !stores()
    }

    /// Whether a path has more behind that of a login, be it steps: what goes by the beginning of a path, or by some
    /// of its segments, takes the rest for nothing.
    fn is_behind(&self, path: &str) -> bool {
        let all = without_steps(path);
        let begins = |known: &String| {
            let rest = all.strip_prefix(known.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.below {
            usual::ends_as_login(&all) || usual::is_behind_login(&all)
        } else {
            self.paths.iter().any(begins)
        }
    }

    /// Whether `location`, where an answer redirects to, is the login again.
    pub(super) fn is_login_page(&self, location: &str) -> bool {
        let path = path_of(location);
        // Nothing but a query or a fragment leads back to where the form was sent.
        path.is_empty() || self.leads_to(path) || self.is_page(&canonical(path))
    }

    fn is_page(&self, path: &str) -> bool {
        USUAL.contains(&path) || self.below && usual::ends_as_page(path)
    }

    /// Whether where a login goes to is where its form is as well, as it is at the usual paths.
    pub(super) fn is_usual_page(path: &str) -> bool {
        let path = canonical(path);
        let without_format = path.rsplit_once('.').map(|(path, _)| path);
        USUAL.contains(&&*path)
            || without_format.is_some_and(|path| USUAL.contains(&path))
            || usual::ends_as_page(&path)
    }

    fn acts(&self, method: &Method) -> bool {
        let harmless = [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::TRACE,
            Method::DELETE,
        ];
        !harmless.contains(method) || self.methods.contains(method)
    }

    fn is_overridden<B>(&self, request: &Request<B>) -> bool {
        let acts = |method: &str| {
            let method = method.trim().to_ascii_uppercase();
            Method::from_bytes(method.as_bytes()).is_ok_and(|method| self.acts(&method))
        };
        let query = request.uri().query().unwrap_or("");
        let in_query = form_urlencoded::parse(query.as_bytes())
            .any(|(key, value)| key.eq_ignore_ascii_case("_method") && acts(&value));
        in_query || in_headers(request.headers()).any(acts)
    }

    fn leads_to(&self, path: &str) -> bool {
        let path = canonical(path);
        let among = |path: &str| {
            let without_format = path.rsplit_once('.').map(|(path, _)| path);
            let is = |known: &String| **known == *path || Some(known.as_str()) == without_format;
            self.paths.iter().any(is)
        };
        let program = usual::program(&path);
        among(&path) || program.len() < path.len() && among(program)
    }
}

/// The path of an address, which may be one alone.
pub(crate) fn path_of(location: &str) -> &str {
    // What a query or a path holds (`/login?next=https://…`) is no address of its own.
    let is_scheme = |scheme: &str| !scheme.contains(['/', '?', '#']);
    let path = match location.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => location,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

/// The bit of the letter behind the first slash, if there is one.
fn letter(path: &str) -> Option<u128> {
    let byte = path.as_bytes().get(1)?;
    1_u128.checked_shl((*byte).into())
}

/// Whether a request brings a name and a password in its head, as Basic has them: what asks for them at a path of
/// its own, as Trac and Cockpit do, is asked by GET.
pub(crate) fn has_credentials(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().trim_ascii_start().get(.."basic".len());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
    })
}

/// Whether a body says that it is what a login is sent as.
fn is_form_or_json(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().any(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
        kind.contains("form") || kind.contains("json")
    })
}

fn in_headers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = OVERRIDES.into_iter().flat_map(|name| headers.get_all(name));
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(','))
}

/// Whether a path is certainly its own canonical form, as far as it goes: most are, and most are no
/// login, which is then known without an allocation.
pub(crate) fn is_canonical(path: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let mut before = b' ';
    for byte in path.bytes() {
        let goes_on =
            plain(byte) || (byte == b'/' && before != b'/') || (byte == b'.' && before != b'/');
        // Two dots in a row may be a way up.
        if !goes_on || (byte == b'.' && before == b'.') {
            return false;
        }
        before = byte;
    }
    path.starts_with('/')
}

/// A path as the most lenient app would read it: decoded, without case, `//`, `.` and `..` folded,
/// without parameters (`;…`) and without a slash at the end.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    if is_canonical(path) {
        return match path.trim_end_matches('/') {
            "" => "/".into(),
            path => path.into(),
        };
    }
    folded(path, true).into()
}

/// A path as [`canonical`] has it, but for steps up, of which none is taken: as one that takes `..%2f` for a name
/// finds its beginning.
pub(crate) fn without_steps(path: &str) -> Cow<'_, str> {
    if is_canonical(path) {
        canonical(path)
    } else {
        folded(path, false).into()
    }
}

/// Without `%u0061`, which browsers' `escape` makes, and IIS undoes.
fn unescaped(text: &str) -> String {
    let mut parts = text.split_inclusive('%');
    let mut whole = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let digits = part.strip_prefix(['u', 'U']).and_then(|rest| rest.get(..4));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        if let Some(letter) = code.and_then(char::from_u32) {
            whole.pop();
            whole.push(letter);
            whole.push_str(part.get(5..).unwrap_or(""));
        } else {
            whole.push_str(part);
        }
    }
    whole
}

fn folded(path: &str, steps: bool) -> String {
    let mut decoded = path.to_owned();
    // Twice, since a proxy behind us might decode once more.
    for _ in 0..2 {
        decoded = unescaped(&percent_decode_str(&decoded).decode_utf8_lossy());
    }
    let decoded = decoded.to_lowercase().replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        let segment = segment
            .split([';', '\0', '?', '#'])
            .next()
            .unwrap_or("")
            .trim();
        match segment {
            ".." if steps => drop(segments.pop()),
            "" | "." | ".." => {}
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests;
