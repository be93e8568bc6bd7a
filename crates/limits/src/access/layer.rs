//! The layer that has paths there for some only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use panoply_core::{
    ClientAddress, Clock, CounterStore, HostName, KeptCredentials, Refusal, Secret,
};
use smallvec::SmallVec;
use tower_layer::Layer;
use tower_service::Service;

use super::config::{Access, AccessConfig};
use super::future::AccessFuture;
use super::index::{BelowIndex, Numbers};
use super::password::{Asked, Passwords, Said, answer};
use super::place::Place;
use super::user_header::{UserHeaders, tell};
use crate::Error;
use crate::challenge::ChallengeLayer;
use crate::login::{LoginGuard, has_credentials};
use crate::tried::Told;

/// The rule of its refusals.
const RULE: &str = "access/path";

/// Answers 404, as though nothing were there, to whoever asks for a path and is not from where it is there for, and 401 to
/// who has no password for one that asks for it.
///
/// A path is read as any app might, and where several tables speak of it, each has to let the client through. What is
/// behind a password does not see it: the header is taken off (`Authorization`, of a name and a password). Who it was it
/// finds in the request's extensions ([`PasswordUser`](panoply_core::PasswordUser)), and in the
/// [header](AccessConfig::user_header) of that table.
#[derive(Debug, Clone, Default)]
pub struct AccessLayer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<Access>,
    index: BelowIndex,
    /// Whether some of them are for some names alone.
    by_name: bool,
    /// What looks at passwords, where some table asks for one.
    passwords: Option<Arc<Passwords>>,
    /// What only the layer says of a request.
    user_headers: UserHeaders,
    /// Whether it was said that nobody knows who is calling.
    told: AtomicBool,
    /// What answers by itself to whoever earns a pass, wherever that is.
    challenge: Option<ChallengeLayer>,
}

impl AccessLayer {
    /// A layer with these tables, none of which asks for a password.
    ///
    /// # Errors
    ///
    /// When one of them is wrong, or asks for one: nobody would count wrong ones.
    pub fn new(rules: impl IntoIterator<Item = AccessConfig>) -> Result<Self, Error> {
        Self::checked(rules, || {
            Err(Error::Value {
                key: "users",
                problem: "would be guessed at, since nobody counts".to_owned(),
                example: "`AccessLayer::guarded`, which is given a store",
            })
        })
    }

    /// Lets through what `challenge`, which stands within, answers by itself: solutions of its tasks, which are for whatever
    /// of the site is open to a client. To be called before the layer is cloned: afterwards it changes nothing.
    #[must_use]
    pub fn beside(mut self, challenge: ChallengeLayer) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.challenge = Some(challenge);
        }
        self
    }

    /// A layer with these tables, which counts wrong passwords in `store`, under keys made with `secret` (16 bytes at
    /// least), and has right ones looked at once an hour, by `clock`.
    ///
    /// # Errors
    ///
    /// When one of them is wrong, or the secret is too short.
    pub fn guarded(
        rules: impl IntoIterator<Item = AccessConfig>,
        store: Arc<dyn CounterStore>,
        secret: &Secret,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Self::checked(rules, || Passwords::new(store, secret, clock))
    }

    fn checked(
        rules: impl IntoIterator<Item = AccessConfig>,
        passwords: impl FnOnce() -> Result<Passwords, Error>,
    ) -> Result<Self, Error> {
        let rules: Result<Vec<Access>, Error> =
            rules.into_iter().map(|rule| rule.check()).collect();
        let rules = rules?;
        let asks = rules.iter().any(|rule| rule.users.is_some());
        let passwords = asks.then(passwords).transpose()?;
        let user_headers = rules.iter().filter_map(|rule| rule.user_header.clone());
        Ok(Self(Arc::new(Inner {
            user_headers: UserHeaders::new(user_headers),
            by_name: rules.iter().any(Access::is_by_name),
            index: BelowIndex::new(rules.iter().map(|rule| &rule.path)),
            rules,
            passwords: passwords.map(Arc::new),
            told: AtomicBool::new(false),
            challenge: None,
        })))
    }

    /// The guard that counts wrong passwords, where some table asks for one.
    pub fn guard(&self) -> Option<&LoginGuard> {
        self.0.passwords.as_deref().map(Passwords::guard)
    }

    /// Knows the passwords that `other` knows to be right, as the layer that takes its place.
    pub fn begin_with(&self, other: &Self) {
        if let (Some(own), Some(other)) = (&self.0.passwords, &other.0.passwords) {
            own.begin_with(other);
        }
    }

    /// The headers in which the app is told who has shown a password; what of a request is none of its head, such as its
    /// trailers, is to be rid of them by whoever serves it.
    pub fn user_headers(&self) -> &UserHeaders {
        &self.0.user_headers
    }

    /// The tables that speak of what is asked for.
    fn concerned<B>(&self, request: &Request<B>) -> SmallVec<[&Access; 4]> {
        let mut found: SmallVec<[&Access; 4]> = SmallVec::new();
        let places = Place::all(request);
        let mut hosts = Vec::new();
        if self.0.by_name {
            hosts = HostName::named(request);
        }
        let below = places.iter().flat_map(|place| place.below(&self.0.index));
        let mut below: Numbers = below.collect();
        below.sort_unstable();
        below.dedup();
        let rules = below
            .into_iter()
            .filter_map(|number| self.0.rules.get(number));
        let rules = rules.filter(|rule| rule.is_for(&hosts));
        found.extend(rules.filter(|rule| {
            let mut places = places.iter();
            places.any(|place| place.lies(&rule.path, &rule.except))
        }));
        found
    }

    /// Whether a path that asks for no password is sent one in the name of somebody who has one elsewhere: browsers
    /// send it to all of the folder (RFC 7617 §2.2). Right or wrong: nobody counts here, and who guesses would be told
    /// by what the app sees.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let mut tables = { self.0.rules.iter() }.filter_map(|rule| rule.users.as_deref());
        let said = Said::of(headers);
        said.is_some_and(|said| tables.any(|users| users.has(said.name())))
    }

    /// Whether what is asked for is not there for whoever asks.
    fn hides(&self, rules: &[&Access], client: Option<&ClientAddress>) -> bool {
        rules.iter().any(|rule| {
            let Some(allow) = rule.only_for() else {
                return false;
            };
            let Some(client) = client else {
                self.tell_of_nobody();
                return !rule.dry_run;
            };
            if allow.contains(client.ip()) {
                return false;
            }
            if rule.dry_run {
                rule.tell();
            }
            !rule.dry_run
        })
    }

    /// Says in the log, once, that nobody knows who is calling.
    fn tell_of_nobody(&self) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "a path is there for some only, and requests carry no client address, so it is there for no address, and \
                 wrong passwords count against everybody: the suit or a ClientLayer must stand around this layer, and be served with the peer's \
                 address (into_make_service_with_connect_info::<SocketAddr>())"
            );
        }
    }
}

/// Takes the password off a request, and says so to whoever decides what another site may cause.
fn take_off<B>(request: &mut Request<B>) {
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(KeptCredentials);
}

/// What the tables make of a request.
enum Way {
    /// It is none of theirs, but may have a password that is.
    Open,
    /// Its client's address will do.
    Known,
    /// It has to show a password, of whom these are told.
    Asks(Box<Asked>, SmallVec<[HeaderName; 1]>),
    /// There is nothing.
    Hidden,
}

impl AccessLayer {
    fn way<B>(&self, request: &Request<B>) -> Way {
        let rules = self.concerned(request);
        let client = request.extensions().get::<ClientAddress>();
        if self.hides(&rules, client) {
            return Way::Hidden;
        }
        let asking = { rules.iter() }.filter_map(|rule| Some((rule, rule.users.as_ref()?)));
        let (known, asking): (SmallVec<[_; 2]>, SmallVec<[_; 2]>) =
            asking.partition(|(rule, _)| rule.lets_in(client));
        if asking.is_empty() {
            return if known.is_empty() {
                Way::Open
            } else {
                Way::Known
            };
        }
        let told = asking
            .iter()
            .filter_map(|(rule, _)| rule.user_header.clone());
        let told = told.collect();
        let mut asked = said(request);
        asked.users = asking.iter().map(|(_, users)| Arc::clone(users)).collect();
        Way::Asks(Box::new(asked), told)
    }
}

/// Who asks, and what he says of himself.
fn said<B>(request: &Request<B>) -> Asked {
    let of = request.extensions();
    Asked {
        client: of.get().cloned(),
        id: of.get().copied(),
        users: Vec::new(),
        said: Said::of(request.headers()),
    }
}

impl Access {
    /// Says that it would have refused a request, or how many since it was said.
    fn tell(&self) {
        match self.tried.note("") {
            Some(Told::One) => tracing::warn!(
                rule = RULE,
                "a request would have been refused, but dry_run is on"
            ),
            Some(Told::Many(requests, within)) => tracing::warn!(
                rule = RULE,
                requests,
                within_s = within.as_secs(),
                "more requests would have been refused, but dry_run is on"
            ),
            None => {}
        }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> AccessService<S> {
        AccessService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`AccessLayer`] makes.
#[derive(Debug, Clone)]
pub struct AccessService<S> {
    inner: S,
    layer: AccessLayer,
}

impl<S, B, R> Service<Request<B>> for AccessService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = AccessFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.layer.0.rules.is_empty() {
            return AccessFuture::passed(self.inner.call(request));
        }
        self.layer.0.user_headers.guard(&mut request);
        let challenge = self.layer.0.challenge.as_ref();
        if challenge.is_some_and(|challenge| challenge.answers(&request)) {
            return AccessFuture::passed(self.inner.call(request));
        }
        let passwords = self.layer.0.passwords.as_ref();
        let (passwords, asked, told) = match (self.layer.way(&request), passwords) {
            // There always are some where somebody is asked.
            (Way::Hidden, _) | (Way::Asks(..), None) => {
                // In the words that take the place of what a framework says of no path.
                let detail = "There is nothing at this address.";
                let refusal = Refusal::new(StatusCode::NOT_FOUND, RULE, detail);
                return AccessFuture::refused(refusal.answer_to(&request));
            }
            (Way::Asks(asked, told), Some(passwords)) => (Arc::clone(passwords), asked, told),
            (Way::Known, _) => {
                // A browser that has shown one from elsewhere shows it here, too; and what the address may, another
                // site's page may not have it do.
                if has_credentials(request.headers()) {
                    request.headers_mut().remove(AUTHORIZATION);
                }
                request.extensions_mut().insert(KeptCredentials);
                return AccessFuture::passed(self.inner.call(request));
            }
            (Way::Open, _) => {
                if self.layer.is_ours(request.headers()) {
                    take_off(&mut request);
                }
                return AccessFuture::passed(self.inner.call(request));
            }
        };
        if asked.client.is_none() {
            self.layer.tell_of_nobody();
        }
        let is_known = passwords.knows(&asked);
        let headers = (!is_known).then(|| request.headers().clone());
        if let Some(said) = &asked.said {
            take_off(&mut request);
            tell(&mut request, said.name(), told);
        }
        let Some(headers) = headers else {
            return AccessFuture::passed(self.inner.call(request));
        };
        let check = Box::pin(async move {
            let id = asked.id;
            let refused = passwords.check(*asked).await;
            refused.map(|refusal| answer(refusal, id, &headers))
        });
        // The one that is ready goes into the future; its clone stays and is made ready again.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        AccessFuture::checked(check, ready, request)
    }
}
