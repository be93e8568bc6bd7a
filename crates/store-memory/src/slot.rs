//! One counter, packed into 40 bytes.

use panoply_core::{Action, Moment, Op, Record, Rule};

use crate::sketch::Span;

/// One counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    key: [u64; 2],
    window_end: u64,
    lock_end: u64,
    count: i32,
    traits: u32,
}

/// What kind of counter a slot holds, as far as it matters when it has to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) points: u32,
    pub(crate) span: Span,
    /// A member counts again when it is forgotten, so that it can be.
    pub(crate) member: bool,
}

const STRIKES: u32 = 0x1f;
const NOTED: u32 = 1 << 5;
const MEMBER: u32 = 1 << 6;
const SPAN_AT: u32 = 7;
const POINTS_AT: u32 = 9;
const MOST_POINTS: u32 = u32::MAX >> POINTS_AT;

impl Kind {
    pub(crate) fn of(rule: &Rule) -> Self {
        let points = u32::try_from(rule.points().max(0)).unwrap_or(u32::MAX);
        Self {
            points: points.min(MOST_POINTS),
            span: Span::of(rule.window()),
            member: false,
        }
    }

    pub(crate) fn member_of(op: &Op<'_>) -> Self {
        Self {
            member: true,
            ..Self::of(op.rule)
        }
    }

    /// As in a slot's traits; written down by other stores, so never to be changed.
    pub(crate) const fn to_bits(self) -> u32 {
        let member = if self.member { MEMBER } else { 0 };
        self.points << POINTS_AT | (self.span as u32) << SPAN_AT | member
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self {
            points: bits >> POINTS_AT,
            span: Span::from_bits(bits >> SPAN_AT),
            member: bits & MEMBER != 0,
        }
    }
}

impl Slot {
    pub(crate) fn new(key: u128, record: &Record, kind: Kind) -> Self {
        let mut slot = Self {
            key: split(key),
            window_end: 0,
            lock_end: 0,
            count: 0,
            traits: kind.to_bits(),
        };
        slot.set(record);
        slot
    }

    pub(crate) fn set(&mut self, record: &Record) {
        self.window_end = record.window_end.as_micros();
        self.lock_end = record.lock_end.as_micros();
        self.count = clamp(record.count);
        self.traits = self.traits & !STRIKES | u32::from(record.strikes) & STRIKES;
    }

    pub(crate) fn record(&self) -> Record {
        Record::new(
            self.count.into(),
            Moment::from_micros(self.window_end),
            Moment::from_micros(self.lock_end),
            (self.traits & STRIKES) as u8,
        )
    }

    pub(crate) const fn kind(&self) -> Kind {
        Kind::from_bits(self.traits)
    }

    pub(crate) fn is(&self, key: u128) -> bool {
        self.key == split(key)
    }

    pub(crate) fn key(&self) -> u128 {
        let [high, low] = self.key;
        u128::from(high) << 64 | u128::from(low)
    }

    /// Whether the lock of this key is in the list of blocks.
    pub(crate) fn is_noted(&self) -> bool {
        self.traits & NOTED != 0
    }

    pub(crate) fn note(&mut self, noted: bool) {
        self.traits = self.traits & !NOTED | if noted { NOTED } else { 0 };
    }

    /// What is lost least when it goes: how far it is on its way to a limit.
    pub(crate) fn heat(&self) -> u64 {
        let kind = self.kind();
        let count = u64::try_from(self.count).unwrap_or(0);
        if kind.member {
            return 0;
        }
        count * 1024 / u64::from(kind.points.max(1))
    }
}

/// The key as two words, since a word of 128 bits would be aligned to sixteen bytes.
fn split(key: u128) -> [u64; 2] {
    [high(key), low(key)]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper half is cut off on purpose"
)]
pub(crate) fn low(key: u128) -> u64 {
    key as u64
}

pub(crate) fn high(key: u128) -> u64 {
    low(key >> 64)
}

fn clamp(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}

/// What a counter that was folded into a sketch comes back as.
pub(crate) fn revived(count: u32, locked: bool, op: &Op<'_>, now: Moment) -> Record {
    let window = op.rule.window();
    let count = i64::from(count);
    if let Action::Gcra { .. } = op.action {
        let ahead = window.unwrap_or_default().as_micros() * u128::try_from(count).unwrap_or(0);
        let ahead = ahead / u128::try_from(op.rule.points().max(1)).unwrap_or(1);
        let end = now
            .as_micros()
            .saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX));
        return Record::new(count, Moment::from_micros(end), Moment::ZERO, 0);
    }
    let mut record = Record::new(count, now.after(window), Moment::ZERO, 0);
    let over = count - op.rule.points();
    if let (Some(lock), true) = (op.rule.locks(), over >= 0) {
        record.strikes = u8::try_from(over + 1).unwrap_or(u8::MAX).min(31);
        if locked {
            record.lock_end = now.after(lock.first());
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_slot_gives_back_what_was_put_in() {
        assert_eq!(size_of::<Slot>(), 40);
        let rule = Rule::new("a", 1_000, Duration::from_hours(2000));
        let kind = Kind::of(&rule);
        let record = Record::new(-3, Moment::from_micros(5), Moment::NEVER, 17);
        let mut slot = Slot::new(u128::MAX - 5, &record, kind);
        slot.note(true);
        assert_eq!(slot.record(), record);
        assert_eq!(slot.kind(), kind);
        assert_eq!(slot.key(), u128::MAX - 5);
        assert!(slot.is_noted() && slot.is(u128::MAX - 5));
        let huge = Rule::new("b", i64::MAX, Duration::ZERO);
        assert_eq!(
            Slot::new(1, &record, Kind::of(&huge)).kind(),
            Kind::of(&huge)
        );
    }
}
