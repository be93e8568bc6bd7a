//! What tells that logins are limited.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use url::Url;

use super::super::client::Answer;
use super::form::sounds_like_login;
use super::is_refusal;

/// A sign of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// It says so by its status.
    Status(u16),
    /// It says when to come back.
    RetryAfter,
    /// It says how many are left.
    Remaining(u64),
    /// It says so in words, of which this is one.
    Words(&'static str),
    /// It takes longer than at first.
    Delay(Duration),
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::RetryAfter => f.write_str("Retry-After"),
            Self::Remaining(left) => write!(f, "{left} left"),
            Self::Words(words) => write!(f, "`{words}`"),
            Self::Delay(took) => write!(f, "{} ms", took.as_millis()),
        }
    }
}

/// What was answered to a wrong login.
#[derive(Debug, Clone)]
pub(super) struct Told {
    status: StatusCode,
    retry_after: bool,
    remaining: Option<u64>,
    words: Vec<&'static str>,
    refused_in_words: bool,
    asks_again: bool,
    led_to: Option<Url>,
    took: Duration,
}

/// What people are told when there were too many.
const LIMITED: [&str; 11] = [
    "captcha",
    "turnstile",
    "too many",
    "try again later",
    "try again in",
    "temporarily",
    "locked",
    "blocked",
    "rate limit",
    "please wait",
    "suspended",
];

/// What people are told when a login was wrong.
const REFUSED: [&str; 13] = [
    "invalid",
    "incorrect",
    "wrong",
    "fail",
    "error",
    "unknown",
    "denied",
    "no such",
    "not found",
    "unauthor",
    "mismatch",
    "does not",
    "doesn't",
];

/// Nobody who announces more than this many means to stop guesses.
const FEW: u64 = 100;

impl Told {
    pub(super) fn new(answer: &Answer, took: Duration) -> Self {
        let mut told = Self {
            status: answer.status,
            retry_after: answer.filled("retry-after").is_some(),
            remaining: remaining(answer),
            words: Vec::new(),
            refused_in_words: false,
            asks_again: false,
            led_to: None,
            took,
        };
        told.read(answer);
        told
    }

    /// Adds what stands on the page to which it led.
    pub(super) fn led_to(&mut self, url: &Url, page: &Answer) {
        self.led_to = Some(url.clone());
        self.retry_after |= page.filled("retry-after").is_some();
        if matches!(page.status.as_u16(), 423 | 429) {
            self.status = page.status;
        }
        self.read(page);
    }

    fn read(&mut self, answer: &Answer) {
        let text = answer.text().to_lowercase();
        let in_text = |word: &&&'static str| text.contains(**word);
        self.words.extend(LIMITED.iter().filter(in_text));
        self.refused_in_words |= REFUSED.iter().any(|word| text.contains(word));
        self.asks_again |= text.contains("type=\"password\"")
            || text.contains("type='password'")
            || text.contains("type=password");
    }

    /// A sign of a limit, as against the first answer.
    pub(super) fn sign(&self, first: Option<&Self>) -> Option<Sign> {
        let status = self.status.as_u16();
        if matches!(status, 423 | 429) {
            return Some(Sign::Status(status));
        }
        if self.retry_after {
            return Some(Sign::RetryAfter);
        }
        let first = first?;
        if matches!(status, 403 | 503) && first.status != self.status {
            return Some(Sign::Status(status));
        }
        let new = self.words.iter().find(|word| !first.words.contains(word));
        if let Some(word) = new {
            return Some(Sign::Words(word));
        }
        if let (Some(before), Some(left)) = (first.remaining, self.remaining)
            && left < before
            && before <= FEW
        {
            return Some(Sign::Remaining(left));
        }
        let slower = first.took.saturating_mul(3) + Duration::from_millis(700);
        (self.took > slower).then_some(Sign::Delay(self.took))
    }

    /// Why it cannot be told that this is how a wrong login is refused.
    pub(super) fn unclear(&self, page: &Url) -> Option<String> {
        let status = self.status;
        let back = self.led_to.as_ref().is_some_and(|url| {
            url.path() == page.path() || sounds_like_login(url.as_str()) || self.asks_again
        });
        let refused = status.is_success() && (self.refused_in_words || self.asks_again);
        if status == StatusCode::FORBIDDEN && !self.refused_in_words {
            return Some(
                "403 is answered at once; it may be to what sends it, not to the login".to_owned(),
            );
        }
        if is_refusal(status) || back || refused {
            return None;
        }
        let status = status.as_u16();
        Some(match status {
            404 | 405 => format!(
                "nothing takes logins there ({status}); say where it is (`--login-path /login`)"
            ),
            _ => format!(
                "{status} is answered, by which a wrong login cannot be told; name its fields (`--login-fields user,password`)"
            ),
        })
    }
}

/// How many attempts are left, as drafts and custom have it.
fn remaining(answer: &Answer) -> Option<u64> {
    let old = [
        "ratelimit-remaining",
        "x-ratelimit-remaining",
        "x-rate-limit-remaining",
    ];
    let plain = old
        .iter()
        .find_map(|name| answer.filled(name)?.trim().parse().ok());
    plain.or_else(|| {
        let value = answer.filled("ratelimit")?;
        value.split([';', ',']).find_map(|part| {
            let (key, value) = part.trim().split_once('=')?;
            matches!(key.trim(), "r" | "remaining").then(|| value.trim().parse().ok())?
        })
    })
}
