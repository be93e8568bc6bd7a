//! Who is calling, found once a request and read by every other layer.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::uri::Authority;

/// The scheme that the client itself used, as far as anyone who may say so has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL: `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The address of the client, after the trusted proxies before us have been looked through.
///
/// An IPv4-mapped IPv6 address is unmapped before anything else, so that `::ffff:203.0.113.9` and
/// `203.0.113.9` are one client (CVE-2026-30827 was the lack of this).
///
/// ```
/// use panoply_core::{ClientAddress, Scheme};
///
/// let peer = "[::ffff:203.0.113.9]:4711".parse()?;
/// let client = ClientAddress::direct(peer, Scheme::Https);
/// assert_eq!(client.ip().to_string(), "203.0.113.9");
/// assert!(client.is_https());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress {
    ip: IpAddr,
    peer: SocketAddr,
    scheme: Scheme,
    host: Option<Authority>,
    ipv6_prefix: u8,
    peer_is_trusted: bool,
}

impl ClientAddress {
    /// The default length in bits of the network that counts as one IPv6 client: 64, since a
    /// household or a server is given a whole /64 (RFC 6177).
    pub const DEFAULT_IPV6_PREFIX: u8 = 64;

    /// A client that is the peer of the connection itself, with no proxy between.
    pub fn direct(peer: SocketAddr, scheme: Scheme) -> Self {
        Self::new(peer.ip(), peer, scheme)
    }

    /// A client at `ip` whose request came through `peer`.
    pub fn new(ip: IpAddr, peer: SocketAddr, scheme: Scheme) -> Self {
        Self {
            ip: ip.to_canonical(),
            peer,
            scheme,
            host: None,
            ipv6_prefix: Self::DEFAULT_IPV6_PREFIX,
            peer_is_trusted: false,
        }
    }

    /// Adds the host that a trusted proxy said the client had asked for.
    #[must_use]
    pub fn with_host(mut self, host: Option<Authority>) -> Self {
        self.host = host;
        self
    }

    /// Sets how many leading bits of an IPv6 address are one client; above 128 counts as 128.
    #[must_use]
    pub fn with_ipv6_prefix(mut self, bits: u8) -> Self {
        self.ipv6_prefix = bits.min(128);
        self
    }

    /// Says whether the peer is a proxy whose word is taken for what it says of a request. By default it is none.
    #[must_use]
    pub const fn with_trusted_peer(mut self, is_trusted: bool) -> Self {
        self.peer_is_trusted = is_trusted;
        self
    }

    /// The client's own address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The other end of the connection: the client itself, or the last proxy before us.
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether the peer is a trusted proxy.
    pub const fn is_peer_trusted(&self) -> bool {
        self.peer_is_trusted
    }

    /// The scheme the client used.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether the client's own request came over TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The host a trusted proxy passed on (`X-Forwarded-Host` or `Forwarded: host=`), if any.
    pub const fn forwarded_host(&self) -> Option<&Authority> {
        self.host.as_ref()
    }

    /// What counts as one client: an IPv4 address as it is, an IPv6 address cut to its network.
    ///
    /// ```
    /// use panoply_core::{ClientAddress, Scheme};
    ///
    /// let peer = "[2001:db8:1:2:aaaa:bbbb:cccc:dddd]:443".parse()?;
    /// let client = ClientAddress::direct(peer, Scheme::Https);
    /// assert_eq!(client.network().to_string(), "2001:db8:1:2::");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn network(&self) -> IpAddr {
        match self.ip {
            IpAddr::V4(_) => self.ip,
            IpAddr::V6(ip) => {
                let keep = u32::from(self.ipv6_prefix);
                let mask = u128::MAX.checked_shl(128 - keep).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ip: &str) -> ClientAddress {
        let ip: IpAddr = ip.parse().unwrap();
        ClientAddress::new(ip, SocketAddr::new(ip, 1), Scheme::Http)
    }

    #[test]
    fn prefix_edges() {
        assert_eq!(
            at("2001:db8::1").with_ipv6_prefix(0).network().to_string(),
            "::"
        );
        assert_eq!(
            at("2001:db8::1")
                .with_ipv6_prefix(128)
                .network()
                .to_string(),
            "2001:db8::1"
        );
        assert_eq!(
            at("2001:db8::1")
                .with_ipv6_prefix(200)
                .network()
                .to_string(),
            "2001:db8::1"
        );
        assert_eq!(
            at("203.0.113.9").with_ipv6_prefix(0).network().to_string(),
            "203.0.113.9"
        );
    }

    proptest! {
        #[test]
        fn addresses_of_one_64_are_one_client(high: u64, a: u64, b: u64) {
            prop_assume!(high != 0);
            let join = |low| Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
            let network = |low| at(&join(low).to_string()).network();
            prop_assert_eq!(network(a), network(b));
        }
    }
}
