//! When to order, and when not to. Pure, so that ten years can be looked at in a test.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

use crate::config::ChallengeKind;
use crate::issuer::{Failure, Fault, Window};

/// What lasts of one certificate beside itself. Moments are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// Orders that failed one after another; one that is under way is counted as if it had.
    pub(crate) failed: u32,
    /// Nothing is ordered before.
    pub(crate) not_before: u64,
    /// When the order began that is under way; whoever finds it there and nobody at it goes on a
    /// quarter of the pause later.
    pub(crate) under_way: u64,
    /// When to renew what is held.
    pub(crate) renew_at: u64,
    /// What the directory said of that.
    pub(crate) window: Option<(u64, u64)>,
    /// When to ask the directory again.
    pub(crate) ask_at: u64,
    /// How it was shown last time that the names are ours.
    pub(crate) kind: Option<ChallengeKind>,
    /// Why the last order failed.
    pub(crate) trouble: Option<Trouble>,
    /// Whether what is held was revoked: it is as good as none.
    pub(crate) revoked: bool,
}

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) problem: String,
    pub(crate) advice: String,
}

/// The life of the certificate that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// To order.
    Order,
    /// To ask when to renew.
    Ask,
    /// Nothing before that moment.
    Wait(u64),
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long after the first, second, … failure. Let's Encrypt lets a name fail five times an hour:
/// the first order tries every kind of challenge, each later one a single one.
const PAUSES: [u64; 8] = [
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// How long after a directory was away, at most.
const AWAY: u64 = 20 * MINUTE;

/// How often a directory that does not say is asked, and the bounds of what it may say.
const ASK: (u64, u64) = (HOUR, DAY);

/// How long a directory may put an order off.
const LONGEST: u64 = 8 * DAY;

impl Life {
    const fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Two thirds of it, and up to a thirtieth earlier, so that a thousand servers that were started
    /// together do not come together.
    pub(crate) fn renewal(self, dice: f64) -> u64 {
        let earlier = share(self.length() / 30, dice);
        (self.start + self.length() * 2 / 3).saturating_sub(earlier)
    }

    /// The earliest moment to renew, whatever a directory says: one that is wrong about it would be
    /// asked for certificates without an end.
    fn earliest(self) -> u64 {
        self.start + (self.length() / 30).min(DAY)
    }

    /// The latest moment to renew, whatever a directory says.
    const fn latest(self) -> u64 {
        self.end.saturating_sub(self.length() / 8)
    }
}

impl Record {
    /// What to do at `now`, with a certificate of this `life` or none.
    pub(crate) fn due(&self, life: Option<Life>, now: u64) -> Due {
        let life = life.filter(|_| !self.revoked);
        let ready = match life {
            None => 0,
            Some(life) if self.renew_at == 0 => life.renewal(0.0),
            Some(life) => self.renew_at.min(life.latest()).max(life.earliest()),
        };
        // What lies further ahead was written by a clock that was wrong.
        let believed = |moment: u64, most| if moment > now + most { 0 } else { moment };
        let begun = believed(self.under_way, DAY);
        let not_before = match self.not_before.checked_sub(begun) {
            Some(pause) if begun > 0 => begun + pause / 4,
            _ => self.not_before,
        };
        let order = ready.max(believed(not_before, LONGEST + DAY));
        if now >= order {
            return Due::Order;
        }
        if life.is_none() || self.failed > 0 {
            return Due::Wait(order);
        }
        let ask = believed(self.ask_at, 2 * DAY);
        if now >= ask {
            return Due::Ask;
        }
        Due::Wait(order.min(ask))
    }

    /// Notes that an order begins: if this process dies in it, that has counted.
    pub(crate) fn begin(&mut self, life: Option<Life>, now: u64, dice: f64) {
        let life = life.filter(|_| !self.revoked);
        let pause = PAUSES.get(self.failed as usize).copied().unwrap_or(DAY);
        let pause = match life {
            // What is about to end is worth an attempt an hour.
            Some(life) => pause.min((life.end.saturating_sub(now) / 4).max(HOUR)),
            None => pause,
        };
        self.failed = self.failed.saturating_add(1);
        self.under_way = now;
        self.not_before = now + pause + share(pause / 4, dice);
    }

    /// Notes that it failed.
    pub(crate) fn fail(&mut self, failure: &Failure, now: u64) {
        match failure.not_before {
            Some(until) => {
                self.not_before = self.not_before.max(seconds(until).min(now + LONGEST));
            }
            // One that is away has no limits to respect, and comes back by itself.
            None if failure.fault == Fault::Directory => {
                self.not_before = self.not_before.min(now + AWAY);
            }
            None => {}
        }
        self.under_way = 0;
        self.trouble = Some(Trouble {
            problem: failure.problem.clone(),
            advice: failure.advice.clone(),
        });
    }

    /// A certificate that was just revoked: the next is ordered at once.
    pub(crate) fn revoked() -> Self {
        Self {
            revoked: true,
            ..Self::default()
        }
    }

    /// A certificate that was just issued.
    pub(crate) fn issued(life: Life, kind: ChallengeKind, now: u64, dice: f64) -> Self {
        Self {
            renew_at: life.renewal(dice),
            ask_at: now,
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// Takes over what the directory says of the renewal, if it says anything. A moment that was
    /// chosen stays, unless the window has moved (RFC 9773 §4.2).
    pub(crate) fn told(&mut self, window: Option<Window>, now: u64, dice: f64) {
        let (least, most) = ASK;
        let Some(window) = window else {
            self.ask_at = now + most;
            return;
        };
        self.ask_at = now + window.again.as_secs().clamp(least, most);
        let told = (seconds(window.start), seconds(window.end));
        if self.window != Some(told) && told.0 < told.1 {
            self.window = Some(told);
            self.renew_at = told.0 + share(told.1 - told.0, dice);
        }
    }

    /// The kinds of challenges to try now, of those that are possible.
    pub(crate) fn kinds(&self, possible: &[ChallengeKind]) -> Vec<ChallengeKind> {
        let mut kinds = possible.to_vec();
        kinds.sort_by_key(|kind| Some(*kind) != self.kind);
        if self.failed > 0 && !kinds.is_empty() {
            let turn = self.failed as usize % kinds.len();
            kinds.rotate_left(turn);
            kinds.truncate(1);
        }
        kinds
    }
}

/// `dice`, from 0 to 1, of a span.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a part of a span of at most some years"
)]
fn share(span: u64, dice: f64) -> u64 {
    (span as f64 * dice.clamp(0.0, 1.0)) as u64
}

/// From 0 to 1, by chance.
#[expect(clippy::cast_precision_loss, reason = "chance needs no last bit")]
pub(crate) fn dice() -> f64 {
    let mut bytes = [0; 8];
    match rand::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes) as f64 / u64::MAX as f64,
        Err(_) => 0.5,
    }
}

/// A moment as it is kept.
pub(crate) fn seconds(moment: SystemTime) -> u64 {
    moment
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A moment that was kept.
pub(crate) fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests;
