//! What is in force: the configuration, checked whole before any port is bound.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use panoply::limits::{AccessConfig, PathRules};
use panoply::{KeyRing, Panoply, Secret, Suit};
use panoply_acme::Acme;
use panoply_tls::{Lasting, Tls};

use crate::certificates;
use crate::config::{
    Address, Config, ConfigError, FrameworkErrors, Loaded, LogConfig, Origin, SECRET_SETTINGS,
    StoreUrl,
};
use crate::handover::Heir;
use crate::intake::Hosts;
use crate::permissions::Secrets;
use crate::privilege::Account;
use crate::proxy_protocol::Senders;
use crate::store::Plan;
use crate::surroundings::Surroundings;
use crate::wire::Patience;

mod app;
mod bounds;
mod by_name;
mod hosts;
mod listeners;
mod manner;
mod paths;
mod routes;
mod secrets;
mod user;

pub(crate) use app::App;
pub(crate) use manner::Manner;
pub(crate) use paths::{Allowance, PathLimits, Times};
pub(crate) use routes::{Route, Routed, Stripped};

/// Where browsers are asked to send reports.
pub const REPORTS_PATH: &str = "/.well-known/panoply/reports";

/// A configuration that has been checked: nothing in it can fail any more but the world.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    pub(crate) app: App,
    pub(crate) routes: Vec<Route>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) workers: usize,
    pub(crate) live: Live,
    pub(crate) log: LogConfig,
    pub(crate) drain: Duration,
    pub(crate) domains: Vec<String>,
    pub(crate) store: Plan,
    pub(crate) account: Option<Account>,
    pub(crate) counts_clients: Option<&'static str>,
    pub(crate) unused_pages: Vec<(String, String)>,
}

/// The part of the settings that a reload can change.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) suit: Suit,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) acme: Option<Arc<Acme>>,
    pub(crate) lasting: Lasting,
    pub(crate) limits: Limits,
    /// What of them is different below some paths.
    pub(crate) path_limits: Arc<PathLimits>,
    pub(crate) proxy_protocol: Arc<Senders>,
    pub(crate) hosts: Hosts,
    /// How long is waited for the app and for clients, where no path says otherwise.
    pub(crate) times: Times,
    /// How the app is spoken to that has what no other has.
    pub(crate) app: Manner,
    /// How the others are.
    pub(crate) routed: Arc<Routed>,
    pub(crate) placeholder: Option<Arc<str>>,
    pub(crate) reports: bool,
    pub(crate) framework_errors: FrameworkErrors,
    pub(crate) access_log: bool,
    /// The paths that are left out of it.
    pub(crate) log_skip: Arc<PathRules>,
    /// The file of the keys that seal cookies.
    pub(crate) keys: PathBuf,
    pub(crate) admin_token: Option<Secret>,
    /// Where is counted, without a password.
    pub(crate) store: String,
    /// What others on this machine are not to read.
    pub(crate) secrets: Secrets,
}

/// Bounds, in the form that the workers use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) header_bytes: usize,
    pub(crate) header_count: usize,
    pub(crate) body_bytes: u64,
    pub(crate) patience: Patience,
    pub(crate) connections: u32,
    pub(crate) connections_per_client: u32,
    pub(crate) streams: u32,
    pub(crate) stream_resets: usize,
}

impl Live {
    /// How the app of this number is spoken to; 0 is the one that has what no other has.
    pub(crate) fn manner(&self, number: usize) -> &Manner {
        let routed = number.checked_sub(1);
        let routed = routed.and_then(|number| self.routed.manners.get(number));
        routed.map_or(&self.app, |routed| &routed.manner)
    }
}

impl Settings {
    /// Checks `loaded` as a whole.
    ///
    /// In TLS mode `local` this makes the authority and its certificate in the state directory.
    ///
    /// # Errors
    ///
    /// When values exclude each other or name something that is not there.
    pub fn build(loaded: &Loaded, around: &Surroundings) -> Result<Self, ConfigError> {
        let config = loaded.config.clone();
        let account = Account::of(loaded)?;
        let (tls, acme) = certificates::prepare(loaded, around)?;
        let store = store_plan(loaded, around)?;
        let keys = { config.keys.file.clone() }.unwrap_or_else(|| around.state.join("keys"));
        let suit = suit(loaded, around, &store, &keys)?;
        let (app, others) = routes::apps(loaded, around)?;
        let domains = config.tls.domain_names();
        let twice = |(at, name): &(usize, &String)| domains.iter().take(*at).any(|d| d == *name);
        if let Some((_, name)) = domains.iter().enumerate().find(twice) {
            let message = format!("tls.domains: `{name}` is named twice");
            return Err(loaded
                .error("tls.domains", message)
                .with_help("leave one of them out"));
        }
        let has_domain = !config.tls.domain_names().is_empty();
        let default = |port, with_domain| {
            if has_domain {
                Address::everywhere(with_domain)
            } else {
                Address::On(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            }
        };
        let http = config.listen.http.unwrap_or(default(8080, 80)).socket();
        let https = config.listen.https.unwrap_or(default(8443, 443)).socket();
        let https = https.filter(|_| tls.is_some());
        if http.is_none() && https.is_none() {
            return Err(loaded
                .error(
                    "listen",
                    "nothing to listen on: `http` is off, and so is TLS or `https`",
                )
                .with_help("give `listen.http` or `listen.https` an address"));
        }
        let admin = config.admin.listen.and_then(Address::socket);
        let listeners = [
            ("listen.http", http),
            ("listen.https", https),
            ("admin.listen", admin),
        ];
        listeners::apart(loaded, listeners)?;
        routes::not_ourselves(loaded, (&app, &others), listeners)?;
        let admin_token = listeners::admin_token(loaded, admin)?;
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let placeholder = placeholder(&suit, routes::start(&app, &others), around);
        let hosts = hosts::hosts(loaded, tls.as_ref())?;
        let manner = Manner::of(loaded, ("app", &config.app), None, tls.is_some())?;
        let routed = routes::routed(loaded, &hosts, tls.is_some())?;
        Ok(Self {
            app,
            routes: others,
            http,
            https,
            admin,
            workers: config
                .listen
                .workers
                .map_or_else(cores, std::num::NonZero::get),
            live: Live {
                path_limits: Arc::new(paths::limits(loaded)?),
                limits: bounds::limits(loaded)?,
                proxy_protocol: listeners::senders(loaded)?,
                hosts,
                placeholder,
                suit,
                tls,
                acme,
                lasting: around.lasting.clone(),
                times: Times::of(&config.limits),
                app: manner,
                routed: Arc::new(routed),
                reports: config.reports.enabled,
                framework_errors: config.pages.framework_errors,
                access_log: config.log.access,
                log_skip: Arc::new(paths::skipped(loaded)?),
                keys,
                admin_token,
                store: store.url.to_string(),
                secrets: secrets(loaded, around),
            },
            drain: config.limits.drain.get(),
            domains: config.tls.domain_names().to_vec(),
            store,
            account,
            counts_clients: crate::explain::counts_clients(&config),
            unused_pages: config.pages.unused(&refused(&config, around)),
            log: config.log,
        })
    }

    /// How and what to log.
    pub const fn log(&self) -> &LogConfig {
        &self.log
    }

    /// The layers in force.
    pub const fn suit(&self) -> &Suit {
        &self.live.suit
    }

    /// The certificates in force, unless TLS is off.
    pub fn tls(&self) -> Option<&Tls> {
        self.live.tls.as_deref()
    }

    /// The names the app is served under.
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    /// The `[pages]` that no refusal ever shows, as the key and why.
    pub fn unused_pages(&self) -> &[(String, String)] {
        &self.unused_pages
    }

    /// What others on this machine can read that is secret, or replace, a sentence each.
    pub fn permission_warnings(&self) -> Vec<String> {
        self.live.secrets.told()
    }

    /// The addresses of the plain, the TLS and the admin listener.
    pub const fn listeners(&self) -> [Option<SocketAddr>; 3] {
        [self.http, self.https, self.admin]
    }

    /// Whether an app that is started with them is told where a nonce belongs, by a word that nobody else knows.
    pub(crate) fn tells_of_nonces(&self, around: &Surroundings) -> bool {
        let told = self.live.placeholder.as_deref();
        told.is_some() && told == around.placeholder()
    }
}

/// The statuses by which some paths are refused, and what a service of this process fails with.
fn refused(config: &Config, around: &Surroundings) -> Vec<u16> {
    let of = |access: &AccessConfig| {
        let hides = access.hides().then_some(404);
        [hides, access.asks_for_passwords().then_some(401)]
    };
    let own = around.own.as_ref().map(|_| 500);
    let paths = config.access.iter().flat_map(of).flatten();
    paths.chain(own).collect()
}

/// What holds secrets: the state directory, and files that the configuration names, or that it is itself.
fn secrets(loaded: &Loaded, around: &Surroundings) -> Secrets {
    let config = &loaded.config;
    let passwords = config.access.iter().filter_map(AccessConfig::htpasswd);
    let passwords = passwords.map(|path| (path.to_owned(), "hashes of passwords"));
    let keys = { config.tls.key_files() }.map(|path| (path.to_owned(), "a key of TLS"));
    let cookies = { config.keys.file.clone() }.map(|path| (path, "the keys of cookies"));
    let is_written = |path: &&&str| matches!(loaded.origin(path), Origin::File(_));
    let is_secret = SECRET_SETTINGS.iter().any(|path| is_written(&path))
        || config.access.iter().any(AccessConfig::has_users);
    let file = loaded.file().filter(|_| is_secret).map(Path::to_owned);
    let own = file.map(|path| (path, "a secret in it"));
    Secrets {
        state: around.state.clone(),
        named: keys.chain(cookies).chain(passwords).chain(own).collect(),
    }
}

/// What the app writes where the nonce belongs: as configured, else one that only the app is told.
fn placeholder(suit: &Suit, starts: bool, around: &Surroundings) -> Option<Arc<str>> {
    let headers = suit.headers();
    // An app that was told by the gateway before this one writes it whatever the policy is by now.
    let was_told = || around.heir.as_ref().is_some_and(Heir::app_was_told);
    let told = starts && (headers.uses_nonce() || was_told());
    let made = || around.placeholder.clone().filter(|_| told);
    headers.nonce_placeholder().map(Arc::from).or_else(made)
}

/// The layers, with reports coming back to the gateway.
fn suit(
    loaded: &Loaded,
    around: &Surroundings,
    plan: &Plan,
    keys: &Path,
) -> Result<Suit, ConfigError> {
    let config = &loaded.config;
    let made = match &config.keys.file {
        // One that is written down is there already: another would log everybody out.
        Some(_) => Ok(()),
        None => KeyRing::open_or_create(keys).map(drop),
    };
    let keys = made.and_then(|()| around.keys.look(keys, &*around.clock));
    let keys = keys.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let message = format!("keys.file: {error}{}", cause.unwrap_or_default());
        let error = loaded.error("keys.file", message);
        error.with_help("`panoply keys rotate --file FILE` makes such a file")
    })?;
    let site = config.tls.domain_names().first().map_or("", String::as_str);
    let mut headers = config.headers.clone();
    if config.reports.enabled {
        headers = headers.reports_to(REPORTS_PATH);
    }
    let no_page =
        |(key, problem): (String, String)| loaded.error(&key, format!("{key}: {problem}"));
    let pages = config.pages.read().map_err(no_page)?;
    let challenge = config.pages.dress(config.challenge.clone());
    let mut suit = Panoply::recommended()
        .headers(headers)
        .client(config.client.clone())
        .pages(pages)
        .access(config.access.iter().cloned())
        .limits(config.limit.iter().cloned())
        .probes(config.probes.clone())
        .challenge(challenge.map_err(no_page)?)
        .other_proxies(listeners::senders(loaded)?.networks().clone())
        .store(around.store.clone(), plan.secret.clone())
        .cross_site(config.cross_site.clone())
        .open_in_maintenance(config.maintenance.allow.iter().cloned())
        .cookies(config.cookies.clone(), keys, site)
        .clock(Arc::clone(&around.clock));
    if let Some(logins) = &config.login {
        suit = suit.logins(logins.iter().cloned());
    }
    suit.build().map_err(|error| {
        let path = error.key();
        // Those of headers begin with the key and end with the advice.
        let message = match &error {
            panoply::Error::Headers(_) | panoply::Error::Guard(_) => error.to_string(),
            _ => format!("{path}: {error}"),
        };
        loaded.error(&path, message)
    })
}

/// Which store is to be opened, and the secret under which everything is counted in it.
fn store_plan(loaded: &Loaded, around: &Surroundings) -> Result<Plan, ConfigError> {
    let config = &loaded.config.store;
    let secret = match &config.secret {
        Some(secret) => {
            if let Some(complaint) = secrets::complaint(secret) {
                let error = loaded.error("store.secret", format!("store.secret {complaint}"));
                return Err(error.with_help(
                    "write 16 or more that nobody can guess, such as what `openssl rand -hex 32` prints",
                ));
            }
            Secret::new(secret.clone().into_bytes())
        }
        None => crate::store::secret(&around.state).map_err(|error| {
            let state = around.state.display();
            let message = format!("no secret can be kept in the state directory {state}: {error}");
            ConfigError::plain(message).with_help("name a directory of its own with `--state DIR`")
        })?,
    };
    Ok(Plan {
        url: config
            .url
            .clone()
            .unwrap_or_else(|| StoreUrl::Sqlite(around.state.join("panoply.db"))),
        secret,
        nodes: config.nodes.unwrap_or(std::num::NonZeroU32::MIN),
        deadline: bounds::store_deadline(loaded)?,
        asked: config.url.is_some(),
    })
}
