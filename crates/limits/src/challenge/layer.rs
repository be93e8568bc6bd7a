//! The layer.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use panoply_cookies::{KeyRing, SameSite, SetCookie};
use panoply_core::{ClientAddress, Clock, HostName, Refusal, Secret};
use tower_layer::Layer;
use tower_service::Service;

use super::asks::{asks_for_a_page, is_https, may_renew};
use super::config::{Challenge, ChallengeConfig};
use super::cookies::{NAMES, take_passes};
use super::future::{After, ChallengeFuture};
use super::page;
use super::pass::{Pass, Standing};
use super::seals::{Caller, Seals};
use super::solution::Solution;
use crate::access::Place;
use crate::original::original;
use crate::{Blocklist, Error};

/// Where solutions are sent, and where a page asks whether its browser has a pass.
pub const CHALLENGE_PATH: &str = "/.well-known/panoply/challenge";

/// What a solution is sent in: a header, so that no body has to be read, and so that no other site's page can send one.
pub(super) const SOLUTION: HeaderName = HeaderName::from_static("panoply-solution");

/// The rules: of the page, of what is no page, and of what is no solution.
const PAGE: &str = "challenge/page";
const PASS: &str = "challenge/pass";
const SOLVED: &str = "challenge/solution";

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
pub struct ChallengeLayer(Arc<Inner>);

struct Inner {
    config: ChallengeConfig,
    challenge: Challenge,
    seals: Seals,
    list: Option<Blocklist>,
    spares: Option<Box<Spares>>,
    given: AtomicU64,
    /// Whether it was said that nobody knows who is calling.
    told: AtomicBool,
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

    /// How many passes were given for solutions, as far as it knows.
    pub fn passes_given(&self) -> u64 {
        self.0.given.load(Ordering::Relaxed)
    }

    /// Goes on counting where `other` is, whose place it takes.
    pub fn begin_with(&self, other: &Self) {
        self.0.given.store(other.passes_given(), Ordering::Relaxed);
    }

    /// Whether it has anything to do with requests at all.
    fn is_idle(&self) -> bool {
        let list = self.0.list.as_ref();
        self.0.challenge.paths.is_empty() && !list.is_some_and(Blocklist::has_challenged)
    }

    /// Whether it answers a request by itself, of whoever asks.
    pub(crate) fn answers<B>(&self, request: &Request<B>) -> bool {
        original(request.extensions(), request.uri()).path() == CHALLENGE_PATH
            && !self.is_idle()
            && !self.has_asked(request)
    }

    /// Whether a pass is needed.
    fn is_asked<B>(&self, request: &Request<B>) -> bool {
        let Challenge {
            paths, everywhere, ..
        } = &self.0.challenge;
        let list = self.0.list.as_ref();
        let everywhere = list.and_then(Blocklist::challenged).map(|_| everywhere);
        if paths.is_empty() && everywhere.is_none() {
            return false;
        }
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
    fn has_asked<B>(&self, request: &Request<B>) -> bool {
        let within = request.extensions().get::<Within>();
        within.is_some_and(|Within(other)| Arc::ptr_eq(&self.0, &other.0))
    }

    fn spares(&self, client: &ClientAddress) -> bool {
        let spares = self.0.spares.as_ref();
        self.0.challenge.exempt.contains(client.ip()) || spares.is_some_and(|is| is(client))
    }

    fn caller<B>(&self, request: &Request<B>) -> Caller {
        let client = request.extensions().get::<ClientAddress>();
        if client.is_none() && !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "browsers have to show what they are, and requests carry no client address, so a pass is good for \
                 everybody: the suit or a ClientLayer must stand around this layer, and be served with the peer's \
                 address (into_make_service_with_connect_info::<SocketAddr>())"
            );
        }
        let nobody = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let host = HostName::asked(request);
        Caller {
            network: client.map_or(nobody, ClientAddress::network),
            host: host.map(|host| host.to_string()).unwrap_or_default(),
        }
    }

    /// A pass as a cookie.
    fn cookie(&self, caller: &Caller, pass: &Pass, https: bool) -> Option<HeaderValue> {
        let lasts = self.0.challenge.pass;
        let now = self.0.seals.now();
        let pass = pass.with(caller.network, now, lasts);
        let sealed = self.0.seals.seal(caller, &pass, lasts);
        let sealed = sealed
            .inspect_err(|error| tracing::error!(%error, "a pass could not be sealed"))
            .ok()?;
        let [own, plain] = NAMES;
        let cookie = SetCookie::new(if https { own } else { plain }, &sealed).ok()?;
        let cookie = cookie.path("/").max_age(lasts.as_secs()).http_only();
        let cookie = cookie.same_site(SameSite::Lax);
        let cookie = if https { cookie.secure() } else { cookie };
        cookie.to_header()
    }

    /// What is answered at [`CHALLENGE_PATH`].
    fn attend<B>(&self, request: &Request<B>, shown: &Shown) -> Response<Bytes> {
        let Some(solution) = request.headers().get(&SOLUTION) else {
            // The page asks whether the browser has kept its pass.
            return match shown.standing {
                Standing::None => refusal(PASS).answer_to(request),
                _ => empty(StatusCode::NO_CONTENT),
            };
        };
        let is_solved = |solution: Solution<'_>| {
            let least = self.0.challenge.work;
            self.0.seals.is_solved(&shown.caller, solution, least)
        };
        let solution = Solution::parse(solution.as_bytes());
        if request.method() != Method::POST || !solution.is_some_and(is_solved) {
            let detail = "That is no solution of a task that was given to you, or comes too late.";
            let refusal = Refusal::new(StatusCode::FORBIDDEN, SOLVED, detail);
            return refusal.answer_to(request);
        }
        let mut answer = empty(StatusCode::CREATED);
        if let Some(cookie) = self.cookie(&shown.caller, &shown.pass, shown.https) {
            answer.headers_mut().insert(SET_COOKIE, cookie);
            self.0.given.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// What is answered to whoever has no pass.
    fn turn_away<B>(&self, request: &Request<B>, caller: &Caller) -> Response<Bytes> {
        if !asks_for_a_page(request) {
            return refusal(PASS).answer_to(request);
        }
        let bits = self.0.challenge.work;
        match self.0.seals.task(caller, bits) {
            Ok(task) => page::answer(refusal(PAGE), request, &task, bits),
            Err(error) => {
                tracing::error!(%error, "no task could be sealed");
                refusal(PASS).answer_to(request)
            }
        }
    }
}

fn refusal(rule: &'static str) -> Refusal {
    let detail = "Only browsers are let in for now: open a page of this site in one first.";
    Refusal::new(StatusCode::FORBIDDEN, rule, detail)
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    answer
}

/// The pass that came with a request.
struct Shown {
    caller: Caller,
    pass: Pass,
    standing: Standing,
    stale: bool,
    https: bool,
}

impl ChallengeLayer {
    /// Takes passes off a request, and gives the best.
    fn shown<B>(&self, request: &mut Request<B>) -> Shown {
        let https = is_https(request);
        let caller = self.caller(request);
        let mut shown = Shown {
            pass: Pass::default(),
            standing: Standing::None,
            stale: false,
            https,
            caller,
        };
        let passes = take_passes(request.headers_mut(), https);
        let now = self.0.seals.now();
        for sealed in passes {
            let Some((pass, stale)) = self.0.seals.open(&shown.caller, &sealed) else {
                continue;
            };
            let standing = pass.standing(shown.caller.network, now, self.0.challenge.pass);
            (shown.pass, shown.standing, shown.stale) = (pass, standing, stale);
            if standing != Standing::None {
                break;
            }
        }
        shown
    }
}

/// A layer within which a request is, in its extensions.
#[derive(Clone)]
struct Within(ChallengeLayer);

impl<S> Layer<S> for ChallengeLayer {
    type Service = ChallengeService<S>;

    fn layer(&self, inner: S) -> ChallengeService<S> {
        ChallengeService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`ChallengeLayer`] makes.
#[derive(Debug, Clone)]
pub struct ChallengeService<S> {
    inner: S,
    layer: ChallengeLayer,
}

impl<S, B, R> Service<Request<B>> for ChallengeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ChallengeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.layer.is_idle() || self.layer.has_asked(&request) {
            return ChallengeFuture::passed(self.inner.call(request), After::Nothing);
        }
        let layer = &self.layer;
        let shown = layer.shown(&mut request);
        if original(request.extensions(), request.uri()).path() == CHALLENGE_PATH {
            return ChallengeFuture::answered(layer.attend(&request, &shown));
        }
        if shown.standing == Standing::None && layer.is_asked(&request) {
            return ChallengeFuture::answered(layer.turn_away(&request, &shown.caller));
        }
        request.extensions_mut().insert(Within(layer.clone()));
        let ages = match shown.standing {
            Standing::None => false,
            Standing::Good => shown.stale,
            Standing::Aged => true,
        };
        let renewed = (ages && may_renew(request.headers()))
            .then(|| layer.cookie(&shown.caller, &shown.pass, shown.https))
            .flatten();
        let after = renewed.map_or(After::Guarded, |pass| After::Renewed(Box::new(pass)));
        ChallengeFuture::passed(self.inner.call(request), after)
    }
}
