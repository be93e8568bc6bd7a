//! The layer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use panoply_cookies::KeyRing;
use panoply_core::{ClientAddress, Clock, Secret};
use tower_layer::Layer;

use super::config::{Challenge, ChallengeConfig};
use super::seals::Seals;
use super::service::{ChallengeService, Within};
use crate::access::Place;
use crate::original::original;
use crate::{Blocklist, Error};

/// Where solutions are sent, and where a page asks whether its browser has a pass.
pub const CHALLENGE_PATH: &str = "/.well-known/panoply/challenge";

/// Has whoever asks show that he runs a browser, by a task that takes its script a moment, before a request gets further:
/// at the paths that are [named](ChallengeConfig::paths), and everywhere while a list
/// [says so](Blocklist::begin_challenge).
///
/// A browser that asks for a page is given one that solves the task and then loads what was asked for; whatever else is
/// asked for without a pass is refused, with 403. The pass is a cookie, for one host and the network that it was given
/// to, which the service within never sees.
///
/// ```
/// use panoply_cookies::KeyRing;
/// use panoply_core::SystemClock;
/// use panoply_limits::{ChallengeConfig, ChallengeLayer};
/// use std::sync::Arc;
///
/// let keys = KeyRing::random()?;
/// let config = ChallengeConfig::new().paths(["/"]);
/// let layer = ChallengeLayer::new(&config, &keys, Arc::new(SystemClock::new()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChallengeLayer(pub(super) Arc<Inner>);

pub(super) struct Inner {
    config: ChallengeConfig,
    pub(super) challenge: Challenge,
    pub(super) seals: Seals,
    list: Option<Blocklist>,
    spares: Option<Box<Spares>>,
    pub(super) given: AtomicU64,
    /// Whether it was said that nobody knows who is calling.
    pub(super) told: AtomicBool,
}

type Spares = dyn Fn(&ClientAddress) -> bool + Send + Sync;

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

impl ChallengeLayer {
    /// A layer by these settings, whose passes are sealed with `keys`, by `clock`: another with the same keys takes them.
    ///
    /// # Errors
    ///
    /// When a setting is wrong.
    pub fn new(
        config: &ChallengeConfig,
        keys: &KeyRing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            config: config.clone(),
            challenge: config.check()?,
            seals: Seals::new(keys, clock),
            list: None,
            spares: None,
            given: AtomicU64::new(0),
            told: AtomicBool::new(false),
        })))
    }

    /// Keys for passes that are made from `secret`, of 16 bytes at least, where there are none for cookies.
    ///
    /// # Errors
    ///
    /// When the secret is too short.
    pub fn keys(secret: &Secret) -> Result<KeyRing, Error> {
        // What it is too short for is said there.
        crate::counter_keys(secret)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let own = hmac::sign(&key, b"panoply challenge keys 1");
        // A key is a line of text, and one with few letters is taken for a word that everybody knows.
        let line = URL_SAFE_NO_PAD.encode(own);
        KeyRing::from_text(&line).map_err(|_| Error::NoRandom)
    }

    /// The list that says whether it is asked everywhere.
    ///
    /// To be called before the layer is cloned, as [`sparing`](Self::sparing) is: afterwards it changes nothing.
    #[must_use]
    pub fn switched_by(mut self, list: Blocklist) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.list = Some(list);
        }
        self
    }

    /// Of whom it is not asked either, such as proxies that ask in their own name whether the service is well.
    #[must_use]
    pub fn sparing(
        mut self,
        spares: impl Fn(&ClientAddress) -> bool + Send + Sync + 'static,
    ) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.spares = Some(Box::new(spares));
        }
        self
    }

    /// Seals with `keys` from now on.
    pub fn use_keys(&self, keys: &KeyRing) {
        self.0.seals.use_keys(keys);
    }

    /// What it was made by.
    pub fn config(&self) -> &ChallengeConfig {
        &self.0.config
    }

    /// How many passes were given for solutions, as far as it knows. Nothing is kept of a solution, so one that its client
    /// sends again while its task is good counts again.
    pub fn passes_given(&self) -> u64 {
        self.0.given.load(Ordering::Relaxed)
    }

    /// Goes on counting where `other` is, whose place it takes.
    pub fn begin_with(&self, other: &Self) {
        self.0.given.store(other.passes_given(), Ordering::Relaxed);
    }

    /// Whether it has anything to do with requests at all.
    pub(super) fn is_idle(&self) -> bool {
        let list = self.0.list.as_ref();
        self.0.challenge.paths.is_empty() && !list.is_some_and(Blocklist::has_challenged)
    }

    /// Whether a pass is needed anywhere, for now.
    pub(super) fn is_on(&self) -> bool {
        !self.0.challenge.paths.is_empty() || self.is_on_everywhere()
    }

    fn is_on_everywhere(&self) -> bool {
        let list = self.0.list.as_ref();
        list.and_then(Blocklist::challenged).is_some()
    }

    /// Whether it answers a request by itself, of whoever asks.
    pub(crate) fn answers<B>(&self, request: &Request<B>) -> bool {
        original(request.extensions(), request.uri()).path() == CHALLENGE_PATH
            && !self.is_idle()
            && !self.has_asked(request)
    }

    /// Whether a pass is needed.
    pub(super) fn is_asked<B>(&self, request: &Request<B>) -> bool {
        let Challenge {
            paths, everywhere, ..
        } = &self.0.challenge;
        let everywhere = self.is_on_everywhere().then_some(everywhere);
        let client = request.extensions().get::<ClientAddress>();
        if client.is_some_and(|client| self.spares(client)) {
            return false;
        }
        let places = Place::all(request);
        let mut below = paths.iter().chain(everywhere);
        let except = self.0.challenge.exceptions_for(request);
        below.any(|below| places.iter().any(|place| place.lies(below, except)))
    }

    /// Whether another one of the same layer stands around it, and has taken the pass off.
    pub(super) fn has_asked<B>(&self, request: &Request<B>) -> bool {
        let within = request.extensions().get::<Within>();
        within.is_some_and(|Within(other)| Arc::ptr_eq(&self.0, &other.0))
    }

    fn spares(&self, client: &ClientAddress) -> bool {
        let spares = self.0.spares.as_ref();
        self.0.challenge.exempt.contains(client.ip()) || spares.is_some_and(|is| is(client))
    }
}

impl<S> Layer<S> for ChallengeLayer {
    type Service = ChallengeService<S>;

    fn layer(&self, inner: S) -> ChallengeService<S> {
        ChallengeService::new(inner, self.clone())
    }
}
