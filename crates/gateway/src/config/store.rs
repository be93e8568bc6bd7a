//! `[store]`: where is counted.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::diagnose::nearest;
use super::units::{Span, as_text};

/// `[store]`: where failed logins, limits and blocks are counted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreConfig {
    /// The store; by default `sqlite:` with a file in the state directory.
    pub url: Option<StoreUrl>,
    /// What the nodes that share a store have in common, 16 characters at least; by default the
    /// file `secret` in the state directory, which is made at the first start.
    pub secret: Option<String>,
    /// How many nodes share the store: while it is away each counts by itself, up to its share of
    /// every limit; one by default.
    pub nodes: Option<NonZeroU32>,
    /// How long a decision of a store in common is waited for when it says nothing at all, after
    /// which this node decides by itself; from `1ms` to `5s`, `50ms` by default. A store in another
    /// region needs several round trips to it.
    pub deadline: Option<Span>,
}

impl StoreConfig {
    /// What is weaker than it could be because somebody wrote it so, by its key.
    pub(crate) fn weakenings(&self) -> Vec<(&'static str, &'static str)> {
        let is_shared = self.url.as_ref().is_some_and(StoreUrl::is_shared);
        let several = self.nodes.is_some_and(|nodes| nodes.get() > 1);
        let mut found = Vec::new();
        if self.url == Some(StoreUrl::Memory) {
            found.push(("url", "locks and counters end with the process"));
        }
        if is_shared && several && self.secret.is_none() {
            let why = "each node counts under the secret of its own state directory, and so by itself, unless all have \
                       that file: write `secret` (PANOPLY_STORE_SECRET), the same on all nodes, what \
                       `openssl rand -hex 32` prints";
            found.push(("secret", why));
        }
        found
    }
}

/// A store by its URL.
///
/// ```
/// use panoply_gateway::config::StoreUrl;
///
/// let url: StoreUrl = "redis://:hunter2@cache.internal:6379/1".parse()?;
/// assert_eq!(url.to_string(), "redis://:…@cache.internal:6379/1");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `memory:`; it ends with the process, and goes over in an upgrade.
    Memory,
    /// `sqlite:FILE`; it is one process's own.
    Sqlite(PathBuf),
    /// `redis://HOST`, `rediss://` over TLS, or `unix://PATH`; Valkey as well.
    Redis(String),
    /// `postgres://USER@HOST/DATABASE`.
    Postgres(String),
}

impl StoreUrl {
    /// Whether nodes may share it, so that nobody has to give it back for another one to have it.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::Postgres(_))
    }
}

const EXAMPLES: &str = "`memory:`, `sqlite:panoply.db`, `redis://127.0.0.1:6379`, \
    `rediss://…` or `postgres://user@host/database`";

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        let whole = || {
            // A URL without a host would fail later, and less clearly.
            let host = rest.strip_prefix("//").filter(|rest| !rest.is_empty());
            host.map(|_| text.to_owned())
                .ok_or_else(|| format!("`{scheme}:` needs a host: write one of {EXAMPLES}"))
        };
        match scheme.to_ascii_lowercase().as_str() {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err("`memory:` takes nothing behind the colon".to_owned()),
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err("`sqlite:` needs a file: write `sqlite:panoply.db`".to_owned()),
                ":memory:" => Err("write `memory:` for a store that ends with the process".into()),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            "redis" | "rediss" | "unix" => whole().map(Self::Redis),
            "valkey" | "valkeys" => {
                whole().map(|url| Self::Redis(url.replacen("valkey", "redis", 1)))
            }
            "postgres" | "postgresql" => whole().map(Self::Postgres),
            other => {
                let known = ["memory", "sqlite", "redis", "rediss", "valkey", "postgres"];
                let near = nearest(other, &known).map(|near| format!("did you mean `{near}:`? "));
                let near = near.unwrap_or_default();
                Err(format!(
                    "`{other}` is no kind of store: {near}write one of {EXAMPLES}"
                ))
            }
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) | Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// A password may stand before the host, or as a parameter; parameters are left out whole.
fn without_password(url: &str) -> String {
    let (url, query) = url
        .split_once('?')
        .map_or((url, ""), |(url, _)| (url, "?…"));
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let Some((credentials, host)) = rest.rsplit_once('@') else {
        return format!("{scheme}://{rest}{query}");
    };
    match credentials.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:…@{host}{query}"),
        None => format!("{scheme}://{credentials}@{host}{query}"),
    }
}

as_text!(
    StoreUrl,
    "a store as text, such as \"redis://127.0.0.1:6379\""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("redis://:pw@h", "redis://:…@h"),
            ("rediss://u:p:w@h:1/2", "rediss://u:…@h:1/2"),
            ("postgres://u@h/d?password=pw", "postgres://u@h/d?…"),
            ("postgresql://u:p%40w@h/d", "postgresql://u:…@h/d"),
            ("valkey://h", "redis://h"),
            ("sqlite:///var/lib/p.db", "sqlite:/var/lib/p.db"),
            ("memory:", "memory:"),
        ] {
            let url: StoreUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("pw"), "{url:?}");
        }
    }

    #[test]
    fn nodes_without_a_secret_in_common_are_told_of() {
        for (written, weak) in [
            ("url = \"redis://h\"\nnodes = 3", &["secret"][..]),
            ("url = \"redis://h\"\nnodes = 3\nsecret = \"x\"", &[]),
            ("url = \"redis://h\"", &[]),
            ("nodes = 3", &[]),
            ("url = \"memory:\"", &["url"]),
        ] {
            let store: StoreConfig = toml::from_str(written).unwrap();
            let keys: Vec<_> = { store.weakenings().into_iter() }
                .map(|(key, _)| key)
                .collect();
            assert_eq!(keys, weak, "{written}");
        }
    }

    #[test]
    fn what_is_no_store_says_what_to_write() {
        for (url, told) in [
            ("reddis://h", "did you mean `redis:`?"),
            ("mysql://h", "write one of"),
            ("redis:", "needs a host"),
            ("sqlite:", "needs a file"),
            ("memory:x", "nothing behind the colon"),
            ("", "is no kind of store"),
        ] {
            let error = url.parse::<StoreUrl>().unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
