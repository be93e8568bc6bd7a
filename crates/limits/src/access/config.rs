//! An `[[access]]` table.

use std::fmt;

use panoply_core::Networks;
use serde::Deserialize;

use super::path::Below;
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
    dry_run: bool,
}

/// One that was checked.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) path: Below,
    pub(super) allow: Networks,
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
            dry_run: false,
        }
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
        const ALLOW: &str =
            "`allow = [\"10.0.0.0/8\", \"203.0.113.7\"]`, or `allow = []` for nobody";
        let missing = |key, example| Error::Missing { key, example };
        let path = { self.path.as_deref() }.ok_or_else(|| missing("path", PATH))?;
        let allow = { self.allow.as_deref() }.ok_or_else(|| missing("allow", ALLOW))?;
        let below = is_path(path).then(|| Below::new(path)).flatten();
        let below = below.ok_or_else(|| Error::Value {
            key: "path",
            problem: format!("is `{path}`, which is no path"),
            example: PATH,
        })?;
        Ok(Access {
            path: below,
            allow: networks("allow", allow)?,
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
            None | Some([]) => f.write_str("nobody"),
            Some(allow) => f.write_str(&allow.join(", ")),
        }
    }
}
