//! Which proxies are trusted.

use std::net::IpAddr;

use panoply_core::{Network, Networks, UnknownNetwork};

use crate::Error;

/// How proxies are told from clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// By their addresses.
    Named(Networks),
    /// By their number, counted from the nearest.
    Hops(u8),
}

impl Trust {
    /// By the addresses and networks that are written so.
    pub(crate) fn named(entries: &[String]) -> Result<Self, Error> {
        let networks = Networks::parse(entries)
            .map_err(|UnknownNetwork { entry, hint, .. }| Error::Proxy { entry, hint })?;
        if networks.are_all() {
            let is_all =
                |entry: &&&str| Networks::parse(&[entry]).is_ok_and(|networks| networks.are_all());
            let parts: Vec<&str> = entries
                .iter()
                .flat_map(|entry| entry.split(','))
                .map(str::trim)
                .collect();
            let one = parts.iter().find(is_all);
            let entry = one.map_or_else(|| parts.join(", "), |entry| (*entry).to_owned());
            return Err(Error::Everybody { entry });
        }
        Ok(Self::Named(networks))
    }

    /// The first that is trusted by its address and of which `outer` holds every address.
    pub(crate) fn first_within(&self, outer: Network) -> Option<Network> {
        match self {
            Self::Named(proxies) => proxies.first_within(outer),
            Self::Hops(_) => None,
        }
    }

    /// Whether the proxy at `address`, `distance` steps away (zero is the peer), is trusted.
    pub(crate) fn covers(&self, address: IpAddr, distance: usize) -> bool {
        match self {
            Self::Named(proxies) => proxies.contains(address),
            Self::Hops(hops) => distance < usize::from(*hops),
        }
    }
}
