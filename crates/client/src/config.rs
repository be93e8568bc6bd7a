//! The `[client]` table.

use std::fmt;

use panoply_core::ClientAddress;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::proxies::Trust;
use crate::{Client, Error};

/// Whose word on the client's address is taken; by default nobody's.
///
/// ```
/// use panoply_client::ClientConfig;
///
/// let error = ClientConfig::new().trusted_proxies(["0.0.0.0/0"]).build().unwrap_err();
/// assert_eq!(error.key(), "trusted_proxies");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ClientConfig {
    #[serde(deserialize_with = "proxies")]
    trusted_proxies: Vec<String>,
    hops: Option<u8>,
    header: Header,
    ipv6_prefix: u8,
    #[serde(skip)]
    tls_ends_here: bool,
}

/// The header in which trusted proxies say who is calling. Only one is read: a client could send
/// the other, and a proxy that writes one passes the other on as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Header {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host`; the default.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            hops: None,
            header: Header::default(),
            ipv6_prefix: ClientAddress::DEFAULT_IPV6_PREFIX,
            tls_ends_here: false,
        }
    }
}

impl ClientConfig {
    /// Trusts nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// The proxies whose headers are believed: addresses, networks, or the names `loopback`,
    /// `linklocal`, `uniquelocal`. An entry may hold several, separated by commas.
    #[must_use]
    pub fn trusted_proxies<T: Into<String>>(
        mut self,
        proxies: impl IntoIterator<Item = T>,
    ) -> Self {
        self.trusted_proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// Believes the nearest `hops` proxies, whatever their addresses; zero believes none.
    #[must_use]
    pub const fn hops(mut self, hops: u8) -> Self {
        self.hops = Some(hops);
        self
    }

    /// The header that is read; `X-Forwarded-For` by default.
    #[must_use]
    pub const fn header(mut self, header: Header) -> Self {
        self.header = header;
        self
    }

    /// How many leading bits of an IPv6 address are one client; 64 by default.
    #[must_use]
    pub const fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.ipv6_prefix = bits;
        self
    }

    /// Whether this process itself ends TLS on the connections that are served, as with `axum-server` and
    /// rustls; no by default. Without a trusted proxy that says otherwise, every client then came by HTTPS.
    ///
    /// It is for servers that pass on a peer and no more; what a [`Connection`](panoply_core::Connection)
    /// says goes before it.
    #[must_use]
    pub const fn tls_ends_here(mut self, ends: bool) -> Self {
        self.tls_ends_here = ends;
        self
    }

    /// Whether any proxy is believed.
    pub fn trusts_anybody(&self) -> bool {
        !self.trusted_proxies.is_empty() || self.hops.is_some_and(|hops| hops > 0)
    }

    /// What makes this weaker than the default, as the key and the reason.
    pub fn weakenings(&self) -> Vec<(&'static str, String)> {
        self.hops
            .filter(|hops| *hops > 0)
            .map(|hops| {
                let why = format!(
                    "the nearest {hops} proxies are believed whatever their address: whoever \
                     reaches this service around them chooses his own address"
                );
                ("hops", why)
            })
            .into_iter()
            .collect()
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When an entry is no address, when everybody would be trusted, or when both ways of naming
    /// proxies are used.
    pub fn build(self) -> Result<Client, Error> {
        if self.hops.is_some() && !self.trusted_proxies.is_empty() {
            return Err(Error::Both);
        }
        if self.ipv6_prefix > 128 {
            return Err(Error::Prefix(self.ipv6_prefix));
        }
        let trust = match self.hops {
            Some(hops) => Trust::Hops(hops),
            None => Trust::named(&self.trusted_proxies)?,
        };
        let mut client = Client::new(trust, self.header, self.ipv6_prefix);
        client.tls_ends_here = self.tls_ends_here;
        Ok(client)
    }
}

impl fmt::Display for ClientConfig {
    /// Whom it believes, in a few words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hops {
            Some(hops) => write!(f, "the nearest {hops}"),
            None if self.trusted_proxies.is_empty() => f.write_str("nobody"),
            None => f.write_str(&self.trusted_proxies.join(", ")),
        }
    }
}

/// Reads the list; what else is written there learns what to write.
fn proxies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "a list of the proxies to trust, such as [\"loopback\", \"10.0.0.0/8\"] \
                 (everybody cannot be trusted; to count proxies, write `hops`)",
            )
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = list.next_element()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_seq(Entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClientConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn errors_say_what_to_write() {
        let error = |entry: &str| {
            ClientConfig::new()
                .trusted_proxies([entry])
                .build()
                .unwrap_err()
        };
        assert!(
            error("lopback")
                .to_string()
                .ends_with("did you mean `loopback`?")
        );
        assert!(
            error("true")
                .to_string()
                .contains("is not a proxy to trust")
        );
        for everybody in ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "10.0.0.0/0.0.0.0"] {
            assert_eq!(
                error(everybody),
                Error::Everybody {
                    entry: everybody.to_owned()
                }
            );
        }
        let both = ClientConfig::new()
            .trusted_proxies(["loopback"])
            .hops(1)
            .build();
        assert_eq!(both.unwrap_err(), Error::Both);
        for halves in ["0.0.0.0/1, 128.0.0.0/1", "loopback, ::/1, 8000::/1"] {
            assert!(matches!(error(halves), Error::Everybody { .. }), "{halves}");
        }
        for wrong in ["true", "1", "\"loopback\""] {
            let error = parse(&format!("trusted_proxies = {wrong}")).unwrap_err();
            assert!(
                error.to_string().contains("such as [\"loopback\""),
                "{error}"
            );
        }
        assert!(parse("trusted_proxies = [\"loopback\"]").is_ok());
        assert!(
            parse("trust = 1")
                .unwrap_err()
                .to_string()
                .contains("`trusted_proxies`")
        );
        assert!(parse("header = \"forwarded\"\nhops = 2").is_ok());
    }
}
