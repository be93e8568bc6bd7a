//! How an app is spoken to.

use std::time::Duration;

use http::HeaderValue;

use crate::app::Health;
use crate::config::{Affinity, AppConfig, AppOrigin, ConfigError, Loaded};

/// How an app is spoken to, of which a reload can change all.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// What it is asked for to know that it is well.
    pub(crate) health: Option<Health>,
    /// How long a request waits for it while it is away.
    pub(crate) patience: Duration,
    /// Whether it speaks HTTP/2.
    pub(crate) h2c: bool,
    /// Which of several instances a client comes to.
    pub(crate) affinity: Affinity,
    /// The host that it is told, in place of the client's.
    pub(crate) host: Option<HeaderValue>,
    /// By which scheme it is told the origin of its own pages.
    pub(crate) origin: AppOrigin,
}

impl Manner {
    /// Of the `app` that is written below `table`, under `names` of its own, if it has some.
    pub(super) fn of(
        loaded: &Loaded,
        (table, app): (&str, &AppConfig),
        names: &[String],
        by_https: bool,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            health: health(loaded, (table, app), names, by_https)?,
            patience: app.patience.get(),
            h2c: app.h2c,
            affinity: app.affinity,
            host: host(loaded, (table, app))?,
            origin: app.origin,
        })
    }
}

fn health(
    loaded: &Loaded,
    (table, app): (&str, &AppConfig),
    names: &[String],
    by_https: bool,
) -> Result<Option<Health>, ConfigError> {
    let config = &loaded.config;
    let Some(written) = &app.health else {
        return Ok(None);
    };
    let path = { written.starts_with('/') }.then(|| written.parse().ok());
    let Some(path) = path.flatten() else {
        let key = format!("{table}.health");
        let message = format!("{key}: `{written}` is not a path");
        return Err(loaded
            .error(&key, message)
            .with_help("write a path of the app, such as `/healthz`"));
    };
    let domains = config.tls.domain_names().iter();
    let all = { names.iter() }.chain(&config.listen.canonical);
    let all = all.chain(domains).chain(config.listen.hosts.listed());
    let all: Vec<String> = all.cloned().collect();
    Ok(Some(Health::new(path, &all, by_https)))
}

fn host(
    loaded: &Loaded,
    (table, app): (&str, &AppConfig),
) -> Result<Option<HeaderValue>, ConfigError> {
    let Some(written) = &app.host else {
        return Ok(None);
    };
    let host = panoply_core::parse_host(written.as_bytes());
    let host = host.and_then(|_| HeaderValue::from_str(written).ok());
    host.map(Some).ok_or_else(|| {
        let key = format!("{table}.host");
        let error = loaded.error(&key, format!("{key}: `{written}` is not a host"));
        error.with_help("write it as the app knows it, `app.internal` or `app.internal:8080`")
    })
}
