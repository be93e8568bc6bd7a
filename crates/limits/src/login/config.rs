//! A `[[login]]` table.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use panoply_core::{CounterStore, Secret};
use serde::Deserialize;

use super::layer::{LoginLayer, Settings};
use super::outcome::{Reader, Signs};
use super::reading::Field;
use super::report::Readings;
use super::route::Route;
use super::usual;
use super::{LoginGuard, LoginRules};
use crate::exempt::exempt;
use crate::names::names;
use crate::outage::Outage;
use crate::time::Switch;
use crate::tried::Tried;
use crate::{Counter, Error};

mod told;

/// A login that is guarded, before it is checked.
///
/// ```
/// use panoply_limits::LoginConfig;
///
/// let login: LoginConfig = toml::from_str(
///     r#"
///     path     = "/login"
///     username = "user.email"
///     pair     = { points = 5, window = "30d", lock = "15m", longest = "12h" }
///     names    = false
///     failure  = { body = ["Invalid password"] }
///     "#,
/// )?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LoginConfig {
    path: OneOrMore,
    #[serde(default)]
    domains: Option<Vec<String>>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    username: Option<Fields>,
    realm: Option<String>,
    pair: Option<Switch>,
    client: Option<Switch>,
    user: Option<Switch>,
    names: Option<Switch>,
    ever: Option<Switch>,
    device: Option<Switch>,
    #[serde(default)]
    success: Signs,
    #[serde(default)]
    failure: Signs,
    #[serde(default)]
    otherwise: Otherwise,
    #[serde(default)]
    on_outage: OnOutage,
    #[serde(default)]
    exempt: Vec<String>,
    #[serde(default)]
    dry_run: bool,
    /// Whether what ends as the path of a login is one, below whatever path.
    #[serde(skip)]
    below: bool,
}

/// What becomes of an attempt whose answer says neither success nor failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Otherwise {
    /// It does not count; the default.
    #[default]
    Refund,
    /// It counts as failed.
    Keep,
}

/// What becomes of a login when the store is away and nothing insures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnOutage {
    /// It is refused with 503; the default.
    #[default]
    Refuse,
    /// It goes on uncounted: nobody is guarded while the store is away.
    DangerPass,
}

/// A text or a list of texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a path such as \"/login\", or a list of paths")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// A field or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a field such as \"email\" or \"user.email\", or a list of fields"
)]
enum Fields {
    One(String),
    More(Vec<String>),
}

impl Fields {
    fn names(&self) -> &[String] {
        match self {
            Self::One(field) => std::slice::from_ref(field),
            Self::More(fields) => fields,
        }
    }
}

impl LoginConfig {
    /// A login at `path`, with everything at its default.
    pub fn route(path: impl Into<String>) -> Self {
        Self {
            path: OneOrMore::One(path.into()),
            domains: None,
            methods: Vec::new(),
            username: None,
            realm: None,
            pair: None,
            client: None,
            user: None,
            names: None,
            ever: None,
            device: None,
            success: Signs::new(),
            failure: Signs::new(),
            otherwise: Otherwise::default(),
            on_outage: OnOutage::default(),
            exempt: Vec::new(),
            dry_run: false,
            below: false,
        }
    }

    /// The paths under which apps usually have their login, see [`USUAL_PATHS`](Self::USUAL_PATHS), and
    /// whatever ends as one, below whatever path, see [`USUAL_ENDS`](Self::USUAL_ENDS).
    pub fn usual() -> Self {
        let paths = Self::USUAL_PATHS.iter().map(|path| (*path).to_owned());
        Self {
            path: OneOrMore::More(paths.collect()),
            below: true,
            ..Self::route("")
        }
    }

    /// Where the user name stands: a field of the form, or a dotted path in the JSON. By default it
    /// is whatever field is called `username`, `email`, `login` or another of thirty usual names,
    /// however deep. Basic credentials are read in any case.
    #[must_use]
    pub fn username(mut self, field: impl Into<String>) -> Self {
        self.username = Some(Fields::One(field.into()));
        self
    }

    /// Methods that are logins as well. All that change something are in any case, but DELETE.
    #[must_use]
    pub fn methods<T: Into<String>>(mut self, methods: impl IntoIterator<Item = T>) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// What is counted together; logins of one realm share their counters. `login` by default, and for those of some
    /// [names](Self::domains) a realm of these names: another site's Ada is somebody else.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The names under which it is a login, such as `shop.example` or `*.shop.example`; by default all of the site's.
    /// There it takes the place of [`usual`](Self::usual), which a suit with nothing but logins for some names keeps for
    /// all others.
    ///
    /// A request is read by any name that it carries: its `Host`, the host of its target, or what a trusted proxy says.
    /// One that carries names of several logins is guarded by each, and so is one that names no host, or an address
    /// alone. A host is the client's to write: where an app answers under whatever name, let [`HostsLayer`] stand
    /// around it, or leave this out.
    ///
    /// [`HostsLayer`]: https://docs.rs/panoply-guard/latest/panoply_guard/struct.HostsLayer.html
    ///
    /// ```
    /// use panoply_limits::LoginConfig;
    ///
    /// let shop = LoginConfig::route("/login").domains(["shop.example"]).username("email");
    /// let wiki = LoginConfig::route("/login").domains(["wiki.example"]).username("who.name");
    /// assert_eq!(shop.to_string(), "POST /login under shop.example; the user name is `email`");
    /// # let _ = wiki;
    /// ```
    #[must_use]
    pub fn domains<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.domains = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The names that are written, in any case.
    pub fn domain_names(&self) -> &[String] {
        self.domains.as_deref().unwrap_or_default()
    }

    /// Whether it is one under some names alone.
    pub const fn is_by_name(&self) -> bool {
        self.domains.is_some()
    }

    /// Consecutive failures of one user from one client, none to leave the rule out.
    #[must_use]
    pub const fn pair(mut self, counter: Option<Counter>) -> Self {
        self.pair = Some(Switch(counter));
        self
    }

    /// Consecutive failures of one user, ever; off by default.
    #[must_use]
    pub const fn ever(mut self, counter: Option<Counter>) -> Self {
        self.ever = Some(Switch(counter));
        self
    }

    /// What a success looks like; then nothing else is one.
    #[must_use]
    pub fn success(mut self, signs: Signs) -> Self {
        self.success = signs;
        self
    }

    /// What a failure looks like, besides what is known by default.
    #[must_use]
    pub fn failure(mut self, signs: Signs) -> Self {
        self.failure = signs;
        self
    }

    /// What becomes of an attempt whose answer says neither.
    #[must_use]
    pub const fn otherwise(mut self, otherwise: Otherwise) -> Self {
        self.otherwise = otherwise;
        self
    }

    /// What happens when the store is away.
    #[must_use]
    pub const fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// Addresses and networks ([`Networks`](panoply_core::Networks)) behind which many users are, as an office's: what
    /// is counted of such a client alone (`client`, `names`) is not. What is counted of a user is (`pair`, `user`,
    /// `ever`), and so is a login in which no user name is found.
    #[must_use]
    pub fn exempt<T: Into<String>>(mut self, networks: impl IntoIterator<Item = T>) -> Self {
        self.exempt = networks.into_iter().map(Into::into).collect();
        self
    }

    /// Only logs what would have been refused. It counts by itself, whatever its [`realm`](Self::realm): nobody is refused
    /// by another login for what this one has counted, nor by this one, once it holds, for what it was tried out with.
    #[must_use]
    pub const fn danger_dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Where apps usually have their login.
    pub const USUAL_PATHS: [&str; 57] = usual::PATHS;

    /// What the last segment of a login's path is usually called, which may have the format of a page or a
    /// program behind it. Where it is sent by PUT, only a form or JSON is a login, and all else is a file.
    pub const USUAL_ENDS: [&str; 11] = usual::ENDS;

    /// The paths that are guarded.
    pub fn paths(&self) -> &[String] {
        match &self.path {
            OneOrMore::One(path) => std::slice::from_ref(path),
            OneOrMore::More(paths) => paths,
        }
    }

    /// Checks the settings; nodes that share the store share the secret.
    ///
    /// # Errors
    ///
    /// When a path is none, a counter has no points or a time is zero.
    pub fn build(self, store: Arc<dyn CounterStore>, secret: &Secret) -> Result<LoginLayer, Error> {
        let wrong = |key, problem: String, example| Error::Value {
            key,
            problem,
            example,
        };
        if self.paths().is_empty() {
            return Err(wrong(
                "path",
                "names no path".to_owned(),
                "`path = \"/login\"`",
            ));
        }
        if let Some(path) = self.paths().iter().find(|path| !path.starts_with('/')) {
            let problem = format!("is `{path}`, which is no path");
            return Err(wrong(
                "path",
                problem,
                "a path from the root, such as `/login`",
            ));
        }
        let fields = self.username.as_ref().map(Fields::names);
        let unnamed = |field: &&String| field.split('.').any(|part| part.trim().is_empty());
        if let Some(field) = fields.iter().copied().flatten().find(unnamed) {
            let problem = format!("has `{field}`, which names no field");
            return Err(wrong("username", problem, "`username` or `user.email`"));
        }
        if fields.is_some_and(<[String]>::is_empty) {
            let example = "`username`, or leave it out for the usual names";
            return Err(wrong("username", "names no field".to_owned(), example));
        }
        let field = fields.map_or(Field::Usual, Field::at);
        let method = |name: &String| {
            Method::from_bytes(name.to_ascii_uppercase().as_bytes()).map_err(|_| {
                wrong(
                    "methods",
                    format!("has `{name}`, which is none"),
                    "`[\"GET\"]`",
                )
            })
        };
        let methods: Result<Vec<Method>, Error> = self.methods.iter().map(method).collect();
        let route = Route::new(self.paths(), methods?).or_below(self.below);
        let mut rules = LoginRules::default();
        if let Some(Switch(counter)) = self.pair {
            rules = rules.pair(counter)?;
        }
        if let Some(Switch(counter)) = self.client {
            rules = rules.client(counter)?;
        }
        if let Some(Switch(counter)) = self.user {
            rules = rules.user(counter)?;
        }
        if let Some(Switch(counter)) = self.names {
            rules = rules.names(counter)?;
        }
        if let Some(Switch(counter)) = self.ever {
            rules = rules.ever(counter)?;
        }
        if let Some(Switch(counter)) = self.device {
            rules = rules.device(counter)?;
        }
        let exempt = exempt(&self.exempt)?;
        let names = names(self.domains.as_deref())?;
        let own_realm = || match &names {
            Some(names) => format!("login {}", names.sorted().join(" ")),
            None => "login".to_owned(),
        };
        let realm = self.realm.unwrap_or_else(own_realm);
        let settings = Settings {
            route,
            names,
            field,
            reader: Reader {
                success: self.success,
                failure: self.failure,
            },
            otherwise: self.otherwise,
            on_outage: self.on_outage,
            exempt,
            dry_run: self.dry_run,
            read_for: Duration::from_secs(30),
            peek_for: Duration::from_secs(2),
            readings: Readings::default(),
            away: Outage::default(),
            tried: Tried::default(),
        };
        let guard = if self.dry_run {
            LoginGuard::tried_out(store, secret, rules, realm)?
        } else {
            LoginGuard::new(store, secret, rules, realm)?
        };
        Ok(LoginLayer::new(guard, settings))
    }
}
