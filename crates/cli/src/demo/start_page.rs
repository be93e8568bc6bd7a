//! The page that attacks the naked and the guarded app, and shows what came of it.
//!
//! It sets strict headers of its own, has one script in a file, and answers only to a loopback name,
//! so that no website can read it by DNS rebinding.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, uri::Scheme,
};

use super::{
    DemoUrls,
    html::{Slot, fill},
    lab::{ATTACKS, Attack},
};

const CERTIFICATE_BYTES: u64 = 64 * 1024;

/// The start page, rendered once.
#[derive(Debug)]
pub(super) struct StartPage {
    start: Bytes,
    trust: Bytes,
    policy: HeaderValue,
    /// Where it is at home: by another name the naked shop would be another site.
    home: String,
    ca: Option<PathBuf>,
}

impl StartPage {
    pub(super) fn new(urls: &DemoUrls) -> Self {
        let ca = urls.ca.as_deref();
        Self {
            start: start(urls).into(),
            trust: ca
                .map_or_else(String::new, |ca| trust(ca, &urls.guarded))
                .into(),
            policy: policy(urls),
            home: urls.start.clone(),
            ca: urls.ca.clone(),
        }
    }

    /// The answer to one request.
    pub(super) fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut response = if is_loopback(request) {
            self.page(request)
        } else {
            plain(
                StatusCode::MISDIRECTED_REQUEST,
                "Ask for localhost or 127.0.0.1.\n",
            )
        };
        self.harden(response.headers_mut());
        response
    }

    /// An answer made elsewhere, with the headers of this page.
    pub(super) fn hardened(&self, mut response: Response<Bytes>) -> Response<Bytes> {
        self.harden(response.headers_mut());
        response
    }

    fn page(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "This page is only read.\n");
        }
        match (request.uri().path(), &self.ca) {
            ("/" | "/demo", _) if !self.is_home(request) => self.homewards(),
            ("/" | "/demo", _) => file("text/html; charset=utf-8", self.start.clone()),
            ("/trust", Some(_)) => file("text/html; charset=utf-8", self.trust.clone()),
            ("/ca.pem", Some(path)) => certificate(path),
            ("/start.css", _) => {
                let css = include_str!("start/start.css");
                file(
                    "text/css; charset=utf-8",
                    Bytes::from_static(css.as_bytes()),
                )
            }
            ("/start.js", _) => {
                let js = include_str!("start/start.js");
                file(
                    "text/javascript; charset=utf-8",
                    Bytes::from_static(js.as_bytes()),
                )
            }
            ("/favicon.ico", _) => {
                let icon = include_str!("start/icon.svg");
                file("image/svg+xml", Bytes::from_static(icon.as_bytes()))
            }
            _ => plain(StatusCode::NOT_FOUND, "Nothing here. The page is at /.\n"),
        }
    }

    fn is_home(&self, request: &Request<Bytes>) -> bool {
        let host = request.headers().get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        host.is_some_and(|host| self.home.strip_prefix("http://") == Some(host))
    }

    fn homewards(&self) -> Response<Bytes> {
        let mut response = plain(StatusCode::TEMPORARY_REDIRECT, "The page is elsewhere.\n");
        if let Ok(home) = HeaderValue::try_from(format!("{}/", self.home)) {
            response.headers_mut().insert(header::LOCATION, home);
        }
        response
    }

    fn harden(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            (
                "permissions-policy",
                "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            ),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

fn start(urls: &DemoUrls) -> String {
    let attacks: String = { ATTACKS.iter().enumerate() }
        .map(|(at, attack)| card(at + 1, attack))
        .collect();
    let trust = match (&urls.ca, urls.guarded.starts_with("https:")) {
        (Some(_), _) => include_str!("start/certificate_local.html"),
        (None, true) => include_str!("start/certificate_files.html"),
        (None, false) => "",
    };
    let guarded = Slot::Text(urls.guarded.trim_end_matches('/'));
    fill(
        include_str!("start/start.html"),
        &[
            ("naked", Slot::Text(urls.naked.trim_end_matches('/'))),
            ("guarded", guarded),
            ("attacks", Slot::Html(&attacks)),
            ("count", Slot::Text(&ATTACKS.len().to_string())),
            ("last", Slot::Text(&(ATTACKS.len() + 1).to_string())),
            ("config", Slot::Text(super::config(&urls.start).trim())),
            ("trust", Slot::Html(&fill(trust, &[("guarded", guarded)]))),
        ],
    )
}

/// The card of one attack.
fn card(number: usize, attack: &Attack) -> String {
    fill(
        include_str!("start/card.html"),
        &[
            ("id", Slot::Text(attack.id)),
            ("number", Slot::Text(&number.to_string())),
            ("title", Slot::Text(attack.title)),
            ("lead", Slot::Text(attack.lead)),
            ("by", Slot::Text(attack.by())),
            ("stage", Slot::Html(attack.stage())),
            ("why", Slot::Text(attack.why)),
            ("key", Slot::Text(attack.key)),
        ],
    )
}

fn trust(ca: &Path, guarded: &str) -> String {
    fill(
        include_str!("start/trust.html"),
        &[
            ("path", Slot::Text(&ca.display().to_string())),
            ("word", Slot::Text(&shell_word(ca))),
            ("guarded", Slot::Text(guarded.trim_end_matches('/'))),
        ],
    )
}

/// Nothing but our own style and script, and frames of and forms to the two apps.
fn policy(urls: &DemoUrls) -> HeaderValue {
    let naked = origin(&urls.naked);
    let guarded = origin(&urls.guarded);
    let list = |origins: &[&Option<String>]| {
        let known: Vec<&str> = origins
            .iter()
            .filter_map(|origin| origin.as_deref())
            .collect();
        if known.is_empty() {
            "'none'".into()
        } else {
            known.join(" ")
        }
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
         frame-src {both}; form-action {both}; frame-ancestors 'none'; base-uri 'none'",
        both = list(&[&naked, &guarded]),
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Scheme, host and port of `url`, if that is what it has.
fn origin(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let scheme = url
        .scheme()
        .filter(|s| [Scheme::HTTP, Scheme::HTTPS].contains(s))?;
    let host = url
        .host()
        .filter(|host| !host.contains([';', ',', ' ', '\'']))?;
    let port = url
        .port_u16()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}

/// Whether it is asked by a name that only this computer has.
pub(super) fn is_loopback(request: &Request<Bytes>) -> bool {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host: Option<Uri> = host.and_then(|host| host.parse().ok());
    host.as_ref().and_then(Uri::host).is_some_and(|host| {
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
        host.eq_ignore_ascii_case("localhost")
            || ip.is_ok_and(|ip: std::net::IpAddr| ip.to_canonical().is_loopback())
    })
}

/// The file at `path`, as long as it is a certificate and nothing that must stay secret.
fn certificate(path: &Path) -> Response<Bytes> {
    let mut pem = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(CERTIFICATE_BYTES).read_to_string(&mut pem));
    if read.is_err() || !pem.contains("BEGIN CERTIFICATE") || pem.contains("PRIVATE KEY") {
        return plain(
            StatusCode::NOT_FOUND,
            "The certificate of the local CA is not there yet.\n",
        );
    }
    let mut response = file("application/x-pem-file", pem.into());
    let name = HeaderValue::from_static("attachment; filename=\"panoply-ca.pem\"");
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, name);
    response
}

/// `path` as one word of a POSIX shell.
fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// A file of the type `mime`.
pub(super) fn file(mime: &'static str, content: Bytes) -> Response<Bytes> {
    let mut response = Response::new(content);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = file(
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    );
    *response.status_mut() = status;
    response
}
