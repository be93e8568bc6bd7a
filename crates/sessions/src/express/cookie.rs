//! The `cookie` of a session as express-session keeps it.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{CookieConfig, Priority, SameSite};

/// What express-session writes beside the values: how the browser's cookie looks, and when it ends.
///
/// Fields that it does not know are dropped, as Express drops them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExpressCookie {
    /// In milliseconds.
    #[serde(deserialize_with = "milliseconds")]
    pub(crate) original_max_age: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitioned: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<String>,
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secure: Option<Flag>,
    http_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_site: Option<Flag>,
}

/// What Express takes: a word or a truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Flag {
    Is(bool),
    Word(String),
}

impl Default for ExpressCookie {
    fn default() -> Self {
        Self {
            original_max_age: None,
            partitioned: None,
            priority: None,
            expires: None,
            secure: None,
            http_only: true,
            domain: None,
            path: Some("/".to_owned()),
            same_site: None,
        }
    }
}

/// JavaScript writes whole numbers as such; what is none counts as the next one below.
fn milliseconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(from)?;
    Ok(number.and_then(|number| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it saturates, which is meant"
        )]
        let cut = || number.as_f64().map(|number| number as i64);
        number.as_i64().or_else(cut)
    }))
}

impl ExpressCookie {
    /// As the settings have it, for a client that came by `https` or not.
    pub(crate) fn new(config: &CookieConfig, https: bool) -> Self {
        let max_age = config.longest();
        let priority = config.the_priority().map(|priority| match priority {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
        });
        let same_site = match config.the_same_site() {
            SameSite::DangerAbsent => None,
            SameSite::Lax => Some("lax"),
            SameSite::Strict => Some("strict"),
            SameSite::None => Some("none"),
        };
        Self {
            original_max_age: max_age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
            partitioned: config.is_partitioned().then_some(true),
            priority: priority.map(str::to_owned),
            expires: None,
            secure: config.secure_over(https).map(Flag::Is),
            http_only: config.is_http_only(),
            domain: config.the_domain().map(str::to_owned),
            path: Some(config.the_path().to_owned()),
            same_site: same_site.map(|word| Flag::Word(word.to_owned())),
        }
    }

    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    pub(crate) fn json(&self) -> Vec<u8> {
        // Texts, numbers and truths can all be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// How long the browser keeps it from now on, if not until it is closed.
    pub(crate) fn max_age(&self) -> Option<Duration> {
        let millis = u64::try_from(self.original_max_age?).ok()?;
        Some(Duration::from_millis(millis))
    }

    /// Starts its time over, as Express does with each save.
    pub(crate) fn start_over(&mut self, now: Timestamp) {
        if let Some(end) = self.end_from(now) {
            self.expires = Some(end.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        }
    }

    fn end_from(&self, now: Timestamp) -> Option<Timestamp> {
        let millis = now.as_millisecond().saturating_add(self.original_max_age?);
        Timestamp::from_millisecond(millis).ok()
    }

    /// How long a store keeps the session: up to the cookie's end, in whole seconds rounded up, as
    /// connect-redis does; `otherwise` where it has none.
    pub(crate) fn lasts(&self, now: Timestamp, otherwise: Duration) -> Duration {
        let fixed = || self.expires.as_deref()?.parse::<Timestamp>().ok();
        let Some(end) = self.end_from(now).or_else(fixed) else {
            return otherwise;
        };
        let left = end.as_millisecond().saturating_sub(now.as_millisecond());
        let left = u64::try_from(left).unwrap_or(0);
        Duration::from_secs(left.div_ceil(1000))
    }

    /// The `Set-Cookie` line, in the order of express-session's attributes.
    pub(crate) fn line(&self, name: &str, value: &str, now: Timestamp) -> String {
        let mut line = format!("{name}={value}");
        // Writing to a string does not fail.
        let mut add = |text: std::fmt::Arguments<'_>| {
            let _ = line.write_fmt(text);
        };
        if let Some(domain) = plain(self.domain.as_ref()) {
            add(format_args!("; Domain={domain}"));
        }
        if let Some(path) = plain(self.path.as_ref()) {
            add(format_args!("; Path={path}"));
        }
        let fixed = || self.expires.as_deref()?.parse::<Timestamp>().ok();
        if let Some(end) = self.end_from(now).or_else(fixed) {
            add(format_args!(
                "; Expires={}",
                end.strftime("%a, %d %b %Y %H:%M:%S GMT")
            ));
        }
        if self.http_only {
            add(format_args!("; HttpOnly"));
        }
        if self.secure == Some(Flag::Is(true)) {
            add(format_args!("; Secure"));
        }
        if self.partitioned == Some(true) {
            add(format_args!("; Partitioned"));
        }
        let word = |word: &str| {
            ["Low", "Medium", "High", "Lax", "Strict", "None"]
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(word))
        };
        if let Some(priority) = self.priority.as_deref().and_then(word) {
            add(format_args!("; Priority={priority}"));
        }
        let same_site = match &self.same_site {
            Some(Flag::Is(true)) => Some("Strict"),
            Some(Flag::Word(text)) => word(text),
            _ => None,
        };
        if let Some(mode) = same_site {
            add(format_args!("; SameSite={mode}"));
        }
        line
    }
}

/// An attribute that can stand in a header: what is in a store may have been put there by anybody.
fn plain(text: Option<&String>) -> Option<&str> {
    let plain = |text: &&str| {
        text.bytes()
            .all(|byte| matches!(byte, 0x20..=0x7e) && byte != b';')
    };
    text.map(String::as_str).filter(plain)
}
