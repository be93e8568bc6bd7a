//! `[[route]]`: other apps, each below a path or under names of its own.

use serde::Deserialize;

use super::app::{AppConfig, AppOrigin, words};
use super::instances::{Affinity, Instances, Upstreams};
use super::units::Span;

/// `[[route]]`: an app that has what lies below a path, or what is asked of some of the site's names; `[app]` has all
/// else. What is said of the app is said as there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RouteConfig {
    /// A path such as `/api`, which means all below it as well; everything by default.
    pub path: Option<String>,
    /// The names under which it is there, such as `api.shop.example` or `*.shop.example`; all of the site's by default.
    pub domains: Option<Vec<String>>,
    /// Whether the app is asked for what follows `path`, as though it had a site of its own: `/api/users` is `/users` to
    /// it, and `X-Forwarded-Prefix` tells it `/api`. Where it leads to is put below `path` again, and so are its
    /// cookies. No by default.
    pub strip_path: bool,
    /// See [`AppConfig::command`].
    #[serde(deserialize_with = "words")]
    pub command: Option<Vec<String>>,
    /// See [`AppConfig::upstream`].
    pub upstream: Option<Upstreams>,
    /// See [`AppConfig::instances`].
    pub instances: Option<Instances>,
    /// See [`AppConfig::affinity`].
    pub affinity: Affinity,
    /// See [`AppConfig::h2c`].
    pub h2c: bool,
    /// See [`AppConfig::host`].
    pub host: Option<String>,
    /// See [`AppConfig::origin`].
    pub origin: AppOrigin,
    /// See [`AppConfig::start_timeout`].
    pub start_timeout: Span,
    /// See [`AppConfig::health`].
    pub health: Option<String>,
    /// See [`AppConfig::patience`].
    pub patience: Span,
}

impl RouteConfig {
    /// What is said of the app, as `[app]` would have it.
    pub fn app(&self) -> AppConfig {
        AppConfig {
            command: self.command.clone(),
            upstream: self.upstream.clone(),
            instances: self.instances.unwrap_or_default(),
            affinity: self.affinity,
            h2c: self.h2c,
            host: self.host.clone(),
            origin: self.origin,
            start_timeout: self.start_timeout,
            health: self.health.clone(),
            patience: self.patience,
        }
    }

    /// The path without a slash at its end; empty is everything.
    pub fn prefix(&self) -> &str {
        self.path.as_deref().unwrap_or("/").trim_end_matches('/')
    }
}

impl Default for RouteConfig {
    fn default() -> Self {
        let app = AppConfig::default();
        Self {
            path: None,
            domains: None,
            strip_path: false,
            command: app.command,
            upstream: app.upstream,
            instances: None,
            affinity: app.affinity,
            h2c: app.h2c,
            host: app.host,
            origin: app.origin,
            start_timeout: app.start_timeout,
            health: app.health,
            patience: app.patience,
        }
    }
}
