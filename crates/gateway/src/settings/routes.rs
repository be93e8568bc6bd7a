//! The apps of `[[route]]`, checked.

use std::net::SocketAddr;
use std::sync::Arc;

use panoply::limits::PathRules;
use panoply_tls::complaint_about_name;

use super::app::{self, App};
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

/// What an app is not told of the paths that it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stripped {
    /// Without a slash at its end.
    pub(crate) prefix: Arc<str>,
    /// How many segments that are.
    pub(crate) depth: usize,
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
        if all.iter().any(|other| *other.name == name) {
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

/// More apps than these nobody looks after at once.
const MOST: usize = 64;

/// Checks where a route is; gives what it has of the site.
fn place(loaded: &Loaded, table: &str, route: &RouteConfig) -> Result<String, ConfigError> {
    let key = |name: &str| format!("{table}.{name}");
    if let Some(path) = &route.path {
        PathRules::new([path]).map_err(|(_, error)| {
            let key = key("path");
            let said = error.to_string();
            loaded.error(
                &key,
                format!("{table}: {}", said.replace("`prefix`", "`path`")),
            )
        })?;
    }
    for domain in route.domains.iter().flatten() {
        if let Some(complaint) = complaint_about_name(domain) {
            let key = key("domains");
            return Err(loaded.error(&key, format!("{key}: {complaint}")));
        }
    }
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

/// Under which names nobody comes, and why.
fn unreached(hosts: &Hosts, domain: &str) -> Option<&'static str> {
    if let Some(canonical) = &hosts.canonical
        && **canonical != *domain
    {
        return Some(
            "`listen.canonical` leads whoever asks for it elsewhere: take that away, or the name",
        );
    }
    let is_known = hosts.on_demand || domain.starts_with("*.") || hosts.has_name(domain);
    (hosts.enforced && !is_known).then_some(
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
    let mut manners = Vec::with_capacity(routes.len());
    for (number, route) in routes.iter().enumerate() {
        let table = format!("route[{number}]");
        let names = route.domains.as_deref().unwrap_or_default();
        let astray = |name: &&String| unreached(hosts, name).is_some();
        if let Some(name) = names.iter().find(astray) {
            let key = format!("{table}.domains");
            let error = loaded.error(&key, format!("{key}: nobody can ask for `{name}`"));
            return Err(error.with_help(unreached(hosts, name).unwrap_or_default()));
        }
        let depth = route.prefix().split('/').filter(|part| !part.is_empty());
        let stripped = route.strip_path.then(|| Stripped {
            prefix: route.prefix().into(),
            depth: depth.count(),
        });
        manners.push(RoutedManner {
            manner: Manner::of(loaded, (&table, &route.app()), names, by_https)?,
            stripped,
        });
    }
    let places = routes.iter();
    let places = places.map(|route| Place::new(route.domains.as_deref(), route.prefix()));
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
mod tests {
    use panoply_core::ManualClock;

    use super::*;
    use crate::config::Source;

    fn build(written: &str) -> Result<Settings, String> {
        let state = tempfile::tempdir().unwrap();
        let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
        let app = "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\nmode = \"off\"\n";
        let text = format!("{app}{written}");
        let loaded = Source::new().text("panoply.toml", &text).load();
        let built = loaded.and_then(|loaded| Settings::build(&loaded, &around));
        built.map_err(|error| error.to_string())
    }

    const UP: &str = "upstream = \"http://127.0.0.1:4000\"\n";

    #[test]
    fn a_route_is_called_by_what_it_has() {
        let named = |written: &str| {
            let settings = build(&format!("[[route]]\n{UP}{written}")).unwrap();
            settings.routes[0].name.to_string()
        };
        assert_eq!(named("path = \"/api/\""), "/api");
        assert_eq!(named("domains = [\"api.a.test\"]"), "api.a.test");
        assert_eq!(
            named("domains = [\"a.test\", \"*.a.test\"]\npath = \"/v2\""),
            "a.test,*.a.test/v2"
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        let hosts = "[listen]\nhosts = [\"a.test\", \"*.c.test\"]\n";
        let canonical = "[listen]\nhosts = [\"a.test\", \"b.test\"]\ncanonical = \"a.test\"\n";
        let api = format!("[[route]]\npath = \"/api\"\n{UP}");
        for (written, said) in [
            ("[[route]]\npath = \"/api\"\n", "route[0]: there is no app"),
            (&*format!("[[route]]\n{UP}"), "it has the whole site"),
            (
                &format!("[[route]]\npath = \"/\"\n{UP}"),
                "it has the whole site",
            ),
            (
                &format!("[[route]]\npath = \"api\"\n{UP}"),
                "`path` is `api`, which is no path",
            ),
            (
                &format!("[[route]]\npath = \"/a/../b\"\n{UP}"),
                "which is no path",
            ),
            (
                &format!("[[route]]\ndomains = []\n{UP}"),
                "the list is empty",
            ),
            (
                &format!("[[route]]\ndomains = [\"a b\"]\n{UP}"),
                "route[0].domains",
            ),
            (
                &format!("[[route]]\nstrip_path = true\ndomains = [\"a.test\"]\n{UP}"),
                "no path to leave out",
            ),
            (&format!("{api}{api}"), "`/api` is there a second time"),
            (
                &format!("{api}command = [\"node\"]\n"),
                "`route[0].command` and `route[0].upstream` exclude",
            ),
            (
                &format!("{api}health = \"x\"\n"),
                "route[0].health: `x` is not a path",
            ),
            (
                &format!("{api}host = \"a b\"\n"),
                "route[0].host: `a b` is not a host",
            ),
            (
                &format!("{api}instances = 2\n"),
                "route[0].instances: somebody else",
            ),
            (
                &format!("{hosts}[[route]]\ndomains = [\"b.test\"]\n{UP}"),
                "nobody can ask for `b.test`",
            ),
            (
                &format!("{canonical}[[route]]\ndomains = [\"b.test\"]\n{UP}"),
                "`listen.canonical` leads",
            ),
            (
                "[[route]]\npath = \"/api\"\nupstream = \"http://127.0.0.1:8080\"\n",
                "where the gateway itself listens",
            ),
            (&api.repeat(65), "64 are the most"),
        ] {
            let error = build(written).map(|_| ()).unwrap_err();
            assert!(error.contains(said), "{written}: {error}");
        }
        assert!(
            build(&format!(
                "{hosts}[[route]]\ndomains = [\"x.c.test\", \"*.c.test\"]\n{UP}"
            ))
            .is_ok()
        );
    }

    #[test]
    fn tls_is_said_of_whichever_app_speaks_it() {
        let route = |scheme: &str| {
            let tls = "[tls.app]\nname = \"a.test\"\n";
            build(&format!(
                "{tls}[[route]]\npath = \"/api\"\nupstream = \"{scheme}://127.0.0.1:4000\"\n"
            ))
        };
        assert!(route("http").unwrap_err().contains("not spoken to by TLS"));
        assert!(route("https").is_ok());
    }
}
