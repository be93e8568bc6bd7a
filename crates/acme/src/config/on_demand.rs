//! The `[acme.on_demand]` table.

use std::fmt;

use serde::Deserialize;

use super::{ConfigError, wrong};

/// The `[acme.on_demand]` table: certificates for the domains of a service's customers, which nobody
/// writes into a file.
///
/// ```
/// use panoply_acme::AcmeConfig;
///
/// let config: AcmeConfig = toml::from_str(r#"
///     [on_demand]
///     allow = "http://127.0.0.1:3000/internal/domains"
/// "#)?;
/// assert_eq!(config.on_demand.map(|table| table.orders_per_hour), Some(10));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OnDemandConfig {
    /// Who says that a name is one of ours: asked before each order, renewals too. Without it anybody
    /// could have us order whatever they point here.
    #[serde(default)]
    pub allow: Allow,
    /// Most orders in an hour, those of all nodes counted; default 10.
    #[serde(default = "ten")]
    pub orders_per_hour: u32,
    /// Most certificates that are looked after at a time; default 1000.
    #[serde(default = "thousand")]
    pub most: usize,
}

const fn ten() -> u32 {
    10
}

const fn thousand() -> usize {
    1000
}

/// Who says whether a certificate may be ordered for a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AllowText")]
#[non_exhaustive]
pub enum Allow {
    /// It is asked for with `?domain=NAME`; a status from 200 to 299 allows. As Caddy's `ask`.
    Url(http::Uri),
    /// It is called with the name as its last argument; status 0 allows.
    Command(Vec<String>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "write a URL such as `http://127.0.0.1:3000/domains`, or a command such as `[\"/usr/local/bin/allowed\"]`"
)]
enum AllowText {
    Url(String),
    Command(Vec<String>),
}

impl Default for Allow {
    /// None, which is refused.
    fn default() -> Self {
        Self::Command(Vec::new())
    }
}

impl fmt::Display for Allow {
    /// A URL without its query, and of a command only the program: a secret may follow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => {
                let authority = url.authority().map_or("", http::uri::Authority::as_str);
                let mark = if url.query().is_some() { "?…" } else { "" };
                write!(f, "http://{authority}{}{mark}", url.path())
            }
            Self::Command(command) => match command.as_slice() {
                [] => f.write_str("nobody"),
                [program] => f.write_str(program),
                [program, ..] => write!(f, "{program} …"),
            },
        }
    }
}

impl OnDemandConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.allow == Allow::default() {
            let problem = "nobody says which names are yours";
            return Err(wrong("on_demand.allow", problem, ALLOW));
        }
        for (key, limit) in [
            ("on_demand.orders_per_hour", self.orders_per_hour as usize),
            ("on_demand.most", self.most),
        ] {
            if limit == 0 {
                let instead = "write 1 or more, or take `[acme.on_demand]` away";
                return Err(wrong(key, "0 leaves nothing to order", instead));
            }
        }
        Ok(())
    }
}

const ALLOW: &str = "write a URL such as `http://127.0.0.1:3000/domains`, or a command such as \
                     `[\"/usr/local/bin/allowed\"]`";

impl TryFrom<AllowText> for Allow {
    type Error = ConfigError;

    fn try_from(text: AllowText) -> Result<Self, ConfigError> {
        let refused = |problem| Err(wrong("on_demand.allow", problem, ALLOW));
        match text {
            // It has never been sent, and would be shown wherever the URL is.
            AllowText::Url(text) if has_password(&text) => {
                refused("a user and a password are not sent to the hook".to_owned())
            }
            AllowText::Url(text) => match text.parse::<http::Uri>() {
                Ok(url) if url.scheme_str() == Some("http") && url.host().is_some() => {
                    Ok(Self::Url(url))
                }
                _ => refused(format!("`{text}` is no URL that begins with `http://`")),
            },
            AllowText::Command(command) if command.first().is_none_or(String::is_empty) => {
                refused("the command is empty".to_owned())
            }
            AllowText::Command(command) => Ok(Self::Command(command)),
        }
    }
}

fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.contains('@')
}
