//! The settings, checked.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use panoply_cookies::{ExpressSecrets, decode, encode};
use panoply_core::Clock;

use super::cookie::Cookie;
use super::time::written;
use super::{CookieConfig, Genid, OnOutage, SessionConfig};
use crate::Error;
use crate::express::ExpressCookie;
use crate::id::SessionId;

/// How long an id of Express may be.
const ID_MOST: usize = 1024;

impl SessionConfig {
    pub(super) fn check(self, express: Option<ExpressSecrets>) -> Result<Settings, Error> {
        let wrong = |key, problem: String, example| {
            Err(Error::Value {
                key,
                problem,
                example,
            })
        };
        let (idle, lifetime) = match express {
            // Its sessions last as long as their cookie, or a day without a request.
            Some(_) => (Self::EXPRESS, CookieConfig::MOST_MAX_AGE),
            None => (Self::IDLE, Self::LIFETIME),
        };
        let idle = self.idle.or(self.cookie.longest()).unwrap_or(idle);
        let lifetime = self.lifetime.unwrap_or(lifetime);
        let touch = match express {
            Some(_) => self.touch.min(idle / 2),
            None => self.touch,
        };
        for (key, time) in [("idle", idle), ("lifetime", lifetime)] {
            if time < Duration::from_secs(1) {
                return wrong(key, format!("is {}", written(time)), "a second or more");
            }
        }
        if idle > lifetime {
            let of = if self.idle.is_some() {
                "`idle`"
            } else {
                "`cookie.max_age`"
            };
            let problem = format!(
                "is {}, shorter than the {} that {of} gives it",
                written(lifetime),
                written(idle)
            );
            return wrong("lifetime", problem, "a `lifetime` that is no shorter");
        }
        if touch > idle / 2 {
            let problem = format!(
                "is {}, and a session that is only read would end after {}",
                written(self.touch),
                written(idle)
            );
            return wrong("touch", problem, "at most half of `idle`");
        }
        if self.grace > Duration::from_mins(10) {
            let problem = format!(
                "is {}, for which an old id would be good",
                written(self.grace)
            );
            return wrong("grace", problem, "ten minutes at most, such as \"30s\"");
        }
        if self.deadline < Duration::from_millis(10) {
            let problem = format!(
                "is {}, within which no store answers",
                written(self.deadline)
            );
            return wrong("deadline", problem, "10ms or more, such as \"2s\"");
        }
        if self.most_bytes < 256 {
            let problem = format!("is {}, in which nothing fits", self.most_bytes);
            return wrong("most_bytes", problem, "256 or more, such as 65536");
        }
        // In a cookie of Express an id is encoded, and of whatever form the app gives it.
        let genid = self.genid.as_ref().filter(|_| express.is_none());
        let made = genid.map(|genid| genid());
        if made.is_some_and(|made| SessionId::made(&made).is_none()) {
            let problem = "makes ids that cannot stand in a cookie, or are too short".to_owned();
            return wrong("genid", problem, "16 to 256 letters, digits, `-` and `_`");
        }
        let secure = self.cookie.is_always_secure();
        let name = self.name;
        let usual = match express {
            Some(_) => "connect.sid",
            None if secure => "__Host-id",
            None => "id",
        };
        let name = name.unwrap_or_else(|| usual.to_owned());
        let express = express.map(|secrets| Express {
            secrets,
            cookie: self.cookie.clone(),
        });
        Ok(Settings {
            cookie: self.cookie.check(name)?,
            idle,
            lifetime,
            // Express knows no id but the one.
            renew: Some(self.renew).filter(|renew| !renew.is_zero() && express.is_none()),
            grace: self.grace,
            express,
            touch: if self.resave { Duration::ZERO } else { touch },
            rolling: self.rolling,
            save_uninitialized: self.save_uninitialized,
            most_per_user: self.most_per_user,
            most_bytes: self.most_bytes,
            no_store: self.no_store,
            on_outage: self.on_outage,
            deadline: self.deadline,
            clock: self.clock,
            genid: self.genid,
        })
    }
}

/// The settings, checked.
pub(crate) struct Settings {
    pub(crate) cookie: Cookie,
    pub(crate) idle: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) renew: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) touch: Duration,
    pub(crate) rolling: bool,
    pub(crate) save_uninitialized: bool,
    pub(crate) most_per_user: Option<NonZeroU32>,
    pub(crate) most_bytes: usize,
    pub(crate) no_store: bool,
    pub(crate) on_outage: OnOutage,
    pub(crate) deadline: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) express: Option<Express>,
    genid: Option<Genid>,
}

/// What sessions have that an app shares.
pub(crate) struct Express {
    pub(crate) secrets: ExpressSecrets,
    pub(crate) cookie: CookieConfig,
}

impl Settings {
    /// A fresh id.
    pub(crate) fn id(&self) -> Result<SessionId, Error> {
        if self.express.is_some() {
            return match &self.genid {
                Some(genid) => Ok(SessionId::shared(&genid(), false)),
                None => SessionId::random_shared(),
            };
        }
        let Some(genid) = &self.genid else {
            return SessionId::random();
        };
        SessionId::made(&genid()).ok_or_else(|| Error::Value {
            key: "genid",
            problem: "made an id that cannot stand in a cookie, or is too short".to_owned(),
            example: "16 to 256 letters, digits, `-` and `_`",
        })
    }

    /// The id that a cookie's value is, if it can be one.
    pub(crate) fn parse(&self, value: &[u8]) -> Option<SessionId> {
        match &self.express {
            Some(express) => express.parse(std::str::from_utf8(value).ok()?),
            None => SessionId::parse(value, self.genid.is_some()),
        }
    }

    /// The `Set-Cookie` line for a session's id.
    pub(crate) fn line(&self, out: &Sent<'_>, https: bool) -> String {
        let Some(express) = &self.express else {
            return self.cookie.line(out.id.as_str(), out.max_age, https);
        };
        let kept = out.attributes.and_then(ExpressCookie::parse);
        let cookie = kept.unwrap_or_else(|| ExpressCookie::new(&express.cookie, https));
        let value = encode(&express.secrets.sign(out.id.as_str()));
        let now = jiff::Timestamp::try_from(self.clock.wall()).unwrap_or_default();
        cookie.line(self.cookie.name(), &value, now)
    }
}

/// What goes into a cookie.
pub(crate) struct Sent<'a> {
    pub(crate) id: &'a SessionId,
    pub(crate) max_age: Option<Duration>,
    /// How the session itself says that its cookie looks, as Express has it.
    pub(crate) attributes: Option<&'a [u8]>,
}

impl Express {
    /// The id in a signed value.
    fn parse(&self, value: &str) -> Option<SessionId> {
        let value = decode(value.as_bytes())?;
        let (id, place) = self.secrets.verify(&value)?;
        let length = (1..=ID_MOST).contains(&id.len());
        length.then(|| SessionId::shared(id, place > 0))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}
