//! The guard as a tower layer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use panoply_core::Networks;
use tower_layer::Layer;
use tower_service::Service;

use super::LoginGuard;
use super::body::GuardedBody;
use super::config::{OnOutage, Otherwise};
use super::future::LoginFuture;
use super::outcome::Reader;
use super::reading::Field;
use super::report::Readings;
use super::route::{By, Route};
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
pub struct LoginLayer(Arc<[Login]>);

/// One login.
#[derive(Debug, Clone)]
struct Login {
    guard: LoginGuard,
    settings: Arc<Settings>,
}

/// What a login is and how its answers are read.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) route: Route,
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
        Self(Arc::new([Login { guard, settings }]))
    }

    /// A layer that guards nothing.
    pub fn none() -> Self {
        Self(Arc::new([]))
    }

    /// The logins of all `layers`; a request belongs to the first that it fits.
    #[must_use]
    pub fn all(layers: impl IntoIterator<Item = Self>) -> Self {
        let logins = layers.into_iter().flat_map(|layer| layer.0.to_vec());
        Self(logins.collect())
    }

    /// The guards that count, one a login.
    pub fn guards(&self) -> impl Iterator<Item = &LoginGuard> {
        self.0.iter().map(|login| &login.guard)
    }

    /// Whether a request is a login; one that only the end of its path says to be one, if a password is in it.
    pub fn is_login<B: Body>(&self, request: &Request<B>) -> bool {
        self.login(request).is_some()
    }

    fn login<B: Body>(&self, request: &Request<B>) -> Option<(&Login, By)> {
        let fits = |login: &'_ Login| login.settings.route.known_by(request);
        self.0.iter().find_map(|login| Some((login, fits(login)?)))
    }
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
    B: Body<Data = Bytes> + Unpin,
    R: Body<Data = Bytes> + Unpin,
{
    type Response = Response<GuardedBody<R>>;
    type Error = S::Error;
    type Future = LoginFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let login = self.layer.login(&request);
        // One that stands outside has reserved it already: twice, five guesses would be ten.
        let is_new = |login: &(&Login, By)| !Reserved::by(&request, &login.0.guard);
        let Some((login, by)) = login.filter(is_new) else {
            let passed = self.inner.call(request.map(GuardedBody::untouched));
            return LoginFuture::passed(passed);
        };
        // The one that is ready goes into the future; its clone stays and is made ready again.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let Login { guard, settings } = login.clone();
        LoginFuture::guarded(ready, request, guard, settings, by)
    }
}
