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
    /// The directory that has issued what is held, by its URL; of old records the first one.
    pub(crate) directory: Option<String>,
    /// When that was.
    pub(crate) issued_at: u64,
    /// The directories that were asked last, and when.
    pub(crate) asked: String,
    pub(crate) asked_at: u64,
    /// How often there were other directories to ask than the time before, within a day.
    pub(crate) switched: u32,
    /// Orders that this process has broken off itself, one after another.
    pub(crate) broken_off: u32,
    /// Grows with every change, so that nodes know which is the newer one.
    pub(crate) version: u64,
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

/// How long nothing is ordered after an order was broken off; twice as long each further time.
const BROKEN_OFF: u64 = 30;

/// How often a day other directories may be asked at once.
const SWITCHES: u32 = 4;

/// The last moment of the calendar.
const CALENDAR: u64 = 253_402_300_799;

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
        let third = self.length() / 3;
        self.start
            .saturating_add(self.length() - third)
            .saturating_sub(earlier)
    }

    /// Whether one that was issued just now lasts until its renewal: another is ordered else in
    /// which that is no better.
    pub(crate) fn lasts(self, now: u64) -> bool {
        now < self.renewal(1.0).min(self.latest())
    }

    /// The earliest moment to renew, whatever a directory says: one that is wrong about it would be
    /// asked for certificates without an end.
    fn earliest(self, issued_at: u64) -> u64 {
        let least = (self.length() / 30).min(DAY);
        self.start.max(issued_at).saturating_add(least)
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
            Some(life) => {
                let earliest = life.earliest(believed(self.issued_at, 0, now));
                self.renewal(life).min(life.latest()).max(earliest)
            }
        };
        let begun = believed(self.under_way, DAY, now);
        let not_before = match self.not_before.checked_sub(begun) {
            Some(pause) if begun > 0 => begun.saturating_add(pause / 4),
            _ => self.not_before,
        };
        let order = ready.max(believed(not_before, LONGEST + DAY, now));
        if now >= order {
            return Due::Order;
        }
        if life.is_none() || self.failed > 0 {
            return Due::Wait(order);
        }
        let ask = believed(self.ask_at, 2 * DAY, now);
        if now >= ask {
            return Due::Ask;
        }
        Due::Wait(order.min(ask))
    }

    /// When what is held, of this `life`, is to be renewed.
    pub(crate) fn renewal(&self, life: Life) -> u64 {
        match self.renew_at {
            0 => life.renewal(0.0),
            chosen => chosen,
        }
    }

    /// With other directories than those `asked` last, what those have said does not count; but two
    /// that take turns on one certificate, each with its own, do not order without an end.
    pub(crate) fn adapt(&mut self, asked: &str, now: u64) {
        if self.asked.is_empty() || self.asked == asked {
            return;
        }
        let pause = if self.switched < SWITCHES || self.asked_at > now {
            0
        } else {
            DAY / 4
        };
        (self.failed, self.under_way, self.broken_off) = (0, 0, 0);
        self.not_before = match pause {
            0 => 0,
            pause => self.not_before.max(self.asked_at.saturating_add(pause)),
        };
        self.trouble = None;
    }

    /// Notes which directories are asked.
    pub(crate) fn asks(&mut self, asked: &str, now: u64) {
        if !self.asked.is_empty() && self.asked != asked {
            let is_long_ago = now.saturating_sub(self.asked_at) > DAY;
            let before = if is_long_ago { 0 } else { self.switched };
            self.switched = before.saturating_add(1);
        }
        asked.clone_into(&mut self.asked);
        self.asked_at = now;
    }

    /// This record again when an order that had begun with it was broken off: that is no failure.
    pub(crate) fn broken_off(&self, begun: &Self, now: u64) -> Self {
        let doubled = BROKEN_OFF << self.broken_off.min(7);
        Self {
            broken_off: self.broken_off.saturating_add(1),
            not_before: self.not_before.max(now.saturating_add(doubled)),
            asked: begun.asked.clone(),
            asked_at: begun.asked_at,
            switched: begun.switched,
            ..self.clone()
        }
    }

    /// What is kept of one; a damaged one is as good as none: it only says when.
    pub(crate) fn read(kept: Option<&[u8]>) -> Self {
        let record = kept.and_then(|kept| serde_json::from_slice(kept).ok());
        record.unwrap_or_default()
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
        self.broken_off = 0;
        self.trouble = Some(Trouble {
            problem: failure.problem.clone(),
            advice: failure.advice.clone(),
        });
    }

    /// A certificate that was just revoked: the next is ordered at once.
    pub(crate) fn revoked(&self) -> Self {
        Self {
            revoked: true,
            directory: self.directory.clone(),
            ..self.fresh()
        }
    }

    /// A certificate that a directory has just issued, which lasts.
    pub(crate) fn issued(
        &self,
        life: Life,
        (directory, kind): (&str, ChallengeKind),
        now: u64,
        dice: f64,
    ) -> Self {
        Self {
            renew_at: life.renewal(dice),
            ask_at: now,
            kind: Some(kind),
            directory: Some(directory.to_owned()),
            issued_at: now,
            ..self.fresh()
        }
    }

    /// As at first, but for what outlasts a certificate.
    fn fresh(&self) -> Self {
        Self {
            asked: self.asked.clone(),
            asked_at: self.asked_at,
            switched: self.switched,
            version: self.version,
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

/// What lies further ahead was written by a clock that was wrong.
const fn believed(moment: u64, most: u64, now: u64) -> u64 {
    if moment > now.saturating_add(most) {
        0
    } else {
        moment
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
    UNIX_EPOCH + Duration::from_secs(seconds.min(CALENDAR))
}

#[cfg(test)]
mod tests;
