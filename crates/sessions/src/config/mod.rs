//! The settings of sessions.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use panoply_cookies::ExpressSecrets;
use panoply_core::{Clock, SessionChange, SessionDocuments, SessionStore, SystemClock};
use serde::Deserialize;

use crate::express::ExpressStore;
use crate::{CookieSealer, Error, Sessions};

mod check;
mod cookie;
mod time;

pub(crate) use check::{Sent, Settings};
pub use cookie::{CookieConfig, Priority, SameSite, Secure};
use time::{some_time, time};

/// Sessions before they are checked: the options of express-session by their own names, and those
/// that it has not.
///
/// In a file they are written as here, or as Express has them (`saveUninitialized`).
///
/// ```
/// use panoply_sessions::SessionConfig;
///
/// let sessions: SessionConfig = toml::from_str(
///     r#"
///     idle     = "2h"
///     lifetime = "24h"
///     rolling  = true
///     cookie   = { same_site = "strict" }
///     "#,
/// )?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct SessionConfig {
    name: Option<String>,
    cookie: CookieConfig,
    #[serde(deserialize_with = "some_time")]
    idle: Option<Duration>,
    #[serde(deserialize_with = "some_time")]
    lifetime: Option<Duration>,
    #[serde(deserialize_with = "time")]
    renew: Duration,
    #[serde(deserialize_with = "time")]
    grace: Duration,
    #[serde(deserialize_with = "time")]
    touch: Duration,
    rolling: bool,
    #[serde(alias = "saveUninitialized")]
    save_uninitialized: bool,
    resave: bool,
    most_per_user: Option<NonZeroU32>,
    most_bytes: usize,
    no_store: bool,
    on_outage: OnOutage,
    #[serde(deserialize_with = "time")]
    deadline: Duration,
    #[serde(skip)]
    genid: Option<Genid>,
    #[serde(skip, default = "system_clock")]
    clock: Arc<dyn Clock>,
}

/// Makes an id.
pub(crate) type Genid = Arc<dyn Fn() -> String + Send + Sync>;

/// What becomes of a request when the store of sessions is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnOutage {
    /// A request that needs its session is refused with 503, whatever the handler made of it; the
    /// default. One that does not look at its session is answered.
    #[default]
    Refuse,
    /// What the handler answers to the error is sent, and what it changed is lost: somebody who is
    /// logged in may be shown a page as if they were not.
    DangerPass,
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            name: None,
            cookie: CookieConfig::default(),
            idle: None,
            lifetime: None,
            renew: Duration::from_mins(15),
            grace: Duration::from_secs(30),
            touch: Duration::from_mins(1),
            rolling: false,
            save_uninitialized: false,
            resave: false,
            most_per_user: None,
            most_bytes: SessionChange::MOST_BYTES,
            no_store: true,
            on_outage: OnOutage::default(),
            deadline: Duration::from_secs(2),
            genid: None,
            clock: system_clock(),
        }
    }
}

impl SessionConfig {
    /// How long a session lasts without a request, unless it is said: 30 minutes.
    pub const IDLE: Duration = Duration::from_mins(30);

    /// How long it lasts in all, unless it is said: 12 hours.
    pub const LIFETIME: Duration = Duration::from_hours(12);

    /// How long a session lasts without a request that an Express app shares, where its cookie has
    /// no `max_age`: a day, as in connect-redis and connect-pg-simple.
    pub const EXPRESS: Duration = Duration::from_hours(24);

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cookie's name; `__Host-id` by default, or `id` where the cookie may go over plain HTTP.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The cookie's attributes.
    #[must_use]
    pub fn cookie(mut self, cookie: CookieConfig) -> Self {
        self.cookie = cookie;
        self
    }

    /// How long a session lasts without a request that looks at it: 30 minutes by default, or the
    /// cookie's `max_age` if there is one (OWASP ASVS 5.0 §7.3.1).
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// How long a session lasts from its start or the last login, whatever happens: 12 hours by
    /// default (OWASP ASVS 5.0 §7.3.2, NIST SP 800-63B-4 §2.2.3).
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// After what time a session gets another id: 15 minutes by default; zero means never.
    #[must_use]
    pub const fn renew(mut self, renew: Duration) -> Self {
        self.renew = renew;
        self
    }

    /// How long the old id is good after a renewal, for requests on their way: 30 seconds by
    /// default, ten minutes at most.
    ///
    /// The time runs from when the browser first comes by the new id and its session is looked at: until
    /// then the answer that brings it may be lost. Who comes by the old id alone, when this time has
    /// passed since the renewal, is given another. Zero ends the old id with the renewal, whether its
    /// answer arrives or not. After a login or [`cycle_id`](crate::Session::cycle_id) the old id opens
    /// nothing.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long a session that is read only goes without being written: a minute by default. The
    /// idle time is exact to this.
    #[must_use]
    pub const fn touch(mut self, touch: Duration) -> Self {
        self.touch = touch;
        self
    }

    /// Sends the cookie with each answer to a request that looked at its session, so that
    /// `max_age` starts over; no by default. Without it that happens when the session changes.
    #[must_use]
    pub const fn rolling(mut self, rolling: bool) -> Self {
        self.rolling = rolling;
        self
    }

    /// Makes a session for every request that has none, though nothing is in it; no by default.
    #[must_use]
    pub const fn save_uninitialized(mut self, save: bool) -> Self {
        self.save_uninitialized = save;
        self
    }

    /// Writes with each request that looks at its session, though nothing changed; no by default.
    /// It is a touch, so that nothing is lost by it.
    #[must_use]
    pub const fn resave(mut self, resave: bool) -> Self {
        self.resave = resave;
        self
    }

    /// How many sessions a user may have; with one more login the one whose login was first is
    /// ended. As many as there are by default.
    #[must_use]
    pub const fn most_per_user(mut self, most: NonZeroU32) -> Self {
        self.most_per_user = Some(most);
        self
    }

    /// How many bytes of names and JSON a session may have: 64 KiB by default.
    #[must_use]
    pub const fn most_bytes(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// Whether an answer in which the session had a part gets `Cache-Control: no-store` where the
    /// app says nothing of caching; yes by default.
    #[must_use]
    pub const fn danger_no_store(mut self, no_store: bool) -> Self {
        self.no_store = no_store;
        self
    }

    /// What becomes of a request when the store is away; refused by default.
    #[must_use]
    pub const fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// How long a request waits for the store, two seconds by default; then the store counts as
    /// away. After three such requests in a row it is asked once a second only.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// By which sessions in cookies go, and by which a store that is silent is left alone; the
    /// system's clock by default. Sessions in a store go by the store's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes ids in place of ours. An id is 16 to 256 characters that a cookie may have, at least
    /// 128 bits of them random: whoever guesses one has the session.
    #[must_use]
    pub fn danger_genid(mut self, genid: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.genid = Some(Arc::new(genid));
        self
    }

    /// Checks the settings, as [`build`](Self::build) does.
    ///
    /// # Errors
    ///
    /// When a value means nothing, or contradicts another.
    pub fn validate(&self) -> Result<(), Error> {
        self.clone().check(None).map(drop)
    }

    /// Sessions in their cookies, sealed by `sealer`, as cookie-session has them but for that.
    ///
    /// There is no store to fail, and none that knows: of two requests at once the later answer
    /// wins, a session that was destroyed lives on in copies of its cookie until its end, and
    /// sessions can be neither counted nor listed nor ended for a user. Name and value may have
    /// 4093 bytes together; what does not fit is an error that says by how much.
    ///
    /// # Errors
    ///
    /// When a value means nothing, contradicts another, or needs a store.
    pub fn build_sealed(self, sealer: Arc<dyn CookieSealer>) -> Result<Sessions, Error> {
        if self.most_per_user.is_some() {
            return Err(Error::Value {
                key: "most_per_user",
                problem: "is set, and nobody counts sessions that are kept in cookies".to_owned(),
                example: "sessions in a store, or no cap",
            });
        }
        Ok(Sessions::sealed(self.check(None)?, sealer))
    }

    /// The very sessions of an Express app: the cookie `connect.sid` with its secrets, the newest
    /// first, and what its store holds. Who is logged in there is so here, and the other way round.
    ///
    /// What this service changes is put into what is there at that moment; what the app writes
    /// overwrites what it has not seen, as it does among its own requests. The app's session can be
    /// neither listed nor ended by their user, ids are not renewed by age, and the name `cookie` is
    /// Express's. A cookie that an older secret has signed is sent again with the first.
    ///
    /// Give the options that the app gives to express-session, [`CookieConfig::express`] among them.
    ///
    /// # Errors
    ///
    /// When a value means nothing, contradicts another, or needs a store of our own.
    pub fn build_express(
        self,
        secrets: ExpressSecrets,
        documents: Arc<dyn SessionDocuments>,
    ) -> Result<Sessions, Error> {
        if self.most_per_user.is_some() {
            return Err(Error::Value {
                key: "most_per_user",
                problem: "is set, and nobody counts the sessions of an Express app".to_owned(),
                example: "sessions in a store of our own, or no cap",
            });
        }
        let clock = Arc::clone(&self.clock);
        let settings = self.check(Some(secrets))?;
        let store = ExpressStore::new(documents, settings.idle, clock);
        Ok(Sessions::new(settings, Arc::new(store)))
    }

    /// Sessions in `store`.
    ///
    /// # Errors
    ///
    /// When a value means nothing, or contradicts another.
    pub fn build(self, store: Arc<dyn SessionStore>) -> Result<Sessions, Error> {
        Ok(Sessions::new(self.check(None)?, store))
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig")
            .field("name", &self.name)
            .field("cookie", &self.cookie)
            .field("idle", &self.idle)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
