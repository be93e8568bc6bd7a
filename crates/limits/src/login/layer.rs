//! The guard as a tower layer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use panoply_core::{HostName, HostNames, Networks};
use tower_layer::Layer;
use tower_service::Service;

use super::LoginGuard;
use super::body::GuardedBody;
use super::config::{OnOutage, Otherwise};
use super::future::{BoxError, LoginFuture};
use super::guards::Guarding;
use super::meant::Meant;
use super::outcome::Reader;
use super::reading::Field;
use super::report::Readings;
use super::route::Route;
use crate::outage::Outage;
use crate::tried::Tried;

/// The guards by which an attempt has been reserved, in the request's extensions.
#[derive(Debug, Clone, Default)]
pub(super) struct Reserved(Vec<LoginGuard>);

impl Reserved {
    pub(super) fn note(extensions: &mut Extensions, guard: &LoginGuard) {
        let mut reserved = extensions.remove::<Self>().unwrap_or_default();
        reserved.0.push(guard.clone());
        extensions.insert(reserved);
    }

    fn by<B>(request: &Request<B>, guard: &LoginGuard) -> bool {
        let reserved = request.extensions().get::<Self>();
        reserved.is_some_and(|reserved| reserved.0.iter().any(|other| other.is_same(guard)))
    }
}

/// Guards the logins of whatever it is worn by.
///
/// An attempt is reserved before the request goes on, which then has its body as it came, and is
/// settled by the answer, which carries a [`LoginReport`](super::LoginReport) among its extensions.
/// Requests that are no login pass untouched.
#[derive(Debug, Clone)]
pub struct LoginLayer(pub(super) Arc<[Login]>);

/// One login.
#[derive(Debug, Clone)]
pub(super) struct Login {
    guard: LoginGuard,
    pub(super) settings: Arc<Settings>,
    /// Whether it is one only under names of which no other speaks.
    pub(super) elsewhere: bool,
}

impl Login {
    pub(super) fn route(&self) -> &Route {
        &self.settings.route
    }

    pub(super) fn names(&self) -> Option<&HostNames> {
        self.settings.names.as_ref()
    }

    pub(super) fn has(&self, host: &HostName) -> bool {
        self.fit(host).is_some()
    }

    pub(super) fn fit(&self, host: &HostName) -> Option<u8> {
        self.names()?.fit(host)
    }
}

/// What a login is and how its answers are read.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) route: Route,
    /// The names under which it is one; all of the site's without any.
    pub(super) names: Option<HostNames>,
    pub(super) field: Field,
    pub(super) reader: Reader,
    pub(super) otherwise: Otherwise,
    pub(super) on_outage: OnOutage,
    /// Behind whose addresses many users are.
    pub(super) exempt: Networks,
    pub(super) dry_run: bool,
    pub(super) read_for: Duration,
    pub(super) peek_for: Duration,
    pub(super) readings: Readings,
    pub(super) away: Outage,
    pub(super) tried: Tried,
}

impl LoginLayer {
    /// The longest body of a login, decoded or not: 64 KiB.
    pub const MOST_BODY: u64 = 64 * 1024;

    /// How much of an answer is looked at: 256 KiB. A page of which that is not all shows no success.
    pub const MOST_ANSWER: u64 = 256 * 1024;

    /// The cookie by which a device is known.
    pub const DEVICE_COOKIE: &str = "panoply_device";

    /// The same to clients who come by HTTPS: no neighbouring host can put others of the name in front of it.
    /// One that a browser still has by the other name is taken as well.
    pub const DEVICE_COOKIE_BY_HTTPS: &str = "__Host-panoply_device";

    pub(super) fn new(guard: LoginGuard, settings: Settings) -> Self {
        let settings = Arc::new(settings);
        Self(Arc::new([Login {
            guard,
            settings,
            elsewhere: false,
        }]))
    }

    /// A layer that guards nothing.
    pub fn none() -> Self {
        Self(Arc::new([]))
    }

    /// The logins of all `layers`; a request belongs to the one whose path fits best, the whole path before one that only
    /// begins so, and of the same to the first; of those for [some names](super::LoginConfig::domains) before those for
    /// all.
    ///
    /// One whose path apps may read as that of another, as those of Windows do, belongs to both.
    /// One that carries several names, of which an app may take any, belongs to the first for each of them, and one of
    /// which no name can be told to that of whatever name: each counts the attempt, and each may refuse it. Logins of one
    /// realm count it once. A success is none for any of them then, as another app may have told of it: it is given back.
    #[must_use]
    pub fn all(layers: impl IntoIterator<Item = Self>) -> Self {
        let logins = layers.into_iter().flat_map(|layer| layer.0.to_vec());
        Self(sorted(logins))
    }

    /// As well those of `others`, under names of which none of these speaks.
    #[must_use]
    pub fn or_elsewhere(&self, others: &Self) -> Self {
        let others = { others.0.iter().cloned() }.map(|login| Login {
            elsewhere: true,
            ..login
        });
        Self(sorted(self.0.iter().cloned().chain(others)))
    }

    /// The guards that count, one a login.
    pub fn guards(&self) -> impl Iterator<Item = &LoginGuard> {
        self.0.iter().map(|login| &login.guard)
    }

    /// Whether a request is a login; one that only the end of its path says to be one, if a password is in it.
    pub fn is_login<B: Body>(&self, request: &Request<B>) -> bool {
        !self.logins(request).is_empty()
    }
}

/// Those for some names first, and last those for names of which no other speaks.
fn sorted(logins: impl Iterator<Item = Login>) -> Arc<[Login]> {
    let mut logins: Vec<Login> = logins.collect();
    logins.sort_by_key(|login| (login.names().is_none(), login.elsewhere));
    logins.into()
}

impl<S> Layer<S> for LoginLayer {
    type Service = LoginService<S>;

    fn layer(&self, inner: S) -> LoginService<S> {
        LoginService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`LoginLayer`] makes.
#[derive(Debug, Clone)]
pub struct LoginService<S> {
    inner: S,
    layer: LoginLayer,
}

impl<S, B, R> Service<Request<B>> for LoginService<S>
where
    S: Service<Request<GuardedBody<B>>, Response = Response<R>> + Clone,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    R: Body<Data = Bytes> + Unpin,
{
    type Response = Response<GuardedBody<R>>;
    type Error = S::Error;
    type Future = LoginFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut logins = self.layer.logins(&request);
        // One that stands outside has reserved it already: twice, five guesses would be ten.
        logins.retain(|one| !Reserved::by(&request, &one.login.guard));
        if logins.is_empty() {
            let passed = self.inner.call(request.map(GuardedBody::untouched));
            return LoginFuture::passed(passed);
        }
        let guarding = |one: Meant<'_>| Guarding {
            guard: one.login.guard.clone(),
            settings: Arc::clone(&one.login.settings),
            by: one.known.by,
            is_certain: one.is_certain,
            attempt: None,
            would_refuse: None,
        };
        let guards = logins.into_iter().map(guarding).collect();
        // The one that is ready goes into the future; its clone stays and is made ready again.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        LoginFuture::guarded(ready, request, guards)
    }
}
