//! What a request must be before any other room sees it.

mod astray;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod host;
mod hosts;
mod late;
mod origin;
mod sanitize;
mod service;

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use panoply_core::Refusal;

pub(crate) use astray::Astray;
pub(crate) use hosts::{Hosts, Told};
pub(crate) use late::Late;
pub(crate) use origin::own as own_origin;
pub(crate) use sanitize::is_plain;
pub(crate) use service::{Asked, Intake};

/// Makes sure of one method, one host and one target, and removes headers that only mislead.
///
/// An absolute target is brought into origin form, so that every rule and the app see one path.
pub(crate) fn admit<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let detail = "This server does not take requests of this method.";
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "intake/method",
            detail,
        ));
    }
    if request.version() >= Version::HTTP_2 && !is_one_length(request.headers()) {
        let detail = "The request says its length more than once, or not as a number.";
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "intake/content-length",
            detail,
        ));
    }
    let host = host::of(request)
        .map_err(|(rule, detail)| Refusal::new(StatusCode::BAD_REQUEST, rule, detail))?;
    if !is_target(request) {
        let detail = "The request's target is neither a path nor a whole address.";
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "intake/target",
            detail,
        ));
    }
    if request.version() <= Version::HTTP_11 && request.uri().authority().is_some() {
        *request.uri_mut() = origin_form(request.uri());
    }
    if let Some(host) = host
        && let Ok(host) = HeaderValue::from_str(host.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    sanitize::headers(request.headers_mut());
    Ok(())
}

/// Whether the connection must end with the answer to a refused request.
pub(crate) fn closes(refusal: &Refusal) -> bool {
    let status = refusal.status();
    refusal.rule().starts_with("intake/") || status == StatusCode::PAYLOAD_TOO_LARGE
}

/// Tells the client that no further request is read from this connection.
pub(crate) fn close<B>(response: &mut http::Response<B>, version: Version) {
    if version <= Version::HTTP_11 {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// How many headers a request has. Over HTTP/2 browsers send each cookie in a field of its own (RFC 9113 §8.2.3):
/// together those are the one header that they are to the app.
fn fields<B>(request: &Request<B>) -> usize {
    let headers = request.headers();
    let crumbs = match request.version() {
        Version::HTTP_2 => headers.get_all(COOKIE).iter().count(),
        _ => 0,
    };
    headers.len() - crumbs.saturating_sub(1)
}

/// Whether the head of a request over HTTP/2 has `most` bytes or more, as RFC 9113 §6.5.2 counts them: 32 for each
/// field beside its name and value.
fn is_longer<B>(request: &Request<B>, most: usize) -> bool {
    const EACH: usize = 32;
    if request.version() != Version::HTTP_2 {
        return false;
    }
    let uri = request.uri();
    let target = uri.path_and_query().map_or(1, |path| path.as_str().len());
    let authority = uri
        .authority()
        .map_or(0, |authority| authority.as_str().len());
    let method = request.method().as_str().len();
    let own = ":method:scheme:authority:path".len() + method + "https".len() + 4 * EACH;
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + EACH);
    own + authority + target + fields.sum::<usize>() >= most
}

/// Whether there is at most one length, and it is a plain number; on HTTP/1 the framing sees to it.
fn is_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let plain = |value: &HeaderValue| match value.as_bytes() {
        b"0" => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    lengths.next().is_none_or(plain) && lengths.next().is_none()
}

/// Whether the target is in one of the forms that its method may have (RFC 9112 §3.2): that of an
/// authority is for CONNECT, and `*` for OPTIONS. Over HTTP/2 a path is never empty (RFC 9113 §8.3.1).
fn is_target<B>(request: &Request<B>) -> bool {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    match target.as_bytes().first() {
        Some(b'/') => true,
        Some(b'*') => target == "*" && request.method() == Method::OPTIONS,
        // `http://a.test` and `http://a.test?x` are whole.
        None | Some(b'?') => uri.scheme().is_some() && request.version() <= Version::HTTP_11,
        Some(_) => false,
    }
}

fn origin_form(uri: &Uri) -> Uri {
    let slash = || PathAndQuery::from_static("/");
    let target = uri.path_and_query().cloned().unwrap_or_else(slash);
    if !target.as_str().starts_with('?') {
        return Uri::from(target);
    }
    // Only the path is empty (RFC 9110 §4.2.3).
    let whole = PathAndQuery::try_from(format!("/{}", target.as_str()));
    Uri::from(whole.unwrap_or_else(|_| slash()))
}

/// The ports that are listened on, where HTTPS is one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) http: Option<u16>,
    pub(crate) https: u16,
}

impl Ports {
    /// Where a client finds HTTPS that asked for `host` on plain HTTP.
    ///
    /// One that came by port 80, where nobody listens here, was led from there to here, by a container's
    /// published port or a load balancer; and so it will be from 443.
    fn of_https(self, host: &Authority) -> u16 {
        let by_80 = host.port_u16().is_none_or(|port| port == 80);
        if by_80 && self.http != Some(80) {
            443
        } else {
            self.https
        }
    }
}

/// The same target under `https`, for the host the client asked for, or for the name that it leads to.
pub(crate) fn https_location<B>(
    request: &Request<B>,
    ports: Ports,
    moved: Option<&str>,
) -> Option<HeaderValue> {
    let host = origin::asked_host(request)?;
    let port = if astray::is(request) {
        host.port_u16().unwrap_or(443)
    } else {
        ports.of_https(&host)
    };
    let name = moved.unwrap_or(host.host());
    location(request, Scheme::HTTPS, name, (port != 443).then_some(port))
}

/// The same target for the name that the client's host leads to, by the scheme and the port that it came by.
fn moved_location<B>(request: &Request<B>, moved: &str, by_https: bool) -> Option<HeaderValue> {
    let port = origin::asked_host(request)?.port_u16();
    let scheme = if by_https {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    };
    location(request, scheme, moved, port)
}

fn location<B>(
    request: &Request<B>,
    scheme: Scheme,
    name: &str,
    port: Option<u16>,
) -> Option<HeaderValue> {
    let authority = match port {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    let mut target = Parts::default();
    target.scheme = Some(scheme);
    target.authority = Some(authority.parse().ok()?);
    target.path_and_query = origin_form(request.uri()).into_parts().path_and_query;
    HeaderValue::try_from(Uri::from_parts(target).ok()?.to_string()).ok()
}

#[cfg(test)]
mod tests;
