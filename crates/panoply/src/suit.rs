//! Building the suit.

use std::sync::Arc;

use panoply_client::{ClientConfig, ClientLayer};
use panoply_cookies::KeyRing;
use panoply_core::{
    ClientAddress, Clock, CounterStore, Networks, Secret, SystemClock, UnknownNetwork,
};
use panoply_guard::{
    CookieGuardConfig, CookieGuardLayer, CrossSiteConfig, CrossSiteLayer, ReadableLayer,
};
use panoply_headers::HeadersConfig;
use panoply_limits::{
    AccessConfig, AccessLayer, AnswerLayer, BlockLayer, Blocklist, ChallengeConfig, ChallengeLayer,
    LimitConfig, LimitLayer, LoginConfig, LoginLayer, ProbesConfig, counter_keys,
};
use panoply_store_memory::MemoryStore;

use crate::pages::{Pages, PagesLayer};
use crate::stack::{Inside, Outside, Suit};
use crate::trace::{Events, Observer, TraceLayer};

/// What the suit is to be, before it is checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Panoply {
    client: ClientConfig,
    headers: HeadersConfig,
    pages: Pages,
    access: Vec<AccessConfig>,
    limits: Vec<LimitConfig>,
    probes: ProbesConfig,
    challenge: ChallengeConfig,
    proxies: Networks,
    logins: Vec<LoginConfig>,
    store: Option<(Arc<dyn CounterStore>, Secret)>,
    cross_site: CrossSiteConfig,
    open_to: Vec<String>,
    cookies: Option<Cookies>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
}

/// What becomes of cookies, the keys that seal them, and the site that they are of.
#[derive(Debug, Clone)]
struct Cookies {
    config: CookieGuardConfig,
    keys: KeyRing,
    site: String,
}

impl Cookies {
    /// Nothing becomes of them.
    fn left_alone() -> Result<Self, Error> {
        let keys = KeyRing::random();
        Ok(Self {
            config: CookieGuardConfig::new().danger_enabled(false),
            keys: keys.map_err(|_| Error::Store(panoply_limits::Error::NoRandom))?,
            site: String::new(),
        })
    }
}

impl Panoply {
    /// Everything at its default: Helmet's headers, no proxy trusted, the usual login paths guarded
    /// and counted in this process's memory, nothing changed that another site causes and that
    /// carries a cookie or credentials that browsers keep, exchanges told of as events at level `debug`. The service's own cookies are
    /// left alone.
    pub fn recommended() -> Self {
        Self {
            client: ClientConfig::new(),
            headers: HeadersConfig::default(),
            pages: Pages::new(),
            access: Vec::new(),
            limits: Vec::new(),
            probes: ProbesConfig::default(),
            challenge: ChallengeConfig::new(),
            proxies: Networks::default(),
            logins: vec![LoginConfig::usual()],
            store: None,
            cross_site: CrossSiteConfig::new(),
            open_to: Vec::new(),
            cookies: None,
            observer: Arc::new(Events),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Whose word on the client's address is taken.
    #[must_use]
    pub fn client(mut self, client: ClientConfig) -> Self {
        self.client = client;
        self
    }

    /// The headers of every answer.
    #[must_use]
    pub fn headers(mut self, headers: HeadersConfig) -> Self {
        self.headers = headers;
        self
    }

    /// What refusals look like.
    #[must_use]
    pub fn pages(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// Paths that are there for some only, by their addresses or by a password; none by default.
    #[must_use]
    pub fn access(mut self, access: impl IntoIterator<Item = AccessConfig>) -> Self {
        self.access = access.into_iter().collect();
        self
    }

    /// Limits of requests, and of [answers](LimitConfig::answers), none by default.
    #[must_use]
    pub fn limits(mut self, limits: impl IntoIterator<Item = LimitConfig>) -> Self {
        self.limits = limits.into_iter().collect();
        self
    }

    /// Who is held out for asking for what only scanners ask for, by default nobody: [`ProbesConfig::new`] is on.
    #[must_use]
    pub fn probes(mut self, probes: ProbesConfig) -> Self {
        self.probes = probes;
        self
    }

    /// Of whom it is asked to show that he runs a browser: by default of nobody, until
    /// [`begin_challenge`](panoply_limits::Blocklist::begin_challenge) says so.
    ///
    /// Passes are sealed with the secret of [`store`](Self::store), which all nodes have, or else with the keys of
    /// [`cookies`](Self::cookies): without either they end with the process.
    #[must_use]
    pub fn challenge(mut self, challenge: ChallengeConfig) -> Self {
        self.challenge = challenge;
        self
    }

    /// Proxies beside those that [`client`](Self::client) trusts, which nobody's answers hold out either: those that
    /// say whose connections they pass on by the PROXY protocol, and so where none: of those no pass is asked.
    #[must_use]
    pub fn other_proxies(mut self, proxies: Networks) -> Self {
        self.proxies = proxies;
        self
    }

    /// The logins to guard, in place of [`LoginConfig::usual`]; where each is for [some names](LoginConfig::domains) alone,
    /// that goes on to hold under all others.
    #[must_use]
    pub fn logins(mut self, logins: impl IntoIterator<Item = LoginConfig>) -> Self {
        self.logins = logins.into_iter().collect();
        self
    }

    /// Where is counted, under keys made with `secret`, which has 16 bytes at least and is the same
    /// on all nodes that share the store. By default the memory of this process.
    ///
    /// While a store behind a network is away, requests go on uncounted and logins are refused: wrap it in
    /// [`Insured`](panoply_limits::Insured), so that each node goes on counting by itself.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn CounterStore>, secret: Secret) -> Self {
        self.store = Some((store, secret));
        self
    }

    /// Which requests that another site causes are let through, and whose pages can read a refusal.
    #[must_use]
    pub fn cross_site(mut self, cross_site: CrossSiteConfig) -> Self {
        self.cross_site = cross_site;
        self
    }

    /// Whom [maintenance](panoply_limits::Blocklist::begin_maintenance) does not hold for: addresses, networks, or the
    /// names `loopback`, `linklocal` and `uniquelocal`; nobody by default.
    #[must_use]
    pub fn open_in_maintenance<T: Into<String>>(
        mut self,
        networks: impl IntoIterator<Item = T>,
    ) -> Self {
        self.open_to = networks.into_iter().map(Into::into).collect();
        self
    }

    /// Hardens the cookies of a service that cannot do so itself; `keys` seal them, for `site`.
    ///
    /// Names outside are made under the secret of [`store`](Self::store): without one they are
    /// others after each start, and who was logged in is not any more.
    #[must_use]
    pub fn cookies(mut self, config: CookieGuardConfig, keys: KeyRing, site: &str) -> Self {
        let site = site.to_owned();
        self.cookies = Some(Cookies { config, keys, site });
        self
    }

    /// Who is told of every exchange.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Where time comes from; the system's clocks by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks everything and renders what can be rendered once.
    ///
    /// # Errors
    ///
    /// When a setting is refused, with the key and what to write instead.
    pub fn build(self) -> Result<Suit, Error> {
        let is_shared = self.store.is_some();
        let (store, secret) = match self.store {
            Some(store) => store,
            None => in_memory(Arc::clone(&self.clock))?,
        };
        let keys = counter_keys(&secret).map_err(Error::Store)?;
        let open_to = Networks::parse(&self.open_to).map_err(Error::Maintenance)?;
        if open_to.are_all() {
            return Err(Error::MaintenanceOfNothing);
        }
        let list = Blocklist::with_clock(Arc::clone(&store), keys.clone(), self.clock.clone());
        for (number, limit) in self.limits.iter().enumerate() {
            limit
                .validate()
                .map_err(|error| Error::Limit(number, error))?;
        }
        self.probes.validate().map_err(Error::Probes)?;
        for (number, access) in self.access.iter().enumerate() {
            access
                .validate()
                .map_err(|error| Error::Access(number, error))?;
        }
        self.challenge.validate().map_err(Error::Challenge)?;
        // The secret is what all nodes of one store have; keys of its own may each have made.
        let passes = match &self.cookies {
            Some(cookies) if !is_shared => cookies.keys.clone(),
            _ => ChallengeLayer::keys(&secret).map_err(Error::Challenge)?,
        };
        let cookies = match self.cookies {
            Some(cookies) => cookies,
            None => Cookies::left_alone()?,
        };
        let Cookies {
            config,
            keys: ring,
            site,
        } = cookies;
        let cookies = config.build(&ring, &keys, &site)?;
        let client = self.client.build()?;
        let limits = self.limits.into_iter().enumerate();
        let (answers, limits): (Vec<_>, Vec<_>) = limits.partition(|(_, one)| one.counts_answers());
        let (of_answers, answers): (Vec<usize>, Vec<_>) = answers.into_iter().unzip();
        let (of_requests, limits): (Vec<usize>, Vec<_>) = limits.into_iter().unzip();
        let limits = LimitLayer::new(limits, Arc::clone(&store), keys);
        let answers = AnswerLayer::new(answers, self.probes, list.clone());
        let (trusting, others, own) = (client.clone(), self.proxies.clone(), self.proxies);
        let says_so = move |client: &ClientAddress| own.contains(client.ip());
        let is_proxy =
            move |client: &ClientAddress| trusting.is_proxy(client) || others.contains(client.ip());
        let challenge = ChallengeLayer::new(&self.challenge, &passes, Arc::clone(&self.clock));
        let challenge = challenge.map_err(Error::Challenge)?;
        let challenge = { challenge.switched_by(list.clone()) }.sparing(says_so);
        // What each says by itself was looked at before.
        let wrong = |error, numbers: &[usize]| {
            let number = match &error {
                panoply_limits::Error::NameTaken { number, .. } => numbers.get(*number),
                _ => None,
            };
            Error::Limit(number.copied().unwrap_or_default(), error)
        };
        let answers = answers.map_err(|error| wrong(error, &of_answers))?;
        let answers = answers.sparing(is_proxy);
        let login = |(number, login): (usize, LoginConfig)| {
            let layer = login.build(Arc::clone(&store), &secret);
            layer.map_err(|error| Error::Login(number, error))
        };
        let by_name = !self.logins.is_empty() && self.logins.iter().all(LoginConfig::is_by_name);
        let logins: Result<Vec<_>, _> = self.logins.into_iter().enumerate().map(login).collect();
        let logins = LoginLayer::all(logins?);
        let logins = if by_name {
            // Its own number is none of theirs, and nothing of it is wrong.
            let usual = LoginConfig::usual().build(Arc::clone(&store), &secret);
            logins.or_elsewhere(&usual.map_err(Error::Store)?)
        } else {
            logins
        };
        let cross_site = self.cross_site.build()?;
        let access = AccessLayer::guarded(self.access, store, &secret, Arc::clone(&self.clock))
            .map(|access| access.beside(challenge.clone()));
        Ok(Suit {
            outside: Outside {
                client: ClientLayer::new(client),
                trace: TraceLayer::new(self.observer, self.clock),
                headers: self.headers.build()?,
                pages: PagesLayer::new(self.pages),
                readable: ReadableLayer::new(cross_site.clone()),
                apart: false,
            },
            inside: Inside {
                blocks: BlockLayer::new(list)
                    .open_to(open_to)
                    .sparing(answers.spares().clone()),
                access: access.map_err(Error::Store)?,
                limits: limits.map_err(|error| wrong(error, &of_requests))?,
                challenge,
                passes_by_cookies: !is_shared,
                answers,
                cross_site: CrossSiteLayer::new(cross_site),
                cookies: CookieGuardLayer::new(cookies),
                login: logins,
            },
        })
    }
}

/// A store that ends with the process, and a secret that nobody else has.
fn in_memory(clock: Arc<dyn Clock>) -> Result<(Arc<dyn CounterStore>, Secret), Error> {
    let secret = Secret::random().map_err(|_| Error::Store(panoply_limits::Error::NoRandom))?;
    let store = MemoryStore::builder().clock(clock).build();
    Ok((Arc::new(store), secret))
}

/// A setting that is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Of `[client]`.
    #[error(transparent)]
    Client(#[from] panoply_client::Error),
    /// Of `[headers]`.
    #[error(transparent)]
    Headers(#[from] panoply_headers::Error),
    /// Of `[cookies]` or `[cross_site]`.
    #[error(transparent)]
    Guard(#[from] panoply_guard::Error),
    /// Of the `[[access]]` with this number, from zero.
    #[error("{1}")]
    Access(usize, panoply_limits::Error),
    /// Of the `[[limit]]` with this number, from zero.
    #[error("{1}")]
    Limit(usize, panoply_limits::Error),
    /// Of `[probes]`.
    #[error("{0}")]
    Probes(panoply_limits::Error),
    /// Of `[challenge]`.
    #[error("{0}")]
    Challenge(panoply_limits::Error),
    /// Of the `[[login]]` with this number, from zero.
    #[error("{1}")]
    Login(usize, panoply_limits::Error),
    /// Of `[maintenance]`.
    #[error(transparent)]
    Maintenance(UnknownNetwork),
    /// Of `[maintenance]`: it would hold for nobody.
    #[error(
        "lets everybody through: write the addresses or networks of those who may see the site meanwhile"
    )]
    MaintenanceOfNothing,
    /// Of `[store]`.
    #[error(transparent)]
    Store(panoply_limits::Error),
}

impl Error {
    /// The dotted path of the setting, as in `panoply.toml`.
    pub fn key(&self) -> String {
        let join = |table: &str, key: &str| match key {
            "" => table.to_owned(),
            key => format!("{table}.{key}"),
        };
        match self {
            Self::Client(error) => join("client", error.key()),
            Self::Headers(error) => join("headers", error.key()),
            Self::Guard(error) => error.key().to_owned(),
            Self::Access(number, error) => join(&format!("access[{number}]"), error.key()),
            Self::Limit(number, error) => join(&format!("limit[{number}]"), error.key()),
            Self::Login(number, error) => join(&format!("login[{number}]"), error.key()),
            Self::Probes(error) => join("probes", error.key()),
            Self::Challenge(error) => join("challenge", error.key()),
            Self::Maintenance(_) | Self::MaintenanceOfNothing => "maintenance.allow".to_owned(),
            Self::Store(error) => join("store", error.key()),
        }
    }

    /// What to write instead, where the message does not say it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Headers(error) => error.help(),
            _ => None,
        }
    }
}
