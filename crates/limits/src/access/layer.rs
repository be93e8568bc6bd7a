//! The layer that has paths there for some only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use panoply_core::{ClientAddress, Clock, CounterStore, KeptCredentials, Refusal, Secret};
use tower_layer::Layer;
use tower_service::Service;

use super::config::{Access, AccessConfig};
use super::future::AccessFuture;
use super::password::{Asked, Passwords, Said, answer};
use super::path::Reading;
use super::users::Users;
use crate::Error;
use crate::login::LoginGuard;
use crate::original::original;
use crate::tried::Told;

/// The rule of its refusals.
const RULE: &str = "access/path";

/// Answers 404, as though nothing were there, to whoever asks for a path and is not from where it is there for, and 401 to
/// who has no password for one that asks for it.
///
/// A path is read as any app might, and where several tables speak of it, each has to let the client through. What is
/// behind a password does not see it: the header is taken off (`Authorization`, of a name and a password).
#[derive(Debug, Clone, Default)]
pub struct AccessLayer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<Access>,
    /// What looks at passwords, where some table asks for one.
    passwords: Option<Arc<Passwords>>,
    /// Whether it was said that nobody knows who is calling.
    told: AtomicBool,
}

/// Where IIS and what follows it, Symfony among it, say that another path is meant. They are dropped from whom nobody
/// trusts; a proxy that is trusted may pass on what its client wrote.
pub(crate) static MEANT: [HeaderName; 2] = [
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

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
        Ok(Self(Arc::new(Inner {
            rules,
            passwords: passwords.map(Arc::new),
            told: AtomicBool::new(false),
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

    /// What a request has to prove before it may pass, by users where its path asks for that.
    fn asked<B>(&self, request: &Request<B>) -> Option<(Arc<Passwords>, Asked)> {
        let passwords = self.0.passwords.as_ref()?;
        let mut users: Vec<Arc<Users>> = Vec::new();
        for path in paths(request) {
            let reading = Reading::of(path);
            let rules = self.0.rules.iter();
            for own in rules.filter_map(|rule| Some((rule, rule.users.as_ref()?))) {
                let is_new = || !users.iter().any(|known| Arc::ptr_eq(known, own.1));
                if own.0.path.covers(&reading) && is_new() {
                    users.push(Arc::clone(own.1));
                }
            }
        }
        let (of, said) = (request.extensions(), Said::of(request.headers()));
        if users.is_empty() && said.is_none() {
            return None;
        }
        let asked = Asked {
            client: of.get().cloned(),
            id: of.get().copied(),
            users,
            said,
        };
        Some((Arc::clone(passwords), asked))
    }

    /// Whether a password that a path does not ask for is one of those that others do: browsers send it to all of the
    /// folder (RFC 7617 §2.2).
    fn is_ours(&self, passwords: &Passwords, asked: &Asked) -> bool {
        let tables = { self.0.rules.iter() }.filter_map(|rule| rule.users.as_deref());
        passwords.knows_for_any(asked, tables)
    }

    /// Whether what is asked for is not there for whoever asks.
    fn hides<B>(&self, request: &Request<B>) -> bool {
        if self.0.rules.is_empty() {
            return false;
        }
        paths(request).any(|path| self.hides_path(request, &Reading::of(path)))
    }

    fn hides_path<B>(&self, request: &Request<B>, path: &Reading<'_>) -> bool {
        let client = || request.extensions().get().map(ClientAddress::ip);
        self.0.rules.iter().any(|rule| {
            let Some(allow) = rule.allow.as_ref().filter(|_| rule.path.covers(path)) else {
                return false;
            };
            let Some(client) = client() else {
                self.tell_of_nobody();
                return !rule.dry_run;
            };
            if allow.contains(client) {
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

/// What a request may be read to ask for.
fn paths<B>(request: &Request<B>) -> impl Iterator<Item = &str> {
    let (uri, whole) = (request.uri(), original(request.extensions(), request.uri()));
    // Within a router that is nested, as it stands there and as the client wrote it.
    let cut = (whole.path() != uri.path()).then(|| uri.path());
    let meant = MEANT
        .iter()
        .flat_map(|name| request.headers().get_all(name));
    let meant = meant.filter_map(|value: &HeaderValue| value.to_str().ok());
    let paths = std::iter::once(whole.path()).chain(cut);
    paths.chain(meant.map(crate::login::path_of))
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
        if self.layer.hides(&request) {
            // In the words that take the place of what a framework says of no path.
            let detail = "There is nothing at this address.";
            let refusal = Refusal::new(StatusCode::NOT_FOUND, RULE, detail);
            return AccessFuture::refused(refusal.answer_to(&request));
        }
        let Some((passwords, asked)) = self.layer.asked(&request) else {
            return AccessFuture::passed(self.inner.call(request));
        };
        if asked.users.is_empty() {
            if self.layer.is_ours(&passwords, &asked) {
                take_off(&mut request);
            }
            return AccessFuture::passed(self.inner.call(request));
        }
        if asked.client.is_none() {
            self.layer.tell_of_nobody();
        }
        if passwords.knows(&asked) {
            take_off(&mut request);
            return AccessFuture::passed(self.inner.call(request));
        }
        let headers = request.headers().clone();
        if asked.said.is_some() {
            take_off(&mut request);
        }
        let check = Box::pin(async move {
            let id = asked.id;
            let refused = passwords.check(asked).await;
            refused.map(|refusal| answer(refusal, id, &headers))
        });
        // The one that is ready goes into the future; its clone stays and is made ready again.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        AccessFuture::checked(check, ready, request)
    }
}
