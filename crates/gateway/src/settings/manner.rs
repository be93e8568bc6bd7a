//! How an app is spoken to.

use std::time::Duration;

use http::HeaderValue;
use panoply_core::{HostName, HostNames};

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
    let all = {
        let config = &loaded.config;
        own.map_or_else(|| names_left(config), |own| names_of(config, own))
    };
    Ok(Some(Health::new(path, &all, by_https)))
}

/// The site's names, as far as they are known.
fn site_names(config: &Config) -> impl Iterator<Item = &String> {
    let domains = config.tls.domain_names().iter();
    let names = { config.listen.canonical.iter() }.chain(domains);
    names.chain(config.listen.hosts.listed())
}

/// Whether a name is an app's: in so many words (2), or by a wildcard (1).
fn fit(own: &[String], name: &str) -> Option<u8> {
    let mut names = HostNames::default();
    for own in own {
        // One that is wrong is told of where it is checked.
        let _ = names.add(own);
    }
    names.fit(&HostName::parse(name.as_bytes())?)
}

/// The names of the site that an app has to itself, the most its own first; `own` are those that are written.
fn names_of(config: &Config, own: &[String]) -> Vec<String> {
    let exact = own.iter().filter(|name| !name.starts_with("*."));
    let of_others = |name: &str| {
        let others = config
            .route
            .iter()
            .filter(|route| route.prefix().is_empty());
        let others = others.filter_map(|route| route.domains.as_deref());
        others
            .filter(|other| *other != own)
            .any(|other| fit(other, name) == Some(2))
    };
    let known = site_names(config).filter(|name| fit(own, name) == Some(1));
    let parents = own.iter().filter_map(|name| name.strip_prefix("*."));
    // Any name will do where a wildcard does.
    let made = parents.flat_map(|parent| ["www", "app"].map(|label| format!("{label}.{parent}")));
    let wild = known.cloned().chain(made).filter(|name| !of_others(name));
    exact.cloned().chain(wild).collect()
}

/// Those of the site that no other app has to itself.
fn names_left(config: &Config) -> Vec<String> {
    let whole = config
        .route
        .iter()
        .filter(|route| route.prefix().is_empty());
    let whole: Vec<&[String]> = whole.filter_map(|route| route.domains.as_deref()).collect();
    let is_left = |name: &&String| !whole.iter().any(|own| fit(own, name).is_some());
    site_names(config).filter(is_left).cloned().collect()
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
        let written = "[listen]\nhosts = [\"docs.test\", \"x.w.test\", \"a.test\", \"*.c.test\"]\n\
                       [[route]]\ndomains = [\"Docs.test\", \"www.v.test\"]\n\
                       [[route]]\ndomains = [\"a.test\"]\npath = \"/x\"\n[[route]]\ndomains = [\"*.w.test\"]\n";
        let loaded = Source::new().text("panoply.toml", written).load().unwrap();
        assert_eq!(names_left(&loaded.config), ["a.test", "*.c.test"]);
        let first = |own: &[&str]| {
            let own: Vec<String> = own.iter().map(|name| (*name).to_owned()).collect();
            names_of(&loaded.config, &own).swap_remove(0)
        };
        assert_eq!(first(&["*.c.test", "b.test"]), "b.test");
        assert_eq!(first(&["*.w.test"]), "x.w.test");
        assert_eq!(first(&["*.v.test"]), "app.v.test");
        assert_eq!(first(&["*.u.test"]), "www.u.test");
    }
}
