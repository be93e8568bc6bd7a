//! Where certificates are ordered.

use std::fmt;
use std::str::FromStr;

use instant_acme::LetsEncrypt;
use serde::Deserialize;

use super::{ConfigError, wrong};
use crate::transport;

/// An ACME directory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Directory {
    name: String,
    url: String,
}

impl Directory {
    /// Let's Encrypt.
    pub fn lets_encrypt() -> Self {
        Self::known("letsencrypt", LetsEncrypt::Production.url())
    }

    /// Let's Encrypt's directory for rehearsals.
    pub fn staging() -> Self {
        Self::known("letsencrypt-staging", LetsEncrypt::Staging.url())
    }

    /// Where an order is rehearsed that has failed here, so that Let's Encrypt's limits on failures,
    /// which hold for a week, are met by none of them.
    pub(crate) fn rehearsal(&self) -> Option<Self> {
        (self.url == LetsEncrypt::Production.url()).then(Self::staging)
    }

    fn known(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Directory {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "letsencrypt" => Ok(Self::lets_encrypt()),
            "letsencrypt-staging" => Ok(Self::staging()),
            "zerossl" => Ok(Self::known(text, instant_acme::ZeroSsl::Production.url())),
            url if transport::endpoint(url).is_some() => Ok(Self::known(url, url)),
            url if url.starts_with("https://") => Err(wrong(
                "directories",
                format!("`{url}` is no URL"),
                "write it without spaces, without a user and a password, and the host in ASCII, such \
                 as `https://xn--bcher-kva.example/directory`",
            )),
            other => Err(wrong(
                "directories",
                format!("`{other}` is no ACME directory"),
                "write `letsencrypt`, `letsencrypt-staging`, `zerossl` or the directory's URL, \
                 which begins with `https://`",
            )),
        }
    }
}

impl TryFrom<String> for Directory {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        text.parse()
    }
}
