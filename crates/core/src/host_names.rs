//! Names and addresses by which a site, or a part of it, is known.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use http::Request;
use http::header::HOST;
use http::uri::Authority;

use crate::site_origin::asked_host;
use crate::{ClientAddress, parse_host};

/// A host that a request names, without its port (RFC 9110 §7.2).
///
/// ```
/// use panoply_core::HostName;
///
/// assert_eq!(HostName::parse(b"Shop.example.:8443"), HostName::parse(b"shop.example"));
/// assert_eq!(HostName::parse(b"[::ffff:127.0.0.1]"), HostName::parse(b"127.0.0.1"));
/// assert_eq!(HostName::parse(b"shop.example/"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostName {
    /// An address; of IPv4 within IPv6 that of IPv4.
    Address(IpAddr),
    /// Lower-case, without the dot of the root.
    Name(String),
}

impl HostName {
    /// None for what is no host.
    pub fn parse(host: &[u8]) -> Option<Self> {
        Some(Self::of(&parse_host(host)?))
    }

    /// The host that the client of a request meant: what a trusted proxy says, else the request's own.
    pub fn asked<B>(request: &Request<B>) -> Option<Self> {
        Self::asked_by(request.extensions().get(), request)
    }

    /// The same of a request that does not carry its client yet.
    pub fn asked_by<B>(client: Option<&ClientAddress>, request: &Request<B>) -> Option<Self> {
        asked_host(client, request).as_ref().map(Self::of)
    }

    /// All hosts that a request names, whoever reads which of them, and however: what a trusted proxy says, the target's
    /// own, and those of `Host`; without dots that make none of a name. None at all where one of `Host` is no host, of
    /// which an app may make what it likes.
    pub fn named<B>(request: &Request<B>) -> Vec<Self> {
        Self::named_by(request.extensions().get(), request)
    }

    /// The same of a request that does not carry its client yet.
    pub fn named_by<B>(client: Option<&ClientAddress>, request: &Request<B>) -> Vec<Self> {
        let forwarded = client.and_then(ClientAddress::forwarded_host);
        let target = request.uri().authority();
        let hosts = request.headers().get_all(HOST).iter();
        let hosts = hosts.map(|host| Self::parse(host.as_bytes()));
        let named = { forwarded.into_iter().chain(target) }
            .map(|authority| Some(Self::of(authority)))
            .chain(hosts)
            .map(|host| host.map(Self::bare));
        named.collect::<Option<_>>().unwrap_or_default()
    }

    /// Without the port.
    pub fn of(authority: &Authority) -> Self {
        let host = authority.host();
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let name = host.strip_suffix('.').unwrap_or(host);
        match bare.unwrap_or(name).parse::<IpAddr>() {
            Ok(address) => Self::Address(address.to_canonical()),
            Err(_) => Self::Name(name.to_ascii_lowercase()),
        }
    }

    /// What is left of a name that is none, with dots where nothing stands between.
    fn bare(self) -> Self {
        match self {
            Self::Name(name) => {
                let bare = name.trim_matches('.');
                let address = bare.parse::<IpAddr>();
                address.map_or_else(
                    |_| Self::Name(bare.to_owned()),
                    |ip| Self::Address(ip.to_canonical()),
                )
            }
            address @ Self::Address(_) => address,
        }
    }

    /// Whether it is a name of the machine that it is said on (RFC 6761 §6.3).
    pub fn is_of_this_machine(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

/// Without brackets.
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Names and addresses, each found at once.
///
/// ```
/// use panoply_core::{HostName, HostNames};
///
/// let mut names = HostNames::default();
/// names.add("Shop.example")?;
/// names.add("*.shop.example")?;
/// let fit = |host: &str| names.fit(&HostName::parse(host.as_bytes()).unwrap());
/// assert_eq!(fit("shop.example:8443"), Some(2));
/// assert_eq!(fit("www.shop.example"), Some(1));
/// assert_eq!(fit("a.www.shop.example"), None);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNames {
    exact: HashSet<Box<str>>,
    /// By what follows `*.`.
    below: HashSet<Box<str>>,
    addresses: HashSet<IpAddr>,
}

impl HostNames {
    /// Checks and adds one, written in any case: a name, `*.` and a name, or an address.
    ///
    /// # Errors
    ///
    /// With what is wrong with it.
    pub fn add(&mut self, written: &str) -> Result<(), String> {
        let lower = written.to_ascii_lowercase();
        let bare = lower
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(&lower).parse::<IpAddr>() {
            self.addresses.insert(address.to_canonical());
            return Ok(());
        }
        let (name, set) = match lower.strip_prefix("*.") {
            Some(parent) => (parent, &mut self.below),
            None => (&*lower, &mut self.exact),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_host = parse_host(name.as_bytes()).is_some_and(|host| host.as_str() == host.host());
        if !is_host || name.split('.').any(str::is_empty) {
            return Err(format!("`{written}` is no host{}", hint(&lower)));
        }
        set.insert(name.into());
        Ok(())
    }

    /// All of them in one order, however they were written, as what is kept for them can be known by.
    ///
    /// ```
    /// use panoply_core::HostNames;
    ///
    /// let mut names = HostNames::default();
    /// ["Shop.example.", "*.shop.example", "[::1]", "shop.example"].iter().try_for_each(|name| names.add(name))?;
    /// assert_eq!(names.sorted(), ["*.shop.example", "::1", "shop.example"]);
    /// # Ok::<(), String>(())
    /// ```
    pub fn sorted(&self) -> Vec<String> {
        let exact = self.exact.iter().map(ToString::to_string);
        let below = self.below.iter().map(|parent| format!("*.{parent}"));
        let addresses = self.addresses.iter().map(ToString::to_string);
        let mut all: Vec<String> = exact.chain(below).chain(addresses).collect();
        all.sort_unstable();
        all
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty() && self.addresses.is_empty()
    }

    /// Whether this is one of them, at whatever port.
    pub fn has(&self, host: &HostName) -> bool {
        self.fit(host).is_some()
    }

    /// How much is said of it: 2 by itself, 1 by a wildcard.
    pub fn fit(&self, host: &HostName) -> Option<u8> {
        match host {
            HostName::Address(address) => self.has_address(*address).then_some(2),
            HostName::Name(name) => self.fit_name(name),
        }
    }

    /// The same of a name that is lower-case, and without the dot of the root.
    pub fn fit_name(&self, name: &str) -> Option<u8> {
        if self.exact.contains(name) {
            return Some(2);
        }
        if self.below.is_empty() {
            return None;
        }
        let (label, parent) = name.split_once('.')?;
        (!label.is_empty() && self.below.contains(parent)).then_some(1)
    }

    /// Whether this address is one of them, as it is canonical.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Whether some of them are one step below `parent`.
    pub fn has_below(&self, parent: &str) -> bool {
        let is_below = |name: &str| {
            name.split_once('.')
                .is_some_and(|(_, above)| above == parent)
        };
        self.below.contains(parent) || self.exact.iter().any(|name| is_below(name))
    }
}

fn hint(lower: &str) -> &'static str {
    if lower.contains("://") {
        ": its scheme does not matter"
    } else if !lower.is_ascii() {
        ": browsers send it in ASCII (`xn--…`)"
    } else if lower.contains(':') {
        ": its port does not matter"
    } else if lower.contains('*') {
        ": a star stands for the first label alone"
    } else {
        ""
    }
}
