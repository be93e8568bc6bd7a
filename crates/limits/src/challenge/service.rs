//! The service.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use panoply_cookies::{SameSite, SetCookie};
use panoply_core::{ClientAddress, HostName, Refusal};
use tower_service::Service;

use super::asks::{asks_for_a_page, is_https, may_renew};
use super::cookies::{NAMES, take_passes};
use super::future::{After, ChallengeFuture};
use super::layer::{CHALLENGE_PATH, ChallengeLayer};
use super::pass::{Pass, Standing};
use super::seals::Caller;
use super::solution::Solution;
use crate::original::original;

/// What a solution is sent in: a header, so that no body has to be read, and so that no other site's page can send one.
pub(super) const SOLUTION: HeaderName = HeaderName::from_static("panoply-solution");

/// The rules: of the page, of what is no page, and of what is no solution.
const PAGE: &str = "challenge/page";
const PASS: &str = "challenge/pass";
const SOLVED: &str = "challenge/solution";

/// The service that [`ChallengeLayer`] makes.
#[derive(Debug, Clone)]
pub struct ChallengeService<S> {
    inner: S,
    layer: ChallengeLayer,
}

impl<S> ChallengeService<S> {
    pub(super) const fn new(inner: S, layer: ChallengeLayer) -> Self {
        Self { inner, layer }
    }
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
        let is_own = original(request.extensions(), request.uri()).path() == CHALLENGE_PATH;
        if !layer.is_on() {
            // A page of work may still be open: by this it knows that it can load what was asked for.
            if is_own {
                return ChallengeFuture::answered(empty(StatusCode::NO_CONTENT));
            }
            let https = is_https(&request);
            take_passes(request.headers_mut(), https);
            request.extensions_mut().insert(Within(layer.clone()));
            return ChallengeFuture::passed(self.inner.call(request), After::Guarded);
        }
        let shown = layer.shown(&mut request);
        if is_own {
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
            .then(|| layer.cookie(&shown, layer.0.seals.now()))
            .flatten();
        let after = renewed.map_or(After::Guarded, |pass| After::Renewed(Box::new(pass)));
        ChallengeFuture::passed(self.inner.call(request), after)
    }
}
/// A layer within which a request is, in its extensions.
#[derive(Clone)]
pub(super) struct Within(pub(super) ChallengeLayer);

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

    /// The pass that was shown, good for whoever has shown it since `at`, as a cookie.
    fn cookie(&self, shown: &Shown, at: u64) -> Option<HeaderValue> {
        let (caller, https) = (&shown.caller, shown.https);
        let lasts = self.0.challenge.pass;
        let pass = shown.pass.with(caller.network, at, lasts);
        let left = pass.ends(lasts).saturating_sub(self.0.seals.now());
        let sealed = self.0.seals.seal(caller, &pass, lasts);
        let sealed = sealed
            .inspect_err(|error| tracing::error!(%error, "a pass could not be sealed"))
            .ok()?;
        let [own, plain] = NAMES;
        let cookie = SetCookie::new(if https { own } else { plain }, &sealed).ok()?;
        let cookie = cookie.path("/").max_age(left).http_only();
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
        let solved = |solution: Solution<'_>| {
            let least = self.0.challenge.work;
            self.0.seals.solved(&shown.caller, solution, least)
        };
        let solution = Solution::parse(solution.as_bytes());
        let solution = solution.filter(|_| request.method() == Method::POST);
        let Some(at) = solution.and_then(solved) else {
            let detail = "That is no solution of a task that was given to you, or comes too late.";
            let refusal = Refusal::new(StatusCode::FORBIDDEN, SOLVED, detail);
            return refusal.answer_to(request);
        };
        let mut answer = empty(StatusCode::CREATED);
        if let Some(cookie) = self.cookie(shown, at) {
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
        let (bits, lasts) = (self.0.challenge.work, self.0.challenge.pass);
        match self.0.seals.task(caller, bits, lasts) {
            Ok(task) => self
                .0
                .challenge
                .page
                .answer(refusal(PAGE), request, &task, bits),
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
