//! Networks, as they are written in a configuration.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The names that Express knows (proxy-addr 2.0.8), and their networks.
const NAMES: [(&str, &[&str]); 3] = [
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    ("linklocal", &["169.254.0.0/16", "fe80::/10"]),
    (
        "uniquelocal",
        &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
    ),
];

/// A set of networks: addresses (`192.0.2.7`), networks (`10.0.0.0/8`, `10.0.0.0/255.0.0.0`), and the names of
/// proxy-addr (`loopback`, `linklocal`, `uniquelocal`). IPv4 within IPv6 is IPv4.
///
/// ```
/// use panoply_core::Networks;
///
/// let office = Networks::parse(&["203.0.113.0/24", "2001:db8::/32, loopback"])?;
/// assert!(office.contains("203.0.113.9".parse()?));
/// assert!(!office.contains("198.51.100.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// One network: the addresses that begin with the same bits. An address alone is one of its full length; IPv4
/// within IPv6 is IPv4.
///
/// ```
/// use panoply_core::Network;
///
/// let office = Network::parse("203.0.113.7/24").ok_or("no network")?;
/// assert_eq!(office.to_string(), "203.0.113.0/24");
/// assert!(office.contains("203.0.113.9".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

impl Network {
    /// What `text` names: `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, or an address alone. Bits behind
    /// the length are taken for zeros; nothing if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        network(text).map(|network| Self(network.trunc()))
    }

    /// The network of `address` with that many leading bits; nothing if an address has fewer.
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        with_bits(address, bits).map(|network| Self(network.trunc()))
    }

    /// Its lowest address.
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    /// How many leading bits its addresses share.
    pub fn bits(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is one address alone.
    pub fn is_one(self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }

    /// Whether it holds the address.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was written is no network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownNetwork {
    /// What was written.
    pub entry: String,
    /// The nearest name, as a question, or nothing.
    pub hint: String,
}

impl fmt::Display for UnknownNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, hint } = self;
        write!(
            f,
            "`{entry}` is no network: write an address (`192.0.2.7`), a network (`10.0.0.0/8`), or `loopback`, \
             `linklocal` or `uniquelocal`{hint}"
        )
    }
}

impl std::error::Error for UnknownNetwork {}

impl Networks {
    /// What the entries name, each of which may be several between commas.
    ///
    /// # Errors
    ///
    /// The first entry that is neither an address, a network nor a name.
    pub fn parse(entries: &[impl AsRef<str>]) -> Result<Self, UnknownNetwork> {
        let mut networks = Vec::new();
        let entries = entries.iter().flat_map(|entry| entry.as_ref().split(','));
        for entry in entries.map(str::trim) {
            match NAMES.iter().find(|(name, _)| *name == entry) {
                Some((_, named)) => networks.extend(parsed(named)),
                None => networks.push(network(entry).ok_or_else(|| unknown(entry))?),
            }
        }
        Ok(Self(IpNet::aggregate(&networks)))
    }

    /// Where nobody from the internet comes from: all that has a name.
    pub fn near() -> Self {
        Self(NAMES.iter().flat_map(|(_, named)| parsed(named)).collect())
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them holds the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The first of them of which `outer` holds every address.
    pub fn first_within(&self, outer: Network) -> Option<Network> {
        let within = self.0.iter().find(|network| outer.0.contains(*network));
        within.copied().map(Network)
    }

    /// Whether they hold every address of a kind, as `0.0.0.0/0` does, or `0.0.0.0/1` beside `128.0.0.0/1`.
    pub fn are_all(&self) -> bool {
        self.0.iter().any(|network| network.prefix_len() == 0)
    }
}

fn parsed(named: &[&str]) -> impl Iterator<Item = IpNet> {
    named.iter().filter_map(|network| network.parse().ok())
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
    with_bits(address, bits)
}

fn with_bits(address: IpAddr, bits: u8) -> Option<IpNet> {
    match (address, address.to_canonical()) {
        // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
        (IpAddr::V6(_), IpAddr::V4(inner)) if bits >= 96 => {
            Ipv4Net::new(inner, bits - 96).ok().map(Into::into)
        }
        (IpAddr::V6(outer), _) => Ipv6Net::new(outer, bits).ok().map(Into::into),
        (IpAddr::V4(inner), _) => Ipv4Net::new(inner, bits).ok().map(Into::into),
    }
}

fn unknown(entry: &str) -> UnknownNetwork {
    let likeness = |name: &str| strsim::jaro_winkler(&entry.to_ascii_lowercase(), name);
    let names = NAMES.map(|(name, _)| name).into_iter();
    let near = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let near = near.filter(|name| likeness(name) > 0.8);
    let hint = near
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default();
    UnknownNetwork {
        entry: entry.to_owned(),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_in_every_form() {
        let networks = |entry: &str| Networks::parse(&[entry]).unwrap();
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
                networks(entry).contains(inside.parse().unwrap()),
                "{entry} {inside}"
            );
            assert!(
                !networks(entry).contains(outside.parse().unwrap()),
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
            assert!(Networks::parse(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_is_the_same_however_it_is_written() {
        let network = |text: &str| Network::parse(text).unwrap();
        for (written, is) in [
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
            ("::ffff:203.0.113.7/120", "203.0.113.0/24"),
            ("203.0.113.7", "203.0.113.7/32"),
            ("2001:DB8:0:1::9/32", "2001:db8::/32"),
            ("2001:db8::9", "2001:db8::9/128"),
        ] {
            assert_eq!(network(written).to_string(), is);
            let Network(same) = network(written);
            assert_eq!(
                Network::new(same.addr(), same.prefix_len()),
                Some(network(is))
            );
        }
        assert!(network("203.0.113.7").is_one() && !network("203.0.113.0/31").is_one());
        assert!(network("203.0.113.0/24").contains("::ffff:203.0.113.9".parse().unwrap()));
        assert!(!network("203.0.113.0/24").contains("203.0.114.9".parse().unwrap()));
        assert!(!network("::/0").contains("203.0.113.9".parse().unwrap()));
        assert_eq!(Network::parse("loopback"), None);
        assert_eq!(Network::new([203, 0, 113, 0].into(), 33), None);
        let proxies = Networks::parse(&["10.0.0.5, 192.168.0.0/16"]).unwrap();
        let within = |text: &str| {
            proxies
                .first_within(network(text))
                .map(|found| found.to_string())
        };
        assert_eq!(within("10.0.0.0/8").as_deref(), Some("10.0.0.5/32"));
        assert_eq!(within("192.168.7.0/24"), None);
        assert_eq!(within("::/0"), None);
    }
}
