//! `panoply.toml`: everything that can be set, each with a default that is safe.
//!
//! A [`Config`] is what was written; [`Settings`](crate::Settings) is what is in force, checked
//! whole before any port is bound.

mod app;
mod audit;
mod diagnose;
#[cfg(test)]
mod documented;
mod env;
mod file;
mod instances;
mod layers;
mod limits;
mod listen;
mod locate;
mod pages;
mod route;
mod run;
mod store;
mod suggest;
mod units;
pub(crate) mod veil;

use panoply::{
    AccessConfig, ChallengeConfig, CookieGuardConfig, CrossSiteConfig, LimitConfig, LoginConfig,
    ProbesConfig,
};
use panoply_acme::AcmeConfig;
use panoply_client::ClientConfig;
use panoply_headers::HeadersConfig;
use panoply_tls::TlsConfig;
use serde::Deserialize;

pub use app::{AppConfig, AppOrigin, Upstream};
pub use audit::{AuditConfidence, AuditConfig, AuditLevel};
pub use diagnose::ConfigError;
pub(crate) use env::{SECRET_SETTINGS, is_secret, secret_variables};
pub use instances::{Affinity, Instances, Upstreams};
pub use layers::{Loaded, Origin, Source};
pub use limits::{LimitsConfig, PathLimitsConfig};
pub use listen::{Address, HostsConfig, ListenConfig};
pub use pages::{FrameworkErrors, PagesConfig};
pub use route::RouteConfig;
pub use run::RunConfig;
pub use store::{StoreConfig, StoreUrl};
pub use units::{ByteSize, Span};

/// The whole of `panoply.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// The app: a command to start, or the address of one that runs.
    pub app: AppConfig,
    /// Other apps, by path or name.
    pub route: Vec<RouteConfig>,
    /// Where to listen.
    pub listen: ListenConfig,
    /// As whom everything runs.
    pub run: RunConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// Where certificates are ordered.
    pub acme: AcmeConfig,
    /// Response headers.
    pub headers: HeadersConfig,
    /// Whose word on the client's address is taken.
    pub client: ClientConfig,
    /// Bounds on everything a client may send or make us wait for.
    pub limits: LimitsConfig,
    /// The logins to guard; where none is written, the paths that apps usually have.
    pub login: Option<Vec<LoginConfig>>,
    /// What becomes of the app's cookies.
    pub cookies: CookieGuardConfig,
    /// Which requests that another site causes are let through.
    pub cross_site: CrossSiteConfig,
    /// The keys that seal cookies.
    pub keys: KeysConfig,
    /// Paths that are there for some addresses only.
    pub access: Vec<AccessConfig>,
    /// How many requests are let through, by path and client, or answers.
    pub limit: Vec<LimitConfig>,
    /// Who is held out for asking for what only scanners ask for; nobody, unless the table is written.
    pub probes: ProbesConfig,
    /// Of whom it is asked to show that he runs a browser; of nobody, unless paths are written or somebody says so.
    pub challenge: ChallengeConfig,
    /// Where is counted.
    pub store: StoreConfig,
    /// Who is let in while the site is closed.
    pub maintenance: MaintenanceConfig,
    /// Pages of the site's own in place of the gateway's.
    pub pages: PagesConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// A page for whoever looks after it, metrics and health, on a listener of their own.
    pub admin: AdminConfig,
    /// Reports of what the Content-Security-Policy blocked.
    pub reports: ReportsConfig,
    /// What `panoply audit` is told of the app.
    pub audit: AuditConfig,
}

/// `[maintenance]`: of `panoply maintenance on`, while which everybody is answered 503.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MaintenanceConfig {
    /// Whom it does not hold for, such as the office: addresses, networks, or the names `loopback`, `linklocal`,
    /// `uniquelocal`.
    pub allow: Vec<String>,
}

/// `[keys]`: what seals cookies.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct KeysConfig {
    /// A file with one key a line, the newest first, which nodes that serve one site have in common;
    /// by default `keys` in the state directory, made at the first start.
    pub file: Option<std::path::PathBuf>,
}

/// `[log]`: what is logged, on standard error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogConfig {
    /// How a line looks; by default text on a terminal and JSON otherwise.
    pub format: LogFormat,
    /// Whether each request gets a line; yes by default.
    pub access: bool,
    /// Paths, each with all below it, whose requests get none unless they are refused or fail, such as those of
    /// health checks and assets. They are counted all the same.
    pub skip: Vec<String>,
    /// From which level on: `error`, `warn`, `info` (default), `debug` or `trace`.
    pub level: LogLevel,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            access: true,
            skip: Vec::new(),
            level: LogLevel::Info,
        }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe events that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogLevel {
    /// Somebody must act.
    Error,
    /// Something is away, or is about to be.
    Warn,
    /// What the gateway does.
    Info,
    /// Each refusal, each connection that ended early.
    Debug,
    /// Everything.
    Trace,
}

/// `[admin]`: the listener for the admin page, metrics and health.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdminConfig {
    /// Where it listens, such as `127.0.0.1:9100`; nowhere by default. On an address that other
    /// machines reach it wants a token.
    pub listen: Option<Address>,
    /// What whoever comes must know, of 16 characters or more; on loopback nothing by default. It is
    /// asked for by the page, and by `/metrics` as `Authorization: Bearer`; not by `/health`.
    pub token: Option<String>,
}

impl std::fmt::Debug for AdminConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("AdminConfig")
            .field("listen", &self.listen)
            .field("token", &token)
            .finish()
    }
}

/// `[reports]`: whether browsers are asked to report what the policy blocked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReportsConfig {
    /// Reports come to the gateway itself and are explained in the log; yes by default.
    pub enabled: bool,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}
