//! The tables that speak of some of the site's names alone.

use crate::config::{Config, Loaded};

use super::Settings;

/// Each with the names that it speaks of; those first that a request can be held to.
fn tables(config: &Config) -> impl Iterator<Item = (String, &[String])> {
    let access = { config.access.iter() }.map(panoply::AccessConfig::domain_names);
    let limits = { config.limit.iter() }.map(panoply::LimitConfig::domain_names);
    let logins = config.login.iter().flatten();
    let logins = logins.map(panoply::LoginConfig::domain_names);
    let paths =
        { config.limits.path.iter() }.map(|path| path.domains.as_deref().unwrap_or_default());
    let tables = numbered("access", access)
        .chain(numbered("limit", limits))
        .chain(numbered("login", logins))
        .chain(numbered("limits.path", paths));
    tables.filter(|(_, names)| !names.is_empty())
}

/// All of them, and those of headers.
pub(super) fn all(config: &Config) -> impl Iterator<Item = (String, &[String])> {
    tables(config).chain(numbered("headers.domain", config.headers.domain_names()))
}

fn numbered<'a>(
    table: &'static str,
    names: impl Iterator<Item = &'a [String]>,
) -> impl Iterator<Item = (String, &'a [String])> {
    let numbers = names.enumerate();
    numbers.map(move |(number, names)| (format!("{table}[{number}]"), names))
}

impl Settings {
    /// The tables that a request steps around which asks by a name of its own choice, and why.
    pub(crate) fn stepped_around(&self, loaded: &Loaded) -> Vec<(String, String)> {
        if self.live.hosts.enforced {
            return Vec::new();
        }
        let key = |(table, _): (String, &[String])| {
            let why = "the app can be asked under any other name, which this does not speak of: write the site's names in \
                       `tls.domains` or `listen.hosts`";
            (format!("{table}.domains"), why.to_owned())
        };
        tables(&loaded.config).map(key).collect()
    }
}
