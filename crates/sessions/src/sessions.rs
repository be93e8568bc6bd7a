//! All sessions of a store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use panoply_core::{Destroy, SessionFingerprint, SessionInfo, SessionStore};

use crate::config::Settings;
use crate::id::SessionId;
use crate::keeper::Keeper;
use crate::sealed::{CookieSealer, Sealed};
use crate::{Error, SessionConfig, SessionLayer, user_key};

/// The sessions of a store under settings that have been checked: makes the layer, and knows the
/// sessions of a user. Clones are the same.
#[derive(Clone)]
pub struct Sessions(pub(crate) Arc<Shared>);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) kind: Kind,
    told: AtomicBool,
}

/// Where sessions are.
#[derive(Debug)]
pub(crate) enum Kind {
    /// In a store, by the id in the cookie.
    Stored(Keeper),
    /// In the cookie.
    Sealed(Sealed),
}

impl Sessions {
    /// Sessions in `store` with every default; [`SessionConfig`] for others.
    ///
    /// # Errors
    ///
    /// None, as the defaults are valid.
    pub fn server_side(store: Arc<dyn SessionStore>) -> Result<Self, Error> {
        SessionConfig::new().build(store)
    }

    pub(crate) fn sealed(settings: Settings, sealer: Arc<dyn CookieSealer>) -> Self {
        let name = settings.cookie.name().to_owned();
        let kind = Kind::Sealed(Sealed::new(name, sealer, settings.clock.clone()));
        Self::of_kind(settings, kind)
    }

    pub(crate) fn new(settings: Settings, store: Arc<dyn SessionStore>) -> Self {
        let clock = settings.clock.clone();
        let store = Keeper::new(store, settings.deadline, clock);
        Self::of_kind(settings, Kind::Stored(store))
    }

    fn of_kind(settings: Settings, kind: Kind) -> Self {
        Self(Arc::new(Shared {
            settings,
            kind,
            told: AtomicBool::new(false),
        }))
    }

    /// The layer that gives each request its [`Session`](crate::Session).
    pub fn layer(&self) -> SessionLayer {
        SessionLayer::new(self.clone())
    }

    /// The cookie's name.
    pub fn cookie_name(&self) -> &str {
        self.0.settings.cookie.name()
    }

    /// The sessions of a user, by whatever [`Session::login`](crate::Session::login) was given: in
    /// the order of their fingerprints from the one behind `after`, `most` at most.
    ///
    /// # Errors
    ///
    /// When the store fails, or there is none.
    pub async fn list(
        &self,
        user: &str,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Result<Vec<SessionInfo>, Error> {
        let listed = self.0.store()?.sessions(&user_key(user), after, most).await;
        listed.map_err(Error::store)
    }

    /// Ends one session of a user's; says whether there was one.
    ///
    /// # Errors
    ///
    /// When the store fails, or there is none.
    pub async fn revoke(&self, user: &str, session: SessionFingerprint) -> Result<bool, Error> {
        let user = &user_key(user);
        let one = Destroy::One {
            user,
            fingerprint: session,
        };
        let ended = self.0.store()?.destroy(one).await.map_err(Error::store)?;
        Ok(ended > 0)
    }

    /// Ends all sessions of a user, as after a new password; says how many there were.
    ///
    /// # Errors
    ///
    /// When the store fails, or there is none.
    pub async fn revoke_all(&self, user: &str) -> Result<usize, Error> {
        let user = &user_key(user);
        let all = Destroy::User { user, except: None };
        self.0.store()?.destroy(all).await.map_err(Error::store)
    }
}

impl Shared {
    /// The store, where there is one.
    pub(crate) fn store(&self) -> Result<&Keeper, Error> {
        match &self.kind {
            Kind::Stored(store) => Ok(store),
            Kind::Sealed(_) => Err(Error::NoStore),
        }
    }

    /// What a cookie's value names, if it can be the cookie of a session.
    pub(crate) fn parse(&self, value: &[u8]) -> Option<SessionId> {
        match &self.kind {
            Kind::Stored(_) => self.settings.parse(value),
            Kind::Sealed(_) => SessionId::parse_sealed(std::str::from_utf8(value).ok()?),
        }
    }

    /// Says in the log, once as an error, that a cookie could not be sent.
    pub(crate) fn tell_of_plain_http(&self) {
        let name = self.settings.cookie.name();
        if self.told.swap(true, Ordering::Relaxed) {
            tracing::debug!(cookie = name, "no session over plain HTTP");
            return;
        }
        tracing::error!(
            cookie = name,
            "no session is kept: the request came over plain HTTP and `cookie.secure` is true. \
             Behind a proxy that ends TLS, name it in `client.trusted_proxies`; without any TLS, \
             as on a developer's machine, write \
             `.cookie(CookieConfig::new().secure(Secure::DangerAuto))`"
        );
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("settings", &self.0.settings)
            .field("kind", &self.0.kind)
            .finish()
    }
}
