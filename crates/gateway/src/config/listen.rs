//! `[listen]`: addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use socket2::{Domain, Socket, Type};

use super::units::as_text;

/// `[listen]`: where clients connect.
///
/// Without a domain the defaults are 127.0.0.1:8080 and 127.0.0.1:8443, with one `:80` and `:443`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ListenConfig {
    /// Plain HTTP, which only redirects to HTTPS unless TLS is off; `"off"` for none.
    pub http: Option<Address>,
    /// HTTPS.
    pub https: Option<Address>,
    /// Threads that serve connections; one a core by default.
    pub workers: Option<std::num::NonZeroUsize>,
    /// The load balancers that say by the PROXY protocol, version 1 or 2, whose connections they pass on:
    /// addresses, networks, or the names `loopback`, `linklocal`, `uniquelocal`. What they pass on has to begin so.
    #[serde(deserialize_with = "senders")]
    pub proxy_protocol: Vec<String>,
    /// The names by which the app is reached, beside those of the certificates; or `"any"`.
    pub hosts: HostsConfig,
    /// The one of its names that the site goes by: from the others, clients are sent there, but for names that a
    /// `[[route]]` without `path` has to itself.
    pub canonical: Option<String>,
}

/// Which hosts a request may be for, beside the names that are known from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostsConfig {
    /// Whichever the client likes.
    Any,
    /// These: names, `*.shop.example` for all one label below, addresses.
    Listed(Vec<String>),
}

impl Default for HostsConfig {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl HostsConfig {
    /// The names that were written.
    pub fn listed(&self) -> &[String] {
        match self {
            Self::Any => &[],
            Self::Listed(names) => names,
        }
    }
}

impl<'de> Deserialize<'de> for HostsConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hosts;

        impl<'de> de::Visitor<'de> for Hosts {
            type Value = HostsConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a list of the names by which the app is reached, such as [\"shop.example\", \
                     \"*.shop.example\"], or \"any\" for whichever the client likes",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HostsConfig, E> {
                match text {
                    "any" => Ok(HostsConfig::Any),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<HostsConfig, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(HostsConfig::Listed(names))
            }
        }

        deserializer.deserialize_any(Hosts)
    }
}

/// An address to listen on: `127.0.0.1:8443`, `[::1]:443`, `:8080` for every address of IPv4 and
/// IPv6, or `off`. Port 0 takes a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// Listen here.
    On(SocketAddr),
    /// Do not listen.
    Off,
}

impl Address {
    /// This port at every address: `[::]`, which takes IPv4 as well, or 0.0.0.0 where the kernel has no IPv6.
    pub(crate) fn everywhere(port: u16) -> Self {
        let ip = match Socket::new(Domain::IPV6, Type::STREAM, None) {
            Ok(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            Err(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        };
        Self::On(SocketAddr::new(ip, port))
    }

    /// The socket's address, unless it is off.
    pub const fn socket(self) -> Option<SocketAddr> {
        match self {
            Self::On(address) => Some(address),
            Self::Off => None,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::On(address));
        }
        let port = text.strip_prefix(':').unwrap_or(text).parse().ok();
        let any = port.filter(|_| text.starts_with(':'));
        if let Some(port) = any {
            return Ok(Self::everywhere(port));
        }
        let hint = match (port, text.split_once(':')) {
            (Some(port), _) => format!("write `127.0.0.1:{port}`, or `:{port}` for all addresses"),
            (None, Some(("localhost", port))) => format!("write `127.0.0.1:{port}`"),
            _ if text.contains("://") => "write the address alone, as `127.0.0.1:8443`".to_owned(),
            _ => "write it as `127.0.0.1:8443`, `[::1]:8443`, `:8443` or `off`".to_owned(),
        };
        Err(format!("`{text}` is not an address to listen on: {hint}"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(address) => address.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

/// Reads the list; what else is written there learns what to write.
fn senders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Entries;

    impl<'de> de::Visitor<'de> for Entries {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "a list of the load balancers that send it, such as [\"10.0.0.5\", \"10.1.0.0/16\"] \
                 (nobody else is believed, and they must)",
            )
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = list.next_element()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_seq(Entries)
}

as_text!(Address, "an address as text, such as \"127.0.0.1:8443\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_what_to_write_instead() {
        let parse = |text: &str| text.parse::<Address>().map(|a| a.to_string());
        assert_eq!(parse("[::1]:443").unwrap(), "[::1]:443");
        let everywhere = Address::everywhere(8080).to_string();
        assert_eq!(parse(":8080").unwrap(), everywhere);
        assert_eq!(parse("off").unwrap(), "off");
        assert!(
            parse("8080")
                .unwrap_err()
                .ends_with("write `127.0.0.1:8080`, or `:8080` for all addresses")
        );
        assert!(
            parse("localhost:80")
                .unwrap_err()
                .ends_with("write `127.0.0.1:80`")
        );
        assert!(
            parse("http://127.0.0.1:80")
                .unwrap_err()
                .ends_with("as `127.0.0.1:8443`")
        );
        assert!(parse(":99999").is_err());
    }
}
