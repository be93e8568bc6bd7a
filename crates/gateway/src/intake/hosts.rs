//! The names of the site: what is asked of any other host never reaches the app.
//!
//! An app makes links of the host that it is told, and a link in a mail that resets a password is worth stealing; a
//! cache keeps what another host has put into a page; and behind a name of somebody's choice there may be an app
//! that is for nobody outside. So a host must be one by which the site is known (RFC 9110 §7.2, §15.5.20).
//!
//! Whoever looks whether it is well often knows nothing but its address: that of the connection's own end is let in,
//! which nobody can choose, and what is this machine's own name from this machine.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::HOST;
use http::{HeaderValue, Request, StatusCode};
use panoply_core::{CertificateSource, ClientAddress, Connection, HostNames, Refusal};
use panoply_tls::Tls;

/// Which hosts a request may be for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    /// The names and addresses that were written.
    pub(crate) written: HostNames,
    /// Where the names are that certificates are for, if those count.
    pub(crate) certificates: Option<Arc<Tls>>,
    /// Whether certificates are ordered for names that handshakes ask for: then any name may become one of the site's.
    pub(crate) on_demand: bool,
    /// The names that had become so before a reload; their certificates come back with their next handshakes.
    pub(crate) customers: HostNames,
    /// Whether others are refused.
    pub(crate) enforced: bool,
    /// Where the others of its names lead.
    pub(crate) canonical: Option<Box<str>>,
    /// Those of them that are apps of their own, and lead nowhere.
    pub(crate) apart: HostNames,
    /// What is in `listen.hosts`.
    pub(crate) listed: Vec<String>,
}

/// What a host is to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing<'a> {
    /// Its own, or that of nobody else.
    Own,
    /// Its own, and leads to this other one.
    Moved(&'a str),
    /// None of its own.
    Foreign,
}

impl Hosts {
    /// What the host is to the site that the app would be told, and that is there.
    pub(super) fn standing<B>(&self, request: &Request<B>) -> Standing<'_> {
        if !self.enforced && self.canonical.is_none() {
            return Standing::Own;
        }
        match asked(request) {
            Some(host) => self.standing_of(host, request),
            None => Standing::Own,
        }
    }

    fn standing_of<B>(&self, host: &str, request: &Request<B>) -> Standing<'_> {
        let name = bare(host);
        if let Some(address) = address(&name) {
            let is_own = !self.enforced || self.has_address(address, request);
            return if is_own {
                Standing::Own
            } else {
                Standing::Foreign
            };
        }
        if self.has_name(&name) {
            let canonical = self.canonical.as_deref();
            return canonical
                .filter(|canonical| *canonical != name && self.apart.fit_name(&name).is_none())
                .map_or(Standing::Own, Standing::Moved);
        }
        let is_let_in =
            !self.enforced || self.has_customer(&name) || is_of_this_machine(&name, request);
        if is_let_in {
            Standing::Own
        } else {
            Standing::Foreign
        }
    }

    /// Whether the site goes by this name, lower-case, in so many words or by a certificate that was brought.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.written.fit_name(name).is_some() || self.issued(name) == Some(CertificateSource::Files)
    }

    /// Whether a certificate was ordered for it because a handshake has asked for it.
    fn has_customer(&self, name: &str) -> bool {
        self.on_demand && (self.issued(name).is_some() || self.customers.fit_name(name).is_some())
    }

    /// Goes on where those before a reload were: who has a connection has shown its certificate already.
    pub(crate) fn follow(&mut self, earlier: &Self) {
        if self.on_demand && earlier.on_demand {
            let certificates = earlier.certificates.iter();
            let certificates = certificates.flat_map(|tls| tls.certificates());
            let ordered = certificates.filter(|one| one.source() != CertificateSource::Local);
            self.customers.clone_from(&earlier.customers);
            for certificate in ordered {
                for name in certificate.names() {
                    // Nobody asks for what is no host.
                    let _ = self.customers.add(name);
                }
            }
        }
    }

    fn issued(&self, name: &str) -> Option<CertificateSource> {
        self.certificates.as_ref()?.issued_for(name)
    }

    fn has_address<B>(&self, address: IpAddr, request: &Request<B>) -> bool {
        let connection = request.extensions().get::<Connection>();
        self.written.has_address(address)
            || self.issued(&address.to_string()).is_some()
            || connection.is_some_and(|connection| connection.local == Some(address))
            || (address.is_loopback() && comes_from_here(request))
    }

    /// Has the app told the host that a trusted proxy passes on, and no other, where what stands beside it is none of
    /// the site's: many a proxy sends its client's own `Host` along.
    pub(super) fn settle<B>(&self, request: &mut Request<B>) {
        let client = request.extensions().get::<ClientAddress>();
        let Some(forwarded) = client.and_then(ClientAddress::forwarded_host) else {
            return;
        };
        let host = request.headers().get(HOST);
        let host = host.and_then(|host| host.to_str().ok());
        if self.enforced
            && host.is_some_and(|host| self.standing_of(host, request) == Standing::Foreign)
            && let Ok(forwarded) = HeaderValue::from_str(forwarded.as_str())
        {
            request.headers_mut().insert(HOST, forwarded);
        }
    }

    /// The line of `panoply.toml` that lets `host` in.
    fn line(&self, host: &str) -> String {
        let names = self.listed.iter().map(String::as_str).chain([host]);
        let names: Vec<_> = names.map(|name| format!("\"{name}\"")).collect();
        format!("hosts = [{}]", names.join(", "))
    }

    /// Tells whoever runs the site of the host that a refused request was for, if that is news.
    pub(super) fn tell<B>(&self, request: &Request<B>, told: &Told) {
        let host = asked(request).map(bare);
        if let Some(host) = host.filter(|host| told.first(host)) {
            tracing::warn!(
                host = &*host,
                "a request was refused because its host is none of the site's names. If it is one, write it in \
                 panoply.toml under [listen]: {} (or in `tls.domains`, if it needs a certificate as well)",
                self.line(&host)
            );
        }
    }
}

/// The hosts that have been told of.
pub(crate) type Told = crate::told::Told<MOST>;

/// More hosts than these are not told of until a reload.
const MOST: usize = 32;

/// What is told whoever asks for a host that is none of the site's.
pub(super) fn refusal() -> Refusal {
    let detail = "This site does not go by the name that the request is for.";
    Refusal::new(
        StatusCode::MISDIRECTED_REQUEST,
        "intake/foreign-host",
        detail,
    )
}

/// The host that the app is told the client has asked for, as [`super::origin::asked_host`], and as it is written.
fn asked<B>(request: &Request<B>) -> Option<&str> {
    let client = request.extensions().get::<ClientAddress>();
    match client.and_then(ClientAddress::forwarded_host) {
        Some(host) => Some(host.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// The name alone, or the address without its brackets, lower-case.
fn bare(host: &str) -> Cow<'_, str> {
    let name = if let Some(rest) = host.strip_prefix('[') {
        rest.split(']').next().unwrap_or(rest)
    } else {
        let name = host.split(':').next().unwrap_or(host);
        name.strip_suffix('.').unwrap_or(name)
    };
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn address(name: &str) -> Option<IpAddr> {
    let last = name.as_bytes().last();
    let may_be = last.is_some_and(u8::is_ascii_digit) || name.contains(':');
    let address = may_be.then(|| name.parse::<IpAddr>().ok())?;
    address.map(|address| address.to_canonical())
}

/// Whether it is a name of the machine that it is said on (RFC 6761 §6.3).
fn is_of_this_machine<B>(name: &str, request: &Request<B>) -> bool {
    (name == "localhost" || name.ends_with(".localhost")) && comes_from_here(request)
}

/// Whether the client is on this machine, and not merely the last proxy before it.
fn comes_from_here<B>(request: &Request<B>) -> bool {
    let client = request.extensions().get::<ClientAddress>();
    client.is_some_and(|client| {
        client.ip().is_loopback() && client.peer().ip().to_canonical().is_loopback()
    })
}

#[cfg(test)]
mod tests;
