//! `answers` of a `[[limit]]`, and the `[probes]` table.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use panoply_core::{Rule, TimeText};
use serde::Deserialize;
use smallvec::SmallVec;

use super::layer::{Limit, What};
use super::probes;
use crate::blocklist::PREFIX;
use crate::exempt::networks;
use crate::request::Common;
use crate::time::{Counter, Time};
use crate::tried::Tried;
use crate::{Algorithm, Error, LimitConfig, ShowHeaders};

/// What takes a point of those that a limit of answers has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Count {
    /// Each path once in a window, so that a page with one picture that is gone costs a visitor one point however
    /// often he looks at it; the default.
    #[default]
    Paths,
    /// Each request.
    Requests,
}

impl LimitConfig {
    /// Counts no requests, but answers of the app with one of these statuses, of 400 to 599: who is given more of
    /// them than there are points is held out from everything, for as long as [`lock`](Self::lock) says.
    ///
    /// It is for an [`AnswerLayer`](crate::AnswerLayer). The points are each client's, and what is held out is the
    /// client, so `key`, `cost`, `algorithm` and `headers` are left alone.
    #[must_use]
    pub fn answers(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.answers = statuses.into_iter().collect();
        self
    }

    /// How long a client is held out for its answers, the first time.
    #[must_use]
    pub const fn lock(mut self, lock: Duration) -> Self {
        self.lock = Some(Time(lock));
        self
    }

    /// How long that may become by doubling, with each time within a day; as long as the first by default.
    #[must_use]
    pub const fn longest(mut self, longest: Duration) -> Self {
        self.longest = Some(Time(longest));
        self
    }

    /// What of a client's answers is counted.
    #[must_use]
    pub const fn count(mut self, count: Count) -> Self {
        self.count = Some(count);
        self
    }

    /// By which name it goes: its own, or else its path.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.path)
    }

    /// Whether it counts answers.
    pub const fn counts_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Refuses what has no meaning for a limit of requests.
    pub(crate) fn without_what_needs_answers(&self) -> Result<(), Error> {
        let keys = [
            ("lock", self.lock.is_some()),
            ("longest", self.longest.is_some()),
            ("count", self.count.is_some()),
        ];
        let written = keys.into_iter().find(|(_, written)| *written);
        written.map_or(Ok(()), |(key, _)| {
            Err(Error::Value {
                key,
                problem: "is for limits that count answers".to_owned(),
                example: "`answers = [403, 404]` beside it, or leave it out",
            })
        })
    }

    pub(crate) fn validate_answers(&self) -> Result<(), Error> {
        self.clone().check_answers().map(drop)
    }

    pub(super) fn check_answers(self) -> Result<Limit, Error> {
        let wrong = |key, problem: String, example| {
            Err(Error::Value {
                key,
                problem,
                example,
            })
        };
        let Common {
            place,
            name,
            exempt,
            sign,
        } = self.common()?;
        if self.answers.is_empty() {
            return wrong("answers", "names none".to_owned(), "`answers = [403, 404]`");
        }
        let mut answers = SmallVec::new();
        for &status in &self.answers {
            match StatusCode::from_u16(status) {
                Ok(status) if status.is_client_error() || status.is_server_error() => {
                    answers.push(status);
                }
                _ => {
                    let problem = format!("has `{status}`, which visitors are given as well");
                    let example = "statuses of 400 to 599, such as `[400, 401, 403, 404]`";
                    return wrong("answers", problem, example);
                }
            }
        }
        // What is held out is the client, so nothing else is counted.
        let unfit = [
            ("key", self.words() != ["client"]),
            ("cost", self.cost != 1),
            ("algorithm", self.algorithm != Algorithm::default()),
            ("headers", self.headers != ShowHeaders::default()),
        ];
        if let Some((key, _)) = unfit.into_iter().find(|(_, is_unfit)| *is_unfit) {
            let problem = "is for limits of requests, not of answers".to_owned();
            return wrong(key, problem, "neither it nor another value of it");
        }
        let Some(lock) = self.lock else {
            return Err(Error::Missing {
                key: "lock",
                example: "`lock = \"1h\"`, for how long the client is held out",
            });
        };
        let rule = rule(&name, self.points, self.window, lock, self.longest)?;
        Ok(Limit {
            what: What::At(place),
            name: rule.name().into(),
            answers,
            each: self.count.unwrap_or_default() == Count::Requests,
            sign,
            rule: tried_out(rule, self.dry_run),
            exempt,
            dry_run: self.dry_run,
            tried: Tried::default(),
            why: "a client was given too many answers that count",
        })
    }

    pub(crate) fn tell_of_answers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers: Vec<String> = self.answers.iter().map(u16::to_string).collect();
        let what = match self.count.unwrap_or_default() {
            Count::Paths => "paths",
            Count::Requests => "requests",
        };
        write!(f, "{} {what} answered {}", self.points, answers.join(", "))?;
        tell_of_lock(f, self.window, self.lock, self.longest, &self.exempt)
    }
}

/// Holds out who asks for what only scanners ask for (`/.env`, `/wp-login.php`), where the app says that it is not
/// there (404 or 410). [`new`](Self::new), like a table that does not say `enabled = false`, is on; the default, for
/// where nothing is written, is off.
///
/// What is not there can be asked for by others than scanners, if somebody leads them to it: a search engine's crawler by
/// links, a sender of webhooks by the address it is given. Behind a proxy with a public address that nobody has named
/// all visitors are one. So whoever turns it on has looked at who asks.
///
/// ```
/// use panoply_limits::ProbesConfig;
///
/// let probes = ProbesConfig::new().points(5).exempt(["203.0.113.9"]);
/// assert!(probes.validate().is_ok());
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ProbesConfig {
    // Whoever writes the table means it.
    #[serde(default = "yes")]
    enabled: bool,
    points: i64,
    window: Time,
    lock: Time,
    longest: Time,
    exempt: Vec<String>,
    dry_run: bool,
}

/// What carriers and overlay networks give their own (RFC 6598).
const CARRIERS: &str = "100.64.0.0/10";

const TEN_MINUTES: Time = Time(Duration::from_mins(10));

const fn yes() -> bool {
    true
}

impl Default for ProbesConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            points: 10,
            window: TEN_MINUTES,
            lock: TEN_MINUTES,
            longest: Time(Duration::from_hours(24)),
            exempt: ["loopback", "linklocal", "uniquelocal", CARRIERS]
                .map(Into::into)
                .into(),
            dry_run: false,
        }
    }
}

impl ProbesConfig {
    /// Ten different paths in ten minutes; then the client is held out for ten minutes, doubling to a day. Nobody on
    /// this machine, a private network or a carrier's (`100.64.0.0/10`), behind whose addresses there may be a proxy
    /// that nobody has named.
    pub fn new() -> Self {
        Self::default().enabled(true)
    }

    /// Whether anybody is held out for it.
    #[must_use]
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// How many different paths in a window.
    #[must_use]
    pub fn points(mut self, points: u32) -> Self {
        self.points = points.into();
        self
    }

    /// How long a window is; it opens with the first of them.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = Time(window);
        self
    }

    /// How long a client is held out, the first time.
    #[must_use]
    pub const fn lock(mut self, lock: Duration) -> Self {
        self.lock = Time(lock);
        self
    }

    /// How long that may become by doubling, with each time within a day.
    #[must_use]
    pub const fn longest(mut self, longest: Duration) -> Self {
        self.longest = Time(longest);
        self
    }

    /// Who is not held out, in place of those on private networks: what looks for holes on behalf of the site, say.
    #[must_use]
    pub fn exempt<T: Into<String>>(mut self, networks: impl IntoIterator<Item = T>) -> Self {
        self.exempt = networks.into_iter().map(Into::into).collect();
        self
    }

    /// Only logs who would have been held out.
    #[must_use]
    pub const fn danger_dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// What makes this weaker than the defaults, as the key and the reason.
    pub fn weakenings(&self) -> Vec<(&'static str, String)> {
        let why = "who asks for what only scanners ask for is only logged";
        let tried_out = self.enabled && self.dry_run;
        tried_out
            .then(|| ("dry_run", why.to_owned()))
            .into_iter()
            .collect()
    }

    /// Checks the settings, as [`AnswerLayer::new`](crate::AnswerLayer::new) does.
    ///
    /// # Errors
    ///
    /// When a number or a time is nothing, the longest lock is shorter than the first, or a network is none.
    pub fn validate(&self) -> Result<(), Error> {
        self.clone().check().map(drop)
    }

    pub(super) fn check(self) -> Result<Option<Limit>, Error> {
        let exempt = networks("exempt", &self.exempt)?;
        let longest = Some(self.longest);
        let rule = rule("probes", self.points, self.window, self.lock, longest)?;
        Ok(self.enabled.then(|| Limit {
            what: What::Probes,
            name: Arc::from(rule.name()),
            answers: SmallVec::from_slice(&[StatusCode::NOT_FOUND, StatusCode::GONE]),
            each: false,
            sign: 0,
            rule: tried_out(rule, self.dry_run),
            exempt,
            dry_run: self.dry_run,
            tried: Tried::default(),
            why: "a client asked for what only scanners ask for, and this app has not got",
        }))
    }
}

impl fmt::Display for ProbesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.enabled {
            return f.write_str("paths that only scanners ask for: off");
        }
        write!(f, "{} paths that only scanners ask for", self.points)?;
        tell_of_lock(
            f,
            self.window,
            Some(self.lock),
            Some(self.longest),
            &self.exempt,
        )?;
        let names: Vec<String> = probes::told().collect();
        write!(f, "; those with {} in them", names.join(", "))
    }
}

fn tell_of_lock(
    f: &mut fmt::Formatter<'_>,
    window: Time,
    lock: Option<Time>,
    longest: Option<Time>,
    exempt: &[String],
) -> fmt::Result {
    let time = |Time(time)| TimeText(time);
    write!(f, " in {}", time(window))?;
    if let Some(lock) = lock {
        write!(f, ", then the client is held out for {}", time(lock))?;
        if let Some(longest) = longest.filter(|longest| *longest != lock) {
            write!(f, ", doubling to {}", time(longest))?;
        }
    }
    if !exempt.is_empty() {
        write!(f, ", but not {}", exempt.join(", "))?;
    }
    Ok(())
}

fn rule(
    name: &str,
    points: i64,
    Time(window): Time,
    Time(lock): Time,
    longest: Option<Time>,
) -> Result<Rule, Error> {
    let wrong = |problem: String, example| Error::Value {
        key: "points",
        problem,
        example,
    };
    let points = u32::try_from(points).ok().filter(|points| *points > 0);
    let Some(points) = points else {
        let problem = "is no number of answers".to_owned();
        return Err(wrong(problem, "`points = 50`"));
    };
    if window < Duration::from_millis(1) {
        return Err(Error::Value {
            key: "window",
            problem: "is no time at all".to_owned(),
            example: "`window = \"1m\"`",
        });
    }
    let mut counter = Counter::new(points, window).lock(lock);
    if let Some(Time(longest)) = longest {
        counter = counter.longest(longest);
    }
    counter.rule("lock", format!("{PREFIX}{name}"))
}

/// What is only tried out locks nobody, not even in the store.
fn tried_out(rule: Rule, dry_run: bool) -> Rule {
    match rule.window().filter(|_| dry_run) {
        Some(window) => Rule::new(rule.name().to_owned(), rule.points(), window),
        None => rule,
    }
}
