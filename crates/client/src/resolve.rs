//! From a connection and its headers to the client.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::uri::Authority;
use panoply_core::{ClientAddress, Network, Scheme};

use crate::config::Header;
use crate::forwarded::{self, Hop, XForwarded};
use crate::proxies::Trust;

/// Knows whom to believe; made by [`ClientConfig::build`](crate::ClientConfig::build).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    trust: Trust,
    header: Header,
    ipv6_prefix: u8,
    /// Whether a connection of which nothing is known but the peer came by TLS.
    pub(crate) tls_ends_here: bool,
}

impl Client {
    pub(crate) const fn new(trust: Trust, header: Header, ipv6_prefix: u8) -> Self {
        Self {
            trust,
            header,
            ipv6_prefix,
            tls_ends_here: false,
        }
    }

    /// Whether the peer at this address is a proxy whose headers are believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trust.covers(peer.to_canonical(), 0)
    }

    /// Whether a request is a trusted proxy's own, as one by which it asks whether the service is well: where proxies
    /// are counted, every request that names no client is.
    pub fn is_proxy(&self, client: &ClientAddress) -> bool {
        let is_nearest = client.ip() == client.peer().ip().to_canonical();
        let is_named = matches!(self.trust, Trust::Named(_));
        self.trusts(client.ip()) && (is_named || is_nearest)
    }

    /// The first proxy that is trusted by its address, or network of such, of which `outer` holds every address.
    pub fn first_proxy_within(&self, outer: Network) -> Option<Network> {
        self.trust.first_within(outer)
    }

    /// What counts as one client at this address: of IPv6 its network, as long as was set.
    pub fn network_of(&self, address: IpAddr) -> IpAddr {
        let peer = SocketAddr::new(address, 0);
        self.client(address, peer, Scheme::Http, None).network()
    }

    /// The client, as [`network_of`](Self::network_of) has it, that a network is, if it is just one.
    pub fn client_of(&self, network: Network) -> Option<IpAddr> {
        let bits = match network.address() {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => self.ipv6_prefix,
        };
        (network.bits() == bits).then_some(network.address())
    }

    /// The client behind `peer`, whose request came over `direct` to us.
    ///
    /// From a peer that is not trusted no header is read. Otherwise the entries are walked from
    /// the nearest to the first that is not itself a trusted proxy. The scheme and the host are
    /// those that the proxy at the same place in its list wrote; a proxy that wrote only one
    /// value, as most do, wrote it for the client.
    pub fn resolve(&self, peer: SocketAddr, direct: Scheme, headers: &HeaderMap) -> ClientAddress {
        self.resolve_with_trust(peer, direct, headers).0
    }

    /// The same, and whether the peer is a proxy whose headers are believed.
    pub(crate) fn resolve_with_trust(
        &self,
        peer: SocketAddr,
        direct: Scheme,
        headers: &HeaderMap,
    ) -> (ClientAddress, bool) {
        let from = peer.ip().to_canonical();
        if !self.trust.covers(from, 0) {
            return (self.client(from, peer, direct, None), false);
        }
        let client = match self.header {
            Header::XForwardedFor => self.x_forwarded(from, peer, direct, headers),
            Header::Forwarded => self.rfc_7239(from, peer, direct, headers),
        };
        (client.with_trusted_peer(true), true)
    }

    fn client(
        &self,
        ip: IpAddr,
        peer: SocketAddr,
        scheme: Scheme,
        host: Option<Authority>,
    ) -> ClientAddress {
        let client = ClientAddress::new(ip, peer, scheme);
        client.with_host(host).with_ipv6_prefix(self.ipv6_prefix)
    }

    fn x_forwarded(
        &self,
        from: IpAddr,
        peer: SocketAddr,
        direct: Scheme,
        headers: &HeaderMap,
    ) -> ClientAddress {
        let mut said = XForwarded::of(headers);
        let (ip, hops) = self.walk(from, forwarded::addresses(&said.clients));
        let scheme = nth_or_first(forwarded::list(&mut said.schemes), hops);
        let scheme = scheme.and_then(forwarded::scheme).unwrap_or(direct);
        let host = nth_or_first(forwarded::list(&mut said.hosts), hops).and_then(forwarded::host);
        self.client(ip, peer, scheme, host)
    }

    fn rfc_7239(
        &self,
        from: IpAddr,
        peer: SocketAddr,
        direct: Scheme,
        headers: &HeaderMap,
    ) -> ClientAddress {
        // The last that is believed, or the nearest, which a trusted proxy wrote in any case.
        let mut last: Option<Hop> = None;
        let addresses = forwarded::rfc_7239(headers).map(|hop| {
            let address = hop.address;
            if address.is_some() || last.is_none() {
                last = Some(hop);
            }
            address
        });
        let (ip, _) = self.walk(from, addresses);
        let Hop { scheme, host, .. } = last.unwrap_or_default();
        self.client(ip, peer, scheme.unwrap_or(direct), host)
    }

    /// The last address that a trusted proxy vouches for, and how many entries were believed.
    fn walk(&self, from: IpAddr, entries: impl Iterator<Item = Option<IpAddr>>) -> (IpAddr, usize) {
        let mut client = from;
        let mut believed = 0;
        for entry in entries {
            // The one before is a trusted proxy: what it wrote counts, if it is an address.
            let Some(address) = entry else { break };
            client = address;
            believed += 1;
            if !self.trust.covers(address, believed) {
                break;
            }
        }
        (client, believed)
    }
}

/// The value that the proxy `hops` steps away wrote, or the only one there is.
fn nth_or_first<'a>(mut values: impl Iterator<Item = &'a [u8]>, hops: usize) -> Option<&'a [u8]> {
    let nearest = values.next()?;
    let mut value = nearest;
    for _ in 1..hops {
        match values.next() {
            Some(next) => value = next,
            None => break,
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests;
