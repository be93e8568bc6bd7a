//! Names and addresses by which a site is known.

use std::collections::HashSet;
use std::net::IpAddr;

use http::uri::Authority;
use panoply_core::parse_host;

use crate::Error;

/// Names and addresses, each found at once.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: HashSet<Box<str>>,
    /// By what follows `*.`.
    below: HashSet<Box<str>>,
    addresses: HashSet<IpAddr>,
}

impl Names {
    /// Checks and adds one, written in any case: a name, `*.` and a name, or an address.
    pub(super) fn add(&mut self, written: &str) -> Result<(), Error> {
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
            return Err(Error::Value {
                key: "hosts",
                problem: format!("`{written}` is no host{}", hint(&lower)),
                example: "`shop.example`, or `*.shop.example` for all names one step below it",
            });
        }
        set.insert(name.into());
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty() && self.addresses.is_empty()
    }

    /// Whether this is one of them, at whatever port.
    pub(super) fn has(&self, host: &Named) -> bool {
        match host {
            Named::Address(address) => self.addresses.contains(address),
            Named::Name(name) => {
                let below = || match name.split_once('.') {
                    Some((label, parent)) => !label.is_empty() && self.below.contains(parent),
                    None => false,
                };
                self.exact.contains(name.as_str()) || below()
            }
        }
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

/// A host that a request names, without its port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Address(IpAddr),
    /// Lower-case, without the dot of the root.
    Name(String),
}

impl Named {
    /// None for what is no host (RFC 9110 §7.2).
    pub(super) fn parse(host: &[u8]) -> Option<Self> {
        Some(Self::of(&parse_host(host)?))
    }

    pub(super) fn of(authority: &Authority) -> Self {
        let host = authority.host();
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
            return Self::Address(address.to_canonical());
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        Self::Name(name.to_ascii_lowercase())
    }

    /// Whether it is a name of the machine that it is said on (RFC 6761 §6.3).
    pub(super) fn is_of_this_machine(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}
