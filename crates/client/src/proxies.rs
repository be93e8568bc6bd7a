//! Which proxies are trusted.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::Error;

/// How proxies are told from clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// By their addresses.
    Named(Proxies),
    /// By their number, counted from the nearest.
    Hops(u8),
}

impl Trust {
    /// Whether the proxy at `address`, `distance` steps away (zero is the peer), is trusted.
    pub(crate) fn covers(&self, address: IpAddr, distance: usize) -> bool {
        match self {
            Self::Named(proxies) => proxies.contain(address),
            Self::Hops(hops) => distance < usize::from(*hops),
        }
    }
}

/// A set of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proxies(Vec<IpNet>);

/// The names that Express knows (proxy-addr 2.0.8), and their networks.
const NAMES: [(&str, &[&str]); 3] = [
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    ("linklocal", &["169.254.0.0/16", "fe80::/10"]),
    (
        "uniquelocal",
        &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
    ),
];

impl Proxies {
    pub(crate) fn parse(entries: &[String]) -> Result<Self, Error> {
        let mut networks = Vec::new();
        for entry in entries
            .iter()
            .flat_map(|entry| entry.split(','))
            .map(str::trim)
        {
            if let Some((_, named)) = NAMES.iter().find(|(name, _)| *name == entry) {
                networks.extend(
                    named
                        .iter()
                        .filter_map(|network| network.parse::<IpNet>().ok()),
                );
                continue;
            }
            let network = network(entry).ok_or_else(|| unknown(entry))?;
            if network.prefix_len() == 0 {
                return Err(Error::Everybody {
                    entry: entry.to_owned(),
                });
            }
            networks.push(network);
        }
        // `0.0.0.0/1` beside `128.0.0.0/1` is everybody too.
        let networks = IpNet::aggregate(&networks);
        if networks.iter().any(|network| network.prefix_len() == 0) {
            let entry = entries.join(", ");
            return Err(Error::Everybody { entry });
        }
        Ok(Self(networks))
    }

    /// Where proxies of one's own are, if they have no public address: all that has a name.
    pub(crate) fn near() -> Self {
        let networks = NAMES.iter().flat_map(|(_, networks)| *networks);
        Self(
            networks
                .filter_map(|network| network.parse().ok())
                .collect(),
        )
    }

    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address, a network with a length, or one with a mask; IPv4 inside IPv6 becomes IPv4.
fn network(entry: &str) -> Option<IpNet> {
    let Some((address, length)) = entry.split_once('/') else {
        return entry
            .parse::<IpAddr>()
            .ok()
            .map(|address| address.to_canonical().into());
    };
    let address: IpAddr = address.parse().ok()?;
    let plain = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let bits: u8 = match length.parse::<Ipv4Addr>() {
        Ok(mask) => ipnet::ipv4_mask_to_prefix(mask).ok()?,
        Err(_) => length.parse().ok().filter(|_| plain)?,
    };
    match (address, address.to_canonical()) {
        // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
        (IpAddr::V6(_), IpAddr::V4(inner)) if bits >= 96 => {
            Ipv4Net::new(inner, bits - 96).ok().map(Into::into)
        }
        (IpAddr::V6(outer), _) => Ipv6Net::new(outer, bits).ok().map(Into::into),
        (IpAddr::V4(inner), _) => Ipv4Net::new(inner, bits).ok().map(Into::into),
    }
}

fn unknown(entry: &str) -> Error {
    let likeness = |name: &str| strsim::jaro_winkler(&entry.to_ascii_lowercase(), name);
    let names = NAMES.map(|(name, _)| name).into_iter();
    let near = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let near = near.filter(|name| likeness(name) > 0.8);
    let hint = near
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default();
    Error::Proxy {
        entry: entry.to_owned(),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_in_every_form() {
        let proxies = |entry: &str| Proxies::parse(&[entry.to_owned()]).unwrap();
        for (entry, inside, outside) in [
            ("loopback", "127.9.9.9", "128.0.0.1"),
            ("linklocal, 192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("uniquelocal", "fd00::1", "2001:db8::1"),
            ("10.0.0.0/255.0.0.0", "10.255.0.1", "11.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"),
            ("::ffff:10.0.0.5", "10.0.0.5", "10.0.0.6"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
        ] {
            assert!(
                proxies(entry).contain(inside.parse().unwrap()),
                "{entry} {inside}"
            );
            assert!(
                !proxies(entry).contain(outside.parse().unwrap()),
                "{entry} {outside}"
            );
        }
        for bad in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "::1/129",
            "10.0.0/8",
            "10.0.0.0/255.0.255.0",
        ] {
            assert!(Proxies::parse(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
