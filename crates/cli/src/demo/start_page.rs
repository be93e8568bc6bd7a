//! The page that links the naked and the guarded app and says what to try.
//!
//! It sets strict headers of its own, has no script, and answers only to a loopback name, so that
//! no website can read it by DNS rebinding.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, uri::Scheme,
};

use super::{
    DemoUrls, form,
    html::{Slot, fill},
};

/// What the attack steps write into the shop: short, and calling the alarm in `shop.js`.
pub(super) const PAYLOAD: &str = "<script>ran(document.cookie)</script>";

const CERTIFICATE_BYTES: u64 = 64 * 1024;

/// The start page, rendered once.
#[derive(Debug)]
pub(super) struct StartPage {
    start: Bytes,
    trust: Bytes,
    policy: HeaderValue,
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

    fn page(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "This page is only read.\n");
        }
        match (request.uri().path(), &self.ca) {
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
            ("/favicon.ico", _) => {
                let icon = include_str!("start/icon.svg");
                file("image/svg+xml", Bytes::from_static(icon.as_bytes()))
            }
            _ => plain(StatusCode::NOT_FOUND, "Nothing here. The page is at /.\n"),
        }
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
    let attack = form::encode(PAYLOAD);
    let ca = urls
        .ca
        .as_deref()
        .map(|path| format!(" --cacert {}", shell_word(path)));
    let trust = match (&urls.ca, urls.guarded.starts_with("https:")) {
        (Some(_), _) => include_str!("start/certificate_local.html"),
        (None, true) => include_str!("start/certificate_files.html"),
        (None, false) => "",
    };
    fill(
        include_str!("start/start.html"),
        &[
            ("naked", Slot::Text(urls.naked.trim_end_matches('/'))),
            ("guarded", Slot::Text(urls.guarded.trim_end_matches('/'))),
            ("payload", Slot::Text(PAYLOAD)),
            ("attack", Slot::Text(&attack)),
            ("cacert", Slot::Text(ca.as_deref().unwrap_or_default())),
            ("trust", Slot::Html(trust)),
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

/// Nothing but our own style, frames of the two apps, and forms to the naked one.
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
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-src {}; form-action {}; \
         frame-ancestors 'none'; base-uri 'none'",
        list(&[&naked, &guarded]),
        list(&[&naked]),
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

fn is_loopback(request: &Request<Bytes>) -> bool {
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

fn file(mime: &'static str, content: Bytes) -> Response<Bytes> {
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
