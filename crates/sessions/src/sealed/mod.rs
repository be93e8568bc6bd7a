//! Sessions that are kept in the cookie itself.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use panoply_cookies::Sealer;
use panoply_core::{
    Clock, Committed, LiveSession, Loaded, Moment, SessionChange, SessionKey, SessionRecord,
    SessionSlot,
};

use crate::Error;
use crate::id::SessionId;

mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

/// Seals what is in a cookie, so that a client can neither read nor change it.
///
/// What it makes is bound to the cookie's name, and cannot be opened after its end.
pub trait CookieSealer: fmt::Debug + Send + Sync {
    /// The value of the cookie `name`, of characters that a cookie may have (RFC 6265 §4.1.1), that
    /// holds `plain` until `end`.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    fn seal(&self, name: &str, plain: &[u8], end: SystemTime) -> Result<String, Error>;

    /// What such a value holds; none if anybody else has made it, or for another name, or it is
    /// over at `now`.
    fn open(&self, name: &str, value: &str, now: SystemTime) -> Option<Opened>;
}

/// What a sealed cookie held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// What was sealed.
    pub plain: Vec<u8>,
    /// Whether it is to be sealed again, as it was with a key that is not the first any more.
    pub by_old_key: bool,
}

impl Opened {
    /// What a value held.
    pub const fn new(plain: Vec<u8>, by_old_key: bool) -> Self {
        Self { plain, by_old_key }
    }
}

impl CookieSealer for Sealer {
    fn seal(&self, name: &str, plain: &[u8], end: SystemTime) -> Result<String, Error> {
        self.seal_until(name, plain, end)
            .map_err(|_| Error::NoRandom)
    }

    fn open(&self, name: &str, value: &str, now: SystemTime) -> Option<Opened> {
        let opened = self.open_at(name, value, now).ok()?;
        let stale = opened.is_stale();
        Some(Opened::new(opened.value, stale))
    }
}

/// Sessions that are sealed into their cookies.
pub(crate) struct Sealed {
    name: String,
    sealer: Arc<dyn CookieSealer>,
    clock: Arc<dyn Clock>,
}

/// How many bytes a cookie's name and value may have together: some browsers count three more than
/// the 4096 of RFC 6265bis §5.6.
pub(crate) const MOST: usize = 4093;

impl Sealed {
    pub(crate) const fn new(
        name: String,
        sealer: Arc<dyn CookieSealer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            name,
            sealer,
            clock,
        }
    }

    /// The session that a cookie's value holds, and whether it is to be sealed again.
    pub(crate) fn load(&self, value: &SessionId) -> (Loaded, bool) {
        let opened = self
            .sealer
            .open(&self.name, value.as_str(), self.clock.wall());
        let now = self.now();
        let record = opened
            .as_ref()
            .and_then(|opened| form::read(&opened.plain))
            .filter(|record| !record.is_over(now));
        match record {
            Some(record) => {
                let again = opened.is_some_and(|opened| opened.by_old_key);
                let live = LiveSession::new(Arc::new(record), now, true);
                (Loaded::Live(live), again)
            }
            None => (Loaded::Absent, false),
        }
    }

    /// What a commit makes of a session, and the value that holds it then.
    pub(crate) fn commit(
        &self,
        record: Option<&Arc<SessionRecord>>,
        key: &SessionKey,
        change: &SessionChange,
    ) -> Result<(Committed, Option<SessionId>), Error> {
        let slot = record.cloned().map(SessionSlot::Live);
        let now = self.now();
        let (after, committed) = SessionRecord::apply(slot, key, change, false, now);
        let Some(record) = after else {
            return Ok((committed, None));
        };
        let end = record.idle_end().as_micros();
        let end = UNIX_EPOCH.checked_add(Duration::from_micros(end));
        let end = end.unwrap_or(UNIX_EPOCH);
        let value = self.sealer.seal(&self.name, &form::write(&record), end)?;
        let bytes = self.name.len() + value.len();
        if bytes > MOST {
            return Err(Error::CookieTooLarge { bytes, most: MOST });
        }
        Ok((committed, Some(SessionId::sealed(value))))
    }

    fn now(&self) -> Moment {
        let since = self.clock.wall().duration_since(UNIX_EPOCH);
        Moment::ZERO.after(Some(since.unwrap_or_default()))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("name", &self.name)
            .field("sealer", &self.sealer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
