//! The `[acme]` table.

mod directory;
mod on_demand;
mod usable;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

pub use self::directory::Directory;
pub use self::on_demand::{Allow, OnDemandConfig};
use crate::transport;

/// The `[acme]` table of `panoply.toml`. All of it has a default.
///
/// ```
/// use panoply_acme::AcmeConfig;
///
/// let config: AcmeConfig = toml::from_str(r#"
///     contact = "ops@shop.example"
///     directories = ["letsencrypt", "https://ca.internal/acme/directory"]
/// "#)?;
/// assert!(config.check(&["shop.example".to_owned()]).is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AcmeConfig {
    /// An e-mail address for the account; none by default. Let's Encrypt writes to nobody any more,
    /// others warn before a certificate expires.
    pub contact: Option<String>,
    /// Where certificates are ordered, each tried when those before it are away or refuse for now;
    /// Let's Encrypt by default.
    pub directories: Vec<Directory>,
    /// Whether to rehearse: at Let's Encrypt's staging directory, in place of all others, whose
    /// certificates no browser trusts, and whose limits nobody meets.
    pub staging: bool,
    /// A PEM file with the root that directories' own certificates are checked against, in place of
    /// the system's, for a directory within a company.
    pub roots: Option<PathBuf>,
    /// The profile to order by (`classic`, `tlsserver` and `shortlived` at Let's Encrypt); the
    /// directory's default if none is written.
    pub profile: Option<String>,
    /// Which domains share a certificate; by default each has one of its own, so that one whose DNS
    /// is wrong does not keep the others from theirs.
    pub together: Together,
    /// How the directory is shown that a name is ours, each tried when those before it failed; by
    /// default TLS-ALPN-01 and HTTP-01, and DNS-01 in their place where there is a `dns_hook`.
    pub challenges: Vec<ChallengeKind>,
    /// A command that puts a TXT record into the DNS: it is called with `present NAME VALUE`, must
    /// not end before every name server has the record, and is called with `cleanup NAME VALUE`
    /// later.
    pub dns_hook: Vec<String>,
    /// A command that hands certificates on to another program, such as a mail server: it is called when one has been
    /// issued or renewed, and is told which in its environment, as by certbot's `--deploy-hook`: `RENEWED_DOMAINS` has
    /// the names, with spaces between, and in the directory `RENEWED_LINEAGE` are `fullchain.pem` and `privkey.pem`.
    pub deploy_hook: Vec<String>,
    /// The account with the authority that the ACME account belongs to, where one is needed.
    pub external_account: Option<ExternalAccount>,
    /// Whether to go on in a container whose state directory ends with it. Each start then orders
    /// anew, and after a few of them the directory refuses for a week.
    pub temporary_state: bool,
    /// Certificates for names that nobody has named, when a handshake asks for them.
    pub on_demand: Option<OnDemandConfig>,
}

/// Which domains share a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "write `true`, `false`, or lists of domains: `[[\"shop.example\", \"www.shop.example\"]]`"
)]
#[non_exhaustive]
pub enum Together {
    /// All of them, or none.
    All(bool),
    /// Those of each list; the others have one each.
    Groups(Vec<Vec<String>>),
}

impl Default for Together {
    fn default() -> Self {
        Self::All(false)
    }
}

/// External account binding (RFC 8555 §7.3.4).
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
// Each may come from elsewhere, such as the key from an environment variable.
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ExternalAccount {
    /// The key's id.
    pub id: String,
    /// The key, in base64url.
    pub key: String,
}

/// How a directory is shown that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[non_exhaustive]
pub enum ChallengeKind {
    /// A handshake on port 443 (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// A request on port 80 (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http01,
    /// A TXT record (RFC 8555 §8.4), the only one for wildcards.
    #[serde(rename = "dns-01")]
    Dns01,
}

/// What is wrong with the `[acme]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("acme.{key}: {problem}; {instead}")]
pub struct ConfigError {
    key: &'static str,
    problem: String,
    instead: &'static str,
}

impl ConfigError {
    /// The key in the table.
    pub const fn key(&self) -> &'static str {
        self.key
    }
}

fn wrong(key: &'static str, problem: impl Into<String>, instead: &'static str) -> ConfigError {
    ConfigError {
        key,
        problem: problem.into(),
        instead,
    }
}

impl AcmeConfig {
    /// Checks the table as a whole, for certificates with these names.
    ///
    /// # Errors
    ///
    /// When values exclude each other or cannot be used.
    pub fn check(&self, names: &[String]) -> Result<(), ConfigError> {
        usable::contact(self.contact.as_deref())?;
        usable::roots(self.roots.as_deref())?;
        usable::hook("dns_hook", &self.dns_hook)?;
        usable::hook("deploy_hook", &self.deploy_hook)?;
        if self.challenges.contains(&ChallengeKind::Dns01) && self.dns_hook.is_empty() {
            let instead = "write the command that puts a TXT record into your DNS, such as \
                           `dns_hook = [\"/usr/local/bin/dns-hook\"]`";
            return Err(wrong("dns_hook", "`dns-01` needs it", instead));
        }
        if let Some(name) = names.iter().find(|name| name.starts_with("*."))
            && !self.kinds(name).contains(&ChallengeKind::Dns01)
        {
            let problem = format!("a certificate for `{name}` needs DNS-01");
            let instead = "write `dns_hook = [\"COMMAND\"]`, or name each host by itself";
            return Err(wrong("challenges", problem, instead));
        }
        if let Some(name) = names.iter().find(|name| self.kinds(name).is_empty()) {
            let problem = format!("none is left that works for `{name}`");
            return Err(wrong(
                "challenges",
                problem,
                "add `tls-alpn-01` or `http-01`",
            ));
        }
        self.check_together(names)?;
        if let Some(table) = &self.on_demand {
            if self
                .kinds("a.shop.example")
                .iter()
                .all(|kind| *kind == ChallengeKind::Dns01)
            {
                let problem = "names of others cannot be shown by DNS-01";
                return Err(wrong(
                    "on_demand",
                    problem,
                    "add `tls-alpn-01` to `challenges`",
                ));
            }
            table.check()?;
        }
        self.external_account
            .as_ref()
            .map_or(Ok(()), ExternalAccount::check)
    }

    /// The names of each certificate.
    pub(crate) fn groups(&self, names: Vec<String>) -> Vec<Vec<String>> {
        match &self.together {
            Together::All(true) => vec![names],
            Together::All(false) => names.into_iter().map(|name| vec![name]).collect(),
            Together::Groups(groups) => {
                let is_alone = |name: &String| !groups.iter().any(|group| group.contains(name));
                let alone = names.into_iter().filter(is_alone).map(|name| vec![name]);
                groups.iter().cloned().chain(alone).collect()
            }
        }
    }

    fn check_together(&self, names: &[String]) -> Result<(), ConfigError> {
        self.check_groups(names)?;
        // All names of an order are shown in one way.
        for group in self.groups(names.to_vec()) {
            let Some((first, others)) = group.split_first() else {
                continue;
            };
            let kinds = self.kinds(first);
            let is_shown = |kind| others.iter().all(|name| self.kinds(name).contains(kind));
            if !kinds.iter().any(is_shown) {
                let problem = format!("no challenge is fit for all of {}", group.join(", "));
                let instead = "a wildcard needs DNS-01 and an address one of the others: give them \
                               certificates of their own";
                return Err(wrong("together", problem, instead));
            }
        }
        Ok(())
    }

    fn check_groups(&self, names: &[String]) -> Result<(), ConfigError> {
        let Together::Groups(groups) = &self.together else {
            return Ok(());
        };
        let mut seen = Vec::new();
        for name in groups.iter().flatten() {
            let problem = if !names.contains(name) {
                format!("`{name}` is none of the domains that certificates are ordered for")
            } else if seen.contains(&name) {
                format!("`{name}` is named twice")
            } else {
                seen.push(name);
                continue;
            };
            let instead = "name each of `tls.domains` once at most";
            return Err(wrong("together", problem, instead));
        }
        if groups.iter().any(Vec::is_empty) {
            return Err(wrong("together", "a list is empty", "take it out"));
        }
        Ok(())
    }

    /// Whether certificates are ordered from an authority of one's own: its directory has a name that no public authority
    /// issues for, or is checked by `roots`.
    ///
    /// ```
    /// use panoply_acme::AcmeConfig;
    ///
    /// let config: AcmeConfig = toml::from_str(r#"directories = ["https://ca.internal/acme/directory"]"#)?;
    /// assert!(config.is_own());
    /// assert!(!AcmeConfig::default().is_own());
    /// # Ok::<(), toml::de::Error>(())
    /// ```
    pub fn is_own(&self) -> bool {
        let host = |directory: &Directory| {
            let url = transport::endpoint(directory.url())?;
            Some(url.host()?.trim_matches(['[', ']']).to_owned())
        };
        let hosts = || self.directories.iter().filter_map(host);
        self.roots.is_some() || hosts().any(|host| !panoply_tls::is_public(&host))
    }

    /// The directories in force.
    pub(crate) fn in_force(&self) -> Vec<Directory> {
        if self.staging {
            vec![Directory::staging()]
        } else if self.directories.is_empty() {
            vec![Directory::lets_encrypt()]
        } else {
            self.directories.clone()
        }
    }

    /// What may be tried for a name, in order.
    pub(crate) fn kinds(&self, name: &str) -> Vec<ChallengeKind> {
        use ChallengeKind::{Dns01, Http01, TlsAlpn01};
        let asked = if !self.challenges.is_empty() {
            self.challenges.clone()
        } else if self.dns_hook.is_empty() {
            vec![TlsAlpn01, Http01]
        } else {
            vec![Dns01]
        };
        let is_address = name.parse::<IpAddr>().is_ok();
        let is_wildcard = name.starts_with("*.");
        let fits = |kind: &ChallengeKind| match kind {
            // RFC 8738 §7: there is no TXT record of an address.
            Dns01 => !is_address,
            Http01 | TlsAlpn01 => !is_wildcard,
        };
        asked.into_iter().filter(fits).collect()
    }
}

impl ExternalAccount {
    fn check(&self) -> Result<(), ConfigError> {
        let instead = "copy it from your account with the authority as it stands there";
        if self.id.is_empty() {
            return Err(wrong("external_account.id", "it is empty", instead));
        }
        match self.bytes() {
            None => Err(wrong("external_account.key", "is not base64url", instead)),
            Some(key) if key.is_empty() => {
                Err(wrong("external_account.key", "it is empty", instead))
            }
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(self.key.trim_end_matches('=')).ok()
    }
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
        })
    }
}

#[cfg(test)]
mod tests;
