//! What is in force, for `panoply check`.

use std::path::Path;
use std::time::Duration;

use panoply::guard::CookieFate;
use panoply::{ChallengeConfig, LoginConfig};
use panoply_core::TimeText;

use crate::config::{
    Config, FrameworkErrors, LimitsConfig, Loaded, Origin, RouteConfig, Upstreams, is_secret,
};
use crate::privilege::{self, Account};
use crate::settings::{App, Route, Settings};

/// What the app is asked for.
fn health(config: &Config) -> String {
    let path = config.app.health.clone();
    path.unwrap_or_else(|| "(it accepts connections)".to_owned())
}

/// Whether it is said how many instances there are; those of a list are counted there.
fn counts(app: &App, loaded: &Loaded) -> bool {
    matches!(app, App::Command { .. }) || loaded.value("app.instances").is_some()
}

/// What stands behind the gateway.
fn told(app: &App, config: &Config) -> (&'static str, String) {
    match app {
        App::Command { command, .. } => ("app.command", command.join(" ")),
        App::Upstream { .. } => {
            let written = config.app.upstream.as_ref();
            (
                "app.upstream",
                written.map(ToString::to_string).unwrap_or_default(),
            )
        }
        App::Own(_) => ("app", "a service of this program".to_owned()),
    }
}

/// Who is named, in a few words.
fn listed(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        names => names.join(", "),
    }
}

/// What bounds requests and connections.
fn bounds(limits: &LimitsConfig) -> [(&'static str, String); 12] {
    [
        ("limits.header_bytes", limits.header_bytes.to_string()),
        ("limits.header_count", limits.header_count.to_string()),
        ("limits.body_bytes", limits.body_bytes.to_string()),
        ("limits.head_timeout", limits.head_timeout.to_string()),
        ("limits.idle_timeout", limits.idle_timeout.to_string()),
        ("limits.stall_timeout", limits.stall_timeout.to_string()),
        (
            "limits.response_timeout",
            limits.response_timeout.to_string(),
        ),
        ("limits.connections", limits.connections.to_string()),
        (
            "limits.connections_per_client",
            limits.connections_per_client.to_string(),
        ),
        ("limits.streams", limits.streams.to_string()),
        ("limits.stream_resets", limits.stream_resets.to_string()),
        ("limits.drain", limits.drain.to_string()),
    ]
}

/// Why it is to be said, where it is, that the clients themselves are among the proxies that are counted.
pub(crate) fn counts_clients(config: &Config) -> Option<&'static str> {
    let weak = config.client.weakenings();
    let counts = weak.iter().any(|(key, _)| *key == "hops");
    (counts && !config.listen.proxy_protocol.is_empty()).then_some(
        "whoever comes through `listen.proxy_protocol` is himself the nearest proxy, and chooses his own address, \
         unless there is another proxy in front of that: leave `hops` out if there is none",
    )
}

impl Settings {
    /// Each setting with its value and where that came from, in the order of the documentation.
    pub fn explain(&self, loaded: &Loaded) -> Vec<(String, String, Origin)> {
        let config = &loaded.config;
        let address = |address: Option<std::net::SocketAddr>| {
            address.map_or_else(|| "off".to_owned(), |address| address.to_string())
        };
        let [http, https, admin] = self.listeners();
        let app = told(&self.app, config);
        let tls = self.tls().map_or_else(
            || "off".to_owned(),
            |_| config.tls.effective_mode().to_string(),
        );
        let store = if self.store.asked {
            self.store.url.to_string()
        } else {
            "sqlite: in the state directory".to_owned()
        };
        let keys = in_state(config.keys.file.as_deref());
        // What they are, is nobody's business.
        let secret = |is_set, otherwise: &str| if is_set { "(set)" } else { otherwise }.to_owned();
        let run = |key: &Option<String>, own: &str| key.clone().unwrap_or_else(|| own.to_owned());
        let first = [
            app,
            ("app.instances", config.app.instances.to_string()),
            ("app.affinity", config.app.affinity.to_string()),
            ("app.health", health(config)),
            ("app.patience", config.app.patience.to_string()),
            ("run.user", run(&config.run.user, "(whoever starts it)")),
            ("listen.http", address(http)),
            ("listen.https", address(https)),
            ("listen.hosts", self.hosts(loaded)),
            ("listen.canonical", run(&config.listen.canonical, "(none)")),
            (
                "listen.proxy_protocol",
                listed(&config.listen.proxy_protocol),
            ),
            ("tls.mode", tls),
            (
                "headers.preset",
                loaded.text("headers.preset").unwrap_or("helmet").to_owned(),
            ),
            (
                if loaded.origin("client.hops") == Origin::Default {
                    "client.trusted_proxies"
                } else {
                    "client.hops"
                },
                config.client.to_string(),
            ),
        ];
        let rest = [
            (
                "log.format",
                loaded.text("log.format").unwrap_or("auto").to_owned(),
            ),
            (
                "log.level",
                loaded.text("log.level").unwrap_or("info").to_owned(),
            ),
            ("log.access", config.log.access.to_string()),
            ("maintenance.allow", listed(&config.maintenance.allow)),
            ("keys.file", keys),
            ("admin.listen", address(admin)),
            (
                "admin.token",
                secret(config.admin.token.is_some(), "(none)"),
            ),
            ("reports.enabled", config.reports.enabled.to_string()),
            ("store.url", store),
            ("store.deadline", span(self.store.deadline)),
            ("store.nodes", self.store.nodes.to_string()),
            (
                "store.secret",
                secret(config.store.secret.is_some(), "(in the state directory)"),
            ),
        ];
        let explained =
            |(path, value): (&str, String)| (path.to_owned(), value, loaded.origin(path));
        let known = { first.into_iter() }
            .filter(|(path, _)| *path != "app.instances" || counts(&self.app, loaded))
            .chain(bounds(&config.limits))
            .chain(rest);
        let mut all: Vec<_> = known.map(explained).collect();
        // What else was written, with the text of it.
        for (path, origin) in loaded.set() {
            let has_own_part =
                matches!(path, "login" | "limit" | "access" | "limits.path" | "route");
            if !has_own_part && !all.iter().any(|(known, ..)| known == path) {
                let value = match (path, &config.acme.on_demand) {
                    (path, _) if is_secret(path) => "(set)".to_owned(),
                    // A hook may be asked with a word that only it and we know.
                    ("acme.on_demand.allow", Some(table)) => table.allow.to_string(),
                    _ => loaded.value(path).unwrap_or_default(),
                };
                all.push((path.to_owned(), value, origin.clone()));
            }
        }
        all
    }

    /// The apps that have a part of the site, a line each.
    pub fn routes(&self, loaded: &Loaded) -> Vec<String> {
        let routes = self.routes.iter().zip(&loaded.config.route);
        let line = |(route, written): (&Route, &RouteConfig)| {
            let app = match (&written.command, &written.upstream) {
                (Some(command), _) => command.join(" "),
                (None, upstream) => upstream
                    .as_ref()
                    .map_or_else(String::new, Upstreams::to_string),
            };
            let stripped = if written.strip_path {
                ", which is not told of the path"
            } else {
                ""
            };
            let several = match route.app.instances() {
                several @ 2.. if written.command.is_some() => format!(" ({several} times)"),
                _ => String::new(),
            };
            format!("{}: {app}{several}{stripped}", route.name)
        };
        routes.map(line).collect()
    }

    /// The logins that are guarded, a line each.
    pub fn logins(&self, loaded: &Loaded) -> Vec<String> {
        match &loaded.config.login {
            None => vec![LoginConfig::usual().to_string()],
            Some(logins) => {
                let own = logins.iter().map(ToString::to_string);
                let by_name = !logins.is_empty() && logins.iter().all(LoginConfig::is_by_name);
                let usual = || format!("{} (under all other names)", LoginConfig::usual());
                own.chain(by_name.then(usual)).collect()
            }
        }
    }

    /// What becomes of which cookie: the app's names and their fates.
    pub fn cookies(&self) -> Vec<CookieFate> {
        self.suit().cookies().explain()
    }

    /// The paths that are there for some only, a line each.
    pub fn access(&self, loaded: &Loaded) -> Vec<String> {
        let access = loaded.config.access.iter();
        access.map(ToString::to_string).collect()
    }

    /// What of the limits is different below some paths, a line each.
    pub fn path_limits(&self, loaded: &Loaded) -> Vec<String> {
        let paths = loaded.config.limits.path.iter();
        paths.map(ToString::to_string).collect()
    }

    /// The limits of requests, a line each.
    pub fn request_limits(&self, loaded: &Loaded) -> Vec<String> {
        let limits = loaded
            .config
            .limit
            .iter()
            .filter(|limit| !limit.counts_answers());
        limits.map(ToString::to_string).collect()
    }

    /// Whom what he asks for holds out, a line each.
    pub fn answer_limits(&self, loaded: &Loaded) -> Vec<String> {
        let limits = loaded
            .config
            .limit
            .iter()
            .filter(|limit| limit.counts_answers());
        let probes = std::iter::once(loaded.config.probes.to_string());
        probes.chain(limits.map(ToString::to_string)).collect()
    }

    /// Of whom it is asked to show that he runs a browser, a line, where something was written of it.
    pub fn challenge(&self, loaded: &Loaded) -> Option<String> {
        let config = &loaded.config.challenge;
        (*config != ChallengeConfig::new()).then(|| config.to_string())
    }

    /// What of [`weakenings`](Self::weakenings) the log is to say at each start, beside what the headers' say.
    pub fn loud_weakening(&self) -> Option<(&'static str, &'static str)> {
        self.counts_clients.map(|why| ("client.hops", why))
    }

    /// Everything that is weaker than the defaults because somebody wrote it so, and why it is.
    pub fn weakenings(&self, loaded: &Loaded) -> Vec<(String, String)> {
        let config = &loaded.config;
        let mut found = Vec::new();
        if self.tls().is_none() {
            let why = "nothing is encrypted here: whoever stands in front must bring TLS";
            found.push(("tls.mode".to_owned(), why.to_owned()));
        }
        if privilege::is_root() && self.account.as_ref().is_none_or(Account::is_root) {
            let why = "started by root, as this was, everything runs as root: whoever breaks out of \
                       the gateway or the app has the machine";
            found.push(("run.user".to_owned(), why.to_owned()));
        }
        if config.run.danger_core_dumps {
            let why = "a crash leaves keys and passwords on the disk, and others of the same user can \
                       read them while it runs";
            found.push(("run.danger_core_dumps".to_owned(), why.to_owned()));
        }
        if self.lets_any_host_in(loaded) {
            let why = "whoever sends a request chooses the host that the app makes links of, in mails that reset a \
                       password too";
            found.push(("listen.hosts".to_owned(), why.to_owned()));
        }
        let client = config.client.weakenings().into_iter();
        found.extend(client.map(|(key, why)| (format!("client.{key}"), why)));
        if let Some(why) = counts_clients(config) {
            found.push(("client.hops".to_owned(), why.to_owned()));
        }
        let headers = self.suit().headers().weakenings().iter();
        found.extend(headers.map(|weak| (format!("headers.{}", weak.key), weak.why.clone())));
        match config.login.as_deref() {
            Some([]) => {
                let why = "no login is guarded: guesses are only bounded by `[[limit]]`";
                found.push(("login".to_owned(), why.to_owned()));
            }
            logins => {
                for (number, login) in logins.unwrap_or_default().iter().enumerate() {
                    let weak = login.weakenings().into_iter();
                    found.extend(weak.map(|(key, why)| (format!("login[{number}].{key}"), why)));
                }
            }
        }
        for (number, access) in config.access.iter().enumerate() {
            let weak = access.weakenings().into_iter();
            found.extend(weak.map(|(key, why)| (format!("access[{number}].{key}"), why)));
        }
        for (number, limit) in config.limit.iter().enumerate() {
            let weak = limit.weakenings().into_iter();
            found.extend(weak.map(|(key, why)| (format!("limit[{number}].{key}"), why)));
            if limit.is_by_user() {
                let why = "the gateway does not know who is logged in to the app, so each client is counted \
                           in the place of a user";
                found.push((format!("limit[{number}].key"), why.to_owned()));
            }
        }
        found.extend(self.stepped_around(loaded));
        let probes = config.probes.weakenings().into_iter();
        found.extend(probes.map(|(key, why)| (format!("probes.{key}"), why)));
        let challenge = config.challenge.weakenings().into_iter();
        found.extend(challenge.map(|(key, why)| (format!("challenge.{key}"), why)));
        let store = config.store.weakenings().into_iter();
        found.extend(store.map(|(key, why)| (format!("store.{key}"), why.to_owned())));
        let cookies = config.cookies.weakenings().into_iter();
        found.extend(cookies.map(|(key, why)| (format!("cookies.{key}"), why.to_owned())));
        if !config.cross_site.is_enabled() {
            let why = "other sites' pages can send forms and commands with your users' cookies";
            found.push(("cross_site.enabled".to_owned(), why.to_owned()));
        }
        if config.pages.framework_errors == FrameworkErrors::Pass {
            let why = "the framework's error pages tell what runs, and in development its stack";
            found.push(("pages.framework_errors".to_owned(), why.to_owned()));
        }
        if let Some(admin) = self.admin
            && !crate::admin::is_loopback(admin.ip())
        {
            let why = format!(
                "the admin page and its token go to {admin} unencrypted: keep it on a network that \
                 nobody else listens to"
            );
            found.push(("admin.listen".to_owned(), why));
        }
        if !config.reports.enabled {
            let why = "what the policy blocks is not told of in the log";
            found.push(("reports.enabled".to_owned(), why.to_owned()));
        }
        found
    }
}

/// The file, which is in the state directory where none is named.
fn in_state(file: Option<&Path>) -> String {
    file.map_or_else(
        || "in the state directory".to_owned(),
        |file| file.display().to_string(),
    )
}

fn span(time: Duration) -> String {
    TimeText(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_that_begin_at_the_client_are_told_of() {
        let sends = "[listen]\nproxy_protocol = [\"192.0.2.7\"]\n";
        for (text, told_of) in [
            (format!("{sends}[client]\nhops = 1"), true),
            (format!("{sends}[client]\nhops = 0"), false),
            (sends.to_owned(), false),
            ("[client]\nhops = 1".to_owned(), false),
        ] {
            let config: Config = toml::from_str(&text).unwrap();
            assert_eq!(counts_clients(&config).is_some(), told_of, "{text}");
        }
    }
}
