//! Times as they are written, and counters made of them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use panoply_core::{Lock, Rule};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::Error;

/// A time as text: `90s`, `15m`, `1h 30m`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time with its unit, such as \"90s\", \"15m\", \"1h\" or \"90d\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let time = humantime::parse_duration(text);
                time.map(Time)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A counter as it is written: points, a window, and the lock that follows.
///
/// ```
/// use std::time::Duration;
/// use panoply_limits::Counter;
///
/// let counter = Counter::new(5, Duration::from_secs(900)).lock(Duration::from_secs(900));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    points: i64,
    #[serde(default)]
    window: Option<Time>,
    #[serde(default)]
    lock: Option<Time>,
    #[serde(default)]
    longest: Option<Time>,
}

impl Counter {
    /// `points` in a `window`, and no lock.
    pub const fn new(points: u32, window: Duration) -> Self {
        Self {
            points: points as i64,
            window: Some(Time(window)),
            lock: None,
            longest: None,
        }
    }

    /// `points` without a window: they are counted until somebody releases them.
    pub const fn without_window(points: u32) -> Self {
        Self {
            points: points as i64,
            window: None,
            lock: None,
            longest: None,
        }
    }

    /// How long the lock is, the first time.
    #[must_use]
    pub const fn lock(mut self, lock: Duration) -> Self {
        self.lock = Some(Time(lock));
        self
    }

    /// How long it may become by doubling; as long as the first by default.
    #[must_use]
    pub const fn longest(mut self, longest: Duration) -> Self {
        self.longest = Some(Time(longest));
        self
    }

    /// The rule of that name; `key` is the setting that a mistake is told by.
    pub(crate) fn rule(
        &self,
        key: &'static str,
        name: impl Into<Cow<'static, str>>,
    ) -> Result<Rule, Error> {
        let wrong = |problem: String, example| Error::Value {
            key,
            problem,
            example,
        };
        if self.points < 1 {
            return Err(wrong(
                format!("has {} points, which lets nobody through", self.points),
                "`points = 10`, or leave the rule out with `false`",
            ));
        }
        let times = [
            ("window", self.window),
            ("lock", self.lock),
            ("longest", self.longest),
        ];
        for (name, time) in times {
            if time.is_some_and(|Time(time)| time < Duration::from_millis(1)) {
                return Err(wrong(
                    format!("has a `{name}` of no time at all"),
                    "a time such as \"15m\", or leave it out",
                ));
            }
        }
        let first = self.lock.map(|Time(time)| time);
        let most = self.longest.map(|Time(time)| time);
        let mut rule = Rule::new(
            name,
            self.points,
            self.window.map_or(Duration::ZERO, |t| t.0),
        );
        if self.window.is_none() {
            rule = rule.without_window();
        }
        Ok(match (first, most) {
            (None, Some(_)) => {
                return Err(Error::Alone {
                    key: "longest",
                    other: "lock",
                });
            }
            (Some(first), Some(most)) if most < first => {
                return Err(wrong(
                    "has a `longest` lock that is shorter than the first".to_owned(),
                    "`lock = \"1h\", longest = \"24h\"`",
                ));
            }
            (Some(first), most) => rule.lock(Lock::doubling(first, most.unwrap_or(first))),
            // What has no window ends by nothing but a release.
            (None, None) if self.window.is_none() => rule.lock(Lock::forever()),
            (None, None) => rule,
        })
    }
}

/// A counter, or `false` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) Option<Counter>);

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Switch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a counter such as { points = 10, window = \"1h\", lock = \"15m\" }, or false \
                     for none",
                )
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Switch, E> {
                if on {
                    Err(E::invalid_value(de::Unexpected::Bool(true), &self))
                } else {
                    Ok(Switch(None))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Switch, A::Error> {
                let map = de::value::MapAccessDeserializer::new(map);
                Counter::deserialize(map).map(|counter| Switch(Some(counter)))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
