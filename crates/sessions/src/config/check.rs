//! The settings, checked.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::Clock;

use super::cookie::Cookie;
use super::time::written;
use super::{Genid, OnOutage, SessionConfig};
use crate::Error;
use crate::id::SessionId;

impl SessionConfig {
    pub(super) fn check(self) -> Result<Settings, Error> {
        let wrong = |key, problem: String, example| {
            Err(Error::Value {
                key,
                problem,
                example,
            })
        };
        let idle = self.idle.or(self.cookie.longest()).unwrap_or(Self::IDLE);
        let lifetime = self.lifetime.unwrap_or(Self::LIFETIME);
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
        if self.touch > idle / 2 {
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
        let made = self.genid.as_ref().map(|genid| genid());
        if made.is_some_and(|made| SessionId::made(&made).is_none()) {
            let problem = "makes ids that cannot stand in a cookie, or are too short".to_owned();
            return wrong("genid", problem, "16 to 256 letters, digits, `-` and `_`");
        }
        let secure = self.cookie.is_always_secure();
        let name = self.name;
        let name = name.unwrap_or_else(|| if secure { "__Host-id" } else { "id" }.to_owned());
        Ok(Settings {
            cookie: self.cookie.check(name)?,
            idle,
            lifetime,
            renew: Some(self.renew).filter(|renew| !renew.is_zero()),
            grace: self.grace,
            touch: if self.resave {
                Duration::ZERO
            } else {
                self.touch
            },
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
    genid: Option<Genid>,
}

impl Settings {
    /// A fresh id.
    pub(crate) fn id(&self) -> Result<SessionId, Error> {
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
    pub(crate) fn parse(&self, value: &str) -> Option<SessionId> {
        SessionId::parse(value, self.genid.is_some())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}
