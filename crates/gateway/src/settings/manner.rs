//! How an app is spoken to.

use std::time::Duration;

use http::HeaderValue;

use crate::app::Health;
use crate::config::{Affinity, AppConfig, AppOrigin, Config, ConfigError, Loaded};

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
    /// Of the `app` that is written below `table`, under names of its `own`, if it has some.
    pub(super) fn of(
        loaded: &Loaded,
        (table, app): (&str, &AppConfig),
        own: Option<&[String]>,
        by_https: bool,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            health: health(loaded, (table, app), own, by_https)?,
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
    own: Option<&[String]>,
    by_https: bool,
) -> Result<Option<Health>, ConfigError> {
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
    let all = own.map_or_else(|| names_left(&loaded.config), names_of);
    Ok(Some(Health::new(path, &all, by_https)))
}

/// The names by which an app is known that has some of the site's.
fn names_of(own: &[String]) -> Vec<String> {
    // Any name will do where a wildcard does.
    let named = |name: &String| match name.strip_prefix("*.") {
        Some(parent) => format!("www.{parent}"),
        None => name.clone(),
    };
    let (wild, exact): (Vec<&String>, Vec<&String>) =
        own.iter().partition(|name| name.starts_with('*'));
    exact.into_iter().chain(wild).map(named).collect()
}

/// Those of the site that no other app has to itself.
fn names_left(config: &Config) -> Vec<String> {
    let whole = config
        .route
        .iter()
        .filter(|route| route.prefix().is_empty());
    let taken: Vec<String> = { whole.flat_map(|route| route.domains.iter().flatten()) }
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let domains = config.tls.domain_names().iter();
    let all = { config.listen.canonical.iter() }.chain(domains);
    let all = all.chain(config.listen.hosts.listed());
    all.filter(|name| !taken.contains(name)).cloned().collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    #[test]
    fn an_app_is_asked_by_a_name_of_its_own() {
        let written = "[listen]\nhosts = [\"docs.test\", \"a.test\", \"*.c.test\"]\n\
                       [[route]]\ndomains = [\"Docs.test\"]\n[[route]]\ndomains = [\"a.test\"]\npath = \"/x\"\n";
        let loaded = Source::new().text("panoply.toml", written).load().unwrap();
        assert_eq!(names_left(&loaded.config), ["a.test", "*.c.test"]);
        let own = ["*.c.test", "b.test"].map(str::to_owned);
        assert_eq!(names_of(&own), ["b.test", "www.c.test"]);
    }
}
