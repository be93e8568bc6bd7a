//! An `[[access]]` table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use panoply_core::Networks;
use serde::Deserialize;

use super::path::Below;
use super::users::Users;
use crate::Error;
use crate::exempt::networks;
use crate::tried::Tried;

/// A path, with all that lies below it, and for whom it is there; before it is checked.
///
/// ```
/// use panoply_limits::AccessConfig;
///
/// let access: AccessConfig = toml::from_str(
///     r#"
///     path  = "/admin/"
///     allow = ["10.0.0.0/8", "203.0.113.7"]
///     "#,
/// )?;
/// access.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AccessConfig {
    path: Option<String>,
    allow: Option<Vec<String>>,
    #[serde(default)]
    users: Hashes,
    #[serde(default)]
    htpasswd: Option<PathBuf>,
    #[serde(default)]
    dry_run: bool,
}

/// Names, each with the hash of a password, which is not shown.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
struct Hashes(BTreeMap<String, String>);

impl fmt::Debug for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One that was checked.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) path: Below,
    /// Those from elsewhere are told that there is nothing; none is for everybody.
    pub(super) allow: Option<Networks>,
    /// Who has to say who he is, besides.
    pub(super) users: Option<Arc<Users>>,
    pub(super) dry_run: bool,
    pub(super) tried: Tried,
}

impl AccessConfig {
    /// `path` and all below it, for whoever comes from `allow`, by addresses and networks
    /// ([`Networks`](panoply_core::Networks)). With none it is there for nobody, this machine included.
    pub fn new<T: Into<String>>(
        path: impl Into<String>,
        allow: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            path: Some(path.into()),
            allow: Some(allow.into_iter().map(Into::into).collect()),
            users: Hashes::default(),
            htpasswd: None,
            dry_run: false,
        }
    }

    /// `path` and all below it, for whoever has a password, from wherever: Basic authentication (RFC 7617), of which
    /// wrong guesses are counted as those of a login are. `users` are names, each with the hash of a password by bcrypt.
    ///
    /// ```
    /// use panoply_limits::AccessConfig;
    ///
    /// let hash = "$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2";
    /// let staging = AccessConfig::with_passwords("/", [("ada", hash)]);
    /// staging.validate()?;
    /// # Ok::<(), panoply_limits::Error>(())
    /// ```
    pub fn with_passwords<N: Into<String>, H: Into<String>>(
        path: impl Into<String>,
        users: impl IntoIterator<Item = (N, H)>,
    ) -> Self {
        let users = users.into_iter();
        Self {
            path: Some(path.into()),
            allow: None,
            users: Hashes(
                users
                    .map(|(name, hash)| (name.into(), hash.into()))
                    .collect(),
            ),
            htpasswd: None,
            dry_run: false,
        }
    }

    /// The same with users of a file as Apache and nginx have it, `name:hash`; it is read when the layer is built.
    pub fn with_htpasswd(path: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self {
            htpasswd: Some(file.into()),
            ..Self::with_passwords(path, <[(String, String); 0]>::default())
        }
    }

    /// The file with passwords, if there is one.
    pub fn htpasswd(&self) -> Option<&Path> {
        self.htpasswd.as_deref()
    }

    /// Whether hashes of passwords stand in the table itself.
    pub fn has_users(&self) -> bool {
        !self.users.0.is_empty()
    }

    /// Whether it hides the path from some, by 404.
    pub const fn hides(&self) -> bool {
        self.allow.is_some()
    }

    /// Whether anybody has to say who he is.
    pub fn asks_for_passwords(&self) -> bool {
        self.htpasswd.is_some() || self.has_users()
    }

    /// Only logs what would have been refused.
    #[must_use]
    pub const fn danger_dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// What makes this weaker than it looks, as the key and the reason.
    pub fn weakenings(&self) -> Vec<(&'static str, String)> {
        let why = "it is there for everybody, and who would be refused is only logged";
        let dry = self.dry_run.then(|| ("dry_run", why.to_owned()));
        dry.into_iter().collect()
    }

    /// Checks the settings, as [`AccessLayer::new`](super::AccessLayer::new) does.
    ///
    /// # Errors
    ///
    /// When the path is none, something is missing, or everybody would be let through.
    pub fn validate(&self) -> Result<(), Error> {
        self.check().map(drop)
    }

    pub(super) fn check(&self) -> Result<Access, Error> {
        const PATH: &str = "`path = \"/admin/\"`, which means all below it as well";
        const ALLOW: &str = "`allow = [\"10.0.0.0/8\", \"203.0.113.7\"]`, `allow = []` for nobody, or \
                             `users = { ada = \"$2b$12$…\" }`, which `panoply password ada` makes";
        let missing = |key, example| Error::Missing { key, example };
        let path = { self.path.as_deref() }.ok_or_else(|| missing("path", PATH))?;
        let mut users = Users::of(&self.users.0)?;
        if let Some(file) = &self.htpasswd {
            users.add_file(file)?;
        }
        let users = self.asks_for_passwords().then(|| Arc::new(users));
        if self.allow.is_none() && users.is_none() {
            return Err(missing("allow", ALLOW));
        }
        if self.dry_run && users.is_some() {
            return Err(Error::Value {
                key: "dry_run",
                problem: "would let everybody in without a password".to_owned(),
                example: "a table with `allow` alone, or leave it out",
            });
        }
        let allow = self.allow.as_deref();
        let allow = allow.map(|allow| networks("allow", allow)).transpose()?;
        let below = is_path(path).then(|| Below::new(path)).flatten();
        let below = below.ok_or_else(|| Error::Value {
            key: "path",
            problem: format!("is `{path}`, which is no path"),
            example: PATH,
        })?;
        Ok(Access {
            path: below,
            allow,
            users,
            dry_run: self.dry_run,
            tried: Tried::default(),
        })
    }
}

/// Whether it is written as a path, and not as a pattern or with a query.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains(['*', '?', '#'])
}

impl fmt::Display for AccessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or("/");
        write!(f, "{}/…: ", path.trim_end_matches('/'))?;
        match self.allow.as_deref() {
            Some([]) => return f.write_str("nobody"),
            Some(allow) => f.write_str(&allow.join(", "))?,
            None => f.write_str("everybody")?,
        }
        if self.asks_for_passwords() {
            f.write_str(" with a password")?;
        }
        Ok(())
    }
}
