//! Which networks are not blocked, and why.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use panoply_core::{Network, StoreError};

/// Fewer bits keep out so many that nobody can have looked at whom.
const WIDEST_IPV4: u8 = 8;
const WIDEST_IPV6: u8 = 16;

/// Why a network is not blocked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// It is wider than a /8 of IPv4, or a /16 of IPv6.
    #[error(
        "`{0}` is too wide, and keeps nearly everybody out: block networks of a /8 or longer (of IPv6 a /16), \
         several if need be; who is to let in only some does so in a firewall"
    )]
    TooWide(Network),
    /// It holds `127.0.0.1` or `::1`.
    #[error(
        "`{0}` holds this machine itself, from which it is asked whether it is well: block networks that do not \
         hold `127.0.0.1` or `::1`"
    )]
    Loopback(Network),
    /// The store failed, or 100,000 are blocked already.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a network may be blocked.
pub(super) fn checked(network: Network) -> Result<(), BlockError> {
    let (widest, here): (_, IpAddr) = match network.address() {
        IpAddr::V4(_) => (WIDEST_IPV4, Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => (WIDEST_IPV6, Ipv6Addr::LOCALHOST.into()),
    };
    if network.bits() < widest {
        return Err(BlockError::TooWide(network));
    }
    if network.contains(here) {
        return Err(BlockError::Loopback(network));
    }
    Ok(())
}
