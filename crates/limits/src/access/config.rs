//! An `[[access]]` table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderName;
use panoply_core::spelling::is_path;
use panoply_core::{ClientAddress, HostNames, Networks};
use serde::Deserialize;

use super::except::{exception, open};
use super::path::{Below, Spelled};
use super::user_header;
use super::users::Users;
use crate::Error;
use crate::exempt::networks;
use crate::names::names;
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
    #[serde(default)]
    domains: Option<Vec<String>>,
    allow: Option<Vec<String>>,
    #[serde(default)]
    users: Hashes,
    #[serde(default)]
    htpasswd: Option<PathBuf>,
    #[serde(default)]
    satisfy: Satisfy,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    user_header: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// How much of what a table asks for has to be so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Satisfy {
    /// An address of those that are named, and a password.
    #[default]
    All,
    /// One of them: who comes from elsewhere is asked for a password.
    Any,
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
    /// The names under which it speaks of that; all of the site's without any.
    pub(super) names: Option<HostNames>,
    /// Those from elsewhere are told that there is nothing; none is for everybody.
    pub(super) allow: Option<Networks>,
    /// Who has to say who he is, besides.
    pub(super) users: Option<Arc<Users>>,
    /// Whether one of the two will do.
    any: bool,
    /// What below the path is there for everybody.
    pub(super) except: Vec<Spelled>,
    /// The header in which the app is told who it is.
    pub(super) user_header: Option<HeaderName>,
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
            domains: None,
            allow: Some(allow.into_iter().map(Into::into).collect()),
            users: Hashes::default(),
            htpasswd: None,
            satisfy: Satisfy::All,
            except: Vec::new(),
            user_header: None,
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
            domains: None,
            allow: None,
            users: Hashes(
                users
                    .map(|(name, hash)| (name.into(), hash.into()))
                    .collect(),
            ),
            htpasswd: None,
            satisfy: Satisfy::All,
            except: Vec::new(),
            user_header: None,
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

    /// Whether both an address and a password are asked for, where the table has both; one will do with
    /// [`Satisfy::Any`].
    ///
    /// ```
    /// use panoply_limits::{AccessConfig, Satisfy};
    ///
    /// let hash = "$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2";
    /// let staging = AccessConfig::with_passwords("/", [("ada", hash)])
    ///     .allow(["203.0.113.0/24"])
    ///     .satisfy(Satisfy::Any)
    ///     .except(["/health", "/webhooks/"])
    ///     .user_header("X-Forwarded-User");
    /// staging.validate()?;
    /// # Ok::<(), panoply_limits::Error>(())
    /// ```
    #[must_use]
    pub const fn satisfy(mut self, satisfy: Satisfy) -> Self {
        self.satisfy = satisfy;
        self
    }

    /// The names under which it speaks of the path, such as `admin.shop.example` or `*.shop.example`; by default all of
    /// the site's. A request that names no host is held to it, too.
    #[must_use]
    pub fn domains<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.domains = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The names that are written, in any case.
    pub fn domain_names(&self) -> &[String] {
        self.domains.as_deref().unwrap_or_default()
    }

    /// The addresses and networks from which it is there, beside passwords.
    #[must_use]
    pub fn allow<T: Into<String>>(mut self, allow: impl IntoIterator<Item = T>) -> Self {
        self.allow = Some(allow.into_iter().map(Into::into).collect());
        self
    }

    /// Paths below the table's own that are there for everybody, none by default: one alone, or with a slash at its end
    /// all that lies below it. What is not spelled as it is here, or can be read in several ways, is none of them.
    ///
    /// Other tables hold for it as before.
    #[must_use]
    pub fn except<T: Into<String>>(mut self, paths: impl IntoIterator<Item = T>) -> Self {
        self.except = paths.into_iter().map(Into::into).collect();
        self
    }

    /// The header in which the app is told the name that was given with the password, such as `X-Forwarded-User`; none
    /// by default. What clients send of that name is taken off, at whatever path, and so is what some apps take for it
    /// (`X_Forwarded_User`).
    ///
    /// A service of the same process finds the name in the request's extensions as well, with or without a header:
    /// [`PasswordUser`](panoply_core::PasswordUser).
    #[must_use]
    pub fn user_header(mut self, name: impl Into<String>) -> Self {
        self.user_header = Some(name.into());
        self
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
    pub fn hides(&self) -> bool {
        self.allow.is_some() && !self.asks_for_one()
    }

    /// Whether an address will do in place of a password.
    fn asks_for_one(&self) -> bool {
        self.satisfy == Satisfy::Any && self.asks_for_passwords()
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
        let any = self.asks_for_one().then(|| {
            let allow = self.allow.as_deref().unwrap_or_default().join(", ");
            let why = format!(
                "who comes from {allow} needs no password, and behind a proxy that nobody has named that may be everybody"
            );
            ("satisfy", why)
        });
        let open = (!self.except.is_empty()).then(|| {
            let is = if self.except.len() == 1 { "is" } else { "are" };
            let why = format!("{} {is} there for everybody", open(&self.except));
            ("except", why)
        });
        dry.into_iter().chain(any).chain(open).collect()
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
        if self.satisfy == Satisfy::Any {
            let problem = match (self.allow.as_deref(), &users) {
                (Some([_, ..]), Some(_)) => None,
                (Some([]), _) => Some("is `any` of nobody's address and a password"),
                (None, _) => Some("is `any` of a password alone"),
                (_, None) => Some("is `any` of addresses alone"),
            };
            if let Some(problem) = problem {
                return Err(Error::Value {
                    key: "satisfy",
                    problem: problem.to_owned(),
                    example: "both `allow` and `users` or `htpasswd`, of which one will do, or leave `satisfy` out",
                });
            }
        }
        let user_header = { self.user_header.as_deref() }
            .map(|name| user_header::parse(name, users.as_deref()))
            .transpose()?;
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
        let names = names(self.domains.as_deref())?;
        let except = { self.except.iter() }.map(|open| exception(path, &below, open));
        let except: Result<Vec<Spelled>, Error> = except.collect();
        Ok(Access {
            except: except?,
            path: below,
            names,
            allow,
            users,
            any: self.satisfy == Satisfy::Any,
            user_header,
            dry_run: self.dry_run,
            tried: Tried::default(),
        })
    }
}

impl Access {
    /// Whether somebody's address is all that is asked of him.
    pub(super) fn lets_in(&self, client: Option<&ClientAddress>) -> bool {
        let is_named = |allow: &Networks| client.is_some_and(|client| allow.contains(client.ip()));
        self.any && self.allow.as_ref().is_some_and(is_named)
    }

    /// The addresses that it is there for, where others are told that there is nothing.
    pub(super) fn only_for(&self) -> Option<&Networks> {
        self.allow.as_ref().filter(|_| !self.any)
    }
}

impl fmt::Display for AccessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or("/");
        let names = self.domain_names().join(", ");
        write!(f, "{names}{}/…: ", path.trim_end_matches('/'))?;
        match self.allow.as_deref() {
            Some([]) => f.write_str("nobody")?,
            Some(allow) => f.write_str(&allow.join(", "))?,
            None => f.write_str("everybody")?,
        }
        if self.asks_for_one() {
            f.write_str(", and everybody else with a password")?;
        } else if self.asks_for_passwords() && self.allow.as_deref() != Some(&[]) {
            f.write_str(" with a password")?;
        }
        if let Some(header) = &self.user_header {
            write!(f, ", who is told to the app in {header}")?;
        }
        if !self.except.is_empty() {
            write!(f, "; everybody: {}", open(&self.except))?;
        }
        Ok(())
    }
}
