//! The apps of `[[route]]`, checked.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use panoply::limits::{PathRules, may_take_steps};
use panoply_core::{HostName, HostNames};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::app::{self, App};
use super::by_name;
use super::{Manner, Settings};
use crate::app::Apps;
use crate::config::{ConfigError, Loaded, RouteConfig};
use crate::intake::Hosts;
use crate::metrics::Metrics;
use crate::routes::{Place, Routes};
use crate::surroundings::Surroundings;

/// An app that has a part of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// What it has: `/api`, `api.shop.example` or `api.shop.example/v2`.
    pub(crate) name: Arc<str>,
    pub(crate) app: App,
}

/// How the apps of routes are found and spoken to.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    pub(crate) routes: Routes,
    /// In the order of their apps.
    pub(crate) manners: Box<[RoutedManner]>,
}

/// How the app of a route is spoken to.
#[derive(Debug)]
pub(crate) struct RoutedManner {
    pub(crate) manner: Manner,
    /// What its paths begin with, if it is asked for what follows that.
    pub(crate) stripped: Option<Stripped>,
}

/// What is written in a path as it is (RFC 3986 §3.3).
const WRITTEN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b':')
    .remove(b'+');

/// What an app is not told of the paths that it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Stripped {
    /// As it is written in headers, without a slash at its end.
    pub(crate) prefix: Arc<str>,
    /// How many segments that are.
    pub(crate) depth: usize,
    /// What some apps take off once more: those that know what they are below.
    again: Arc<PathRules>,
}

impl Stripped {
    /// Of a path that has been checked, without a slash at its end.
    pub(crate) fn new(path: &str) -> Self {
        Self {
            prefix: utf8_percent_encode(path, WRITTEN).to_string().into(),
            depth: path.split('/').filter(|part| !part.is_empty()).count(),
            again: Arc::new(PathRules::new([path]).unwrap_or_default()),
        }
    }

    /// Whether an app may read what is left of a path as if it had been left there.
    pub(crate) fn is_there_again<B>(&self, left: &Request<B>) -> bool {
        let found = self.again.find(left);
        found.certain.is_some() || !found.possible.is_empty()
    }
}

/// The names under which it is there, where it is not so under all of the site's.
fn names(route: &RouteConfig) -> Result<Option<HostNames>, String> {
    let Some(domains) = &route.domains else {
        return Ok(None);
    };
    let mut all = HostNames::default();
    domains.iter().try_for_each(|name| all.add(name))?;
    Ok(Some(all))
}

/// What a route has of the site, in a word.
fn name(route: &RouteConfig) -> String {
    let names = route.domains.as_deref().unwrap_or_default().join(",");
    format!("{names}{}", route.prefix())
}

/// The app that has what no other has, and those of routes.
pub(super) fn apps(
    loaded: &Loaded,
    around: &Surroundings,
) -> Result<(App, Vec<Route>), ConfigError> {
    let main = app::app(loaded, around)?;
    let others = routes(loaded, around)?;
    app::some_tls(loaded, all(&main, &others))?;
    Ok((main, others))
}

fn all<'a>(main: &'a App, others: &'a [Route]) -> impl Iterator<Item = &'a App> {
    std::iter::once(main).chain(others.iter().map(|route| &route.app))
}

/// Whether the gateway starts one of them.
pub(super) fn start(main: &App, others: &[Route]) -> bool {
    all(main, others).any(|app| matches!(app, App::Command { .. }))
}

/// See [`app::not_ourselves`].
pub(super) fn not_ourselves(
    loaded: &Loaded,
    (main, others): (&App, &[Route]),
    listeners: [(&'static str, Option<SocketAddr>); 3],
) -> Result<(), ConfigError> {
    app::not_ourselves(loaded, ("app", main), listeners)?;
    let mut others = others.iter().enumerate();
    others.try_for_each(|(number, route)| {
        app::not_ourselves(loaded, (&format!("route[{number}]"), &route.app), listeners)
    })
}

fn routes(loaded: &Loaded, around: &Surroundings) -> Result<Vec<Route>, ConfigError> {
    let routes = &loaded.config.route;
    let mut all: Vec<Route> = Vec::with_capacity(routes.len());
    if routes.len() > MOST {
        let message = format!(
            "route: {} are written, and {MOST} are the most",
            routes.len()
        );
        return Err(loaded
            .error("route", message)
            .with_help("have one app answer for several paths"));
    }
    for (number, route) in routes.iter().enumerate() {
        let table = format!("route[{number}]");
        let name = place(loaded, &table, route)?;
        let overlaps = |other: &RouteConfig| meets(other, route);
        if let Some(other) = routes.iter().take(number).find(|other| overlaps(other)) {
            let name = self::name(other);
            let message = format!("{table}: `{name}` is there a second time");
            return Err(loaded
                .error(&table, message)
                .with_help("keep one of them, or give this one another `path`"));
        }
        all.push(Route {
            name: name.into(),
            app: app::read(
                loaded,
                around,
                (&table, &route.app()),
                route.instances.is_some(),
            )?,
        });
    }
    Ok(all)
}

/// Whether two have the same of some name.
fn meets(one: &RouteConfig, other: &RouteConfig) -> bool {
    let names = |route: &RouteConfig| -> Vec<String> {
        let names = route.domains.iter().flatten();
        names.map(|name| name.to_ascii_lowercase()).collect()
    };
    let (own, others) = (names(one), names(other));
    let shared = match (own.is_empty(), others.is_empty()) {
        (true, true) => true,
        (false, false) => own.iter().any(|name| others.contains(name)),
        _ => false,
    };
    shared && one.prefix() == other.prefix()
}

/// More apps than these nobody looks after at once.
const MOST: usize = 64;

/// Checks where a route is; gives what it has of the site.
fn place(loaded: &Loaded, table: &str, route: &RouteConfig) -> Result<String, ConfigError> {
    let key = |name: &str| format!("{table}.{name}");
    if let Some(path) = &route.path {
        if let Some(odd) = path.chars().find(|c| "%{}".contains(*c)) {
            let key = key("path");
            let message = format!("{key}: `{path}` has a `{odd}` in it, and stands for itself");
            return Err(loaded.error(&key, message).with_help(
                "write the path as people read it, without encodings or patterns, such as `path = \"/api\"`, which \
                 means all below it as well",
            ));
        }
        if route.strip_path && may_take_steps(path) {
            let key = key("path");
            let message = format!("{key}: `{path}` may be read as one with steps in it");
            let error = loaded.error(&key, message);
            return Err(error.with_help("write another path, or leave `strip_path` out"));
        }
        PathRules::new([path]).map_err(|(_, error)| {
            let key = key("path");
            let said = error.to_string();
            loaded.error(
                &key,
                format!("{table}: {}", said.replace("`prefix`", "`path`")),
            )
        })?;
    }
    names(route).map_err(|problem| {
        let key = key("domains");
        loaded.error(&key, format!("{key}: {problem}"))
    })?;
    let help = "write a path, `path = \"/api\"`, or names, `domains = [\"api.shop.example\"]`, or both; \
                `[app]` has what no route has";
    if route.domains.as_ref().is_some_and(Vec::is_empty) {
        let key = key("domains");
        let message = format!("{key}: the list is empty, and nobody comes there");
        return Err(loaded.error(&key, message).with_help(help));
    }
    if route.domains.is_none() && route.prefix().is_empty() {
        let message = format!("{table}: it has the whole site, and nothing is left for `[app]`");
        let host = "`host` is what the app is told; the names under which it is there are `domains`: write \
                    `domains = [\"api.shop.example\"]`";
        let help = route.host.as_ref().map_or(help, |_| host);
        return Err(loaded.error(table, message).with_help(help));
    }
    if route.strip_path && route.prefix().is_empty() {
        let key = key("strip_path");
        let message = format!("{key}: there is no path to leave out");
        let error = loaded.error(&key, message);
        return Err(error.with_help("write a `path`, or take `strip_path` away"));
    }
    Ok(name(route))
}

/// Checks that somebody can come under these names of the `table`.
fn reached(
    loaded: &Loaded,
    hosts: &Hosts,
    table: &str,
    names: &[String],
) -> Result<(), ConfigError> {
    for name in names {
        if let Some(why) = unreached(hosts, &name.to_ascii_lowercase()) {
            let key = format!("{table}.domains");
            let error = loaded.error(&key, format!("{key}: nobody can ask for `{name}`"));
            return Err(error.with_help(why));
        }
    }
    Ok(())
}

/// Why nobody comes under a name, if it is so.
fn unreached(hosts: &Hosts, domain: &str) -> Option<&'static str> {
    let own = HostName::parse(domain.as_bytes());
    // Who looks from this machine, or knows an address, is let in by that.
    if own.is_some_and(|own| matches!(own, HostName::Address(_)) || own.is_of_this_machine()) {
        return None;
    }
    let parent = domain.strip_prefix("*.");
    if let Some(canonical) = &hosts.canonical {
        let is_asked_for = match parent {
            Some(parent) => {
                canonical.split_once('.').map(|(_, above)| above) == Some(parent)
                    || hosts.apart.has_below(parent)
            }
            None => **canonical == *domain || hosts.apart.fit_name(domain).is_some(),
        };
        if !is_asked_for {
            return Some(if parent.is_some() {
                "`listen.canonical` leads whoever asks for such a name elsewhere, but for those that a `[[route]]` without \
                 `path` has to itself, each written in full: give one of them such a route, as in `domains = \
                 [\"api.shop.example\"]`, or take these names or `listen.canonical` away"
            } else {
                "`listen.canonical` leads whoever asks for it elsewhere, but for names that a `[[route]]` without `path` \
                 has to itself: give it one, or take the name or `listen.canonical` away"
            });
        }
    }
    let is_known = match parent {
        Some(parent) => hosts.certificates.is_some() || hosts.written.has_below(parent),
        None => hosts.has_name(domain),
    };
    (hosts.enforced && !hosts.on_demand && !is_known).then_some(
        "it is none of the site's names: write it in `tls.domains` as well, or in `listen.hosts` where the \
         certificate is somebody else's",
    )
}

/// How the apps of routes are found and spoken to.
pub(super) fn routed(
    loaded: &Loaded,
    hosts: &Hosts,
    by_https: bool,
) -> Result<Routed, ConfigError> {
    let routes = &loaded.config.route;
    for (table, names) in by_name::all(&loaded.config) {
        reached(loaded, hosts, &table, names)?;
    }
    let mut manners = Vec::with_capacity(routes.len());
    for (number, route) in routes.iter().enumerate() {
        let table = format!("route[{number}]");
        let names = route.domains.as_deref().unwrap_or_default();
        reached(loaded, hosts, &table, names)?;
        let stripped = { route.strip_path }.then(|| Stripped::new(route.prefix()));
        manners.push(RoutedManner {
            manner: Manner::of(
                loaded,
                (&table, &route.app()),
                route.domains.as_deref(),
                by_https,
            )?,
            stripped,
        });
    }
    // They have been checked.
    let places = routes.iter();
    let places = places.map(|route| Place::new(names(route).unwrap_or_default(), route.prefix()));
    Ok(Routed {
        routes: Routes::new(places),
        manners: manners.into(),
    })
}

impl Settings {
    /// All apps with what each has of the site; first the one that has what no other has, under no name.
    pub(crate) fn apps(&self) -> impl Iterator<Item = (&str, &App)> {
        let routes = self.routes.iter().map(|route| (&*route.name, &route.app));
        std::iter::once(("", &self.app)).chain(routes)
    }

    /// How they all stand before one has come up.
    pub(crate) fn standing(&self, metrics: &Metrics) -> Apps {
        let routed = { self.routes.iter() }.map(|route| (&route.name, route.app.instances()));
        Apps::new(metrics, self.app.instances(), routed)
    }
}

#[cfg(test)]
mod tests;
