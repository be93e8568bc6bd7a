//! Where counters go that had to make room: a count-min sketch that keeps the greatest, not the
//! sum.
//!
//! A counter is written with its whole count into one cell of each row, where it raises what is
//! lower. It is read as the lowest of its cells, so never lower than it was written; higher only
//! if strangers share all of its cells.

use std::time::Duration;

use panoply_core::Moment;

use crate::slot::{high, low};
use crate::store::SketchImage;

const ROWS: usize = 4;

/// A cell that says so stands for a key that is locked.
const LOCKED: u8 = u8::MAX;

/// A cell that says so stands for a count at the limit; above it each step is one point.
const FULL: u8 = 240;

/// Counters of like windows share a sketch, which forgets them once the longest is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Span {
    Hour = 0,
    Day = 1,
    Long = 2,
    Forever = 3,
}

impl Span {
    pub(crate) fn of(window: Option<Duration>) -> Self {
        match window {
            None => Self::Forever,
            Some(window) if window <= Duration::from_hours(1) => Self::Hour,
            Some(window) if window <= Duration::from_hours(24) => Self::Day,
            Some(_) => Self::Long,
        }
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::Hour,
            1 => Self::Day,
            2 => Self::Long,
            _ => Self::Forever,
        }
    }
}

/// The sketch of one span, in two generations: a counter that is written lives for at least one
/// whole period and at most two.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    young: Vec<u8>,
    old: Vec<u8>,
    turned: Moment,
    period: Duration,
}

/// What a sketch says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) count: u32,
    pub(crate) locked: bool,
}

impl Sketch {
    /// Writes a counter that stands at `count` of `points`.
    pub(crate) fn write(
        &mut self,
        key: u128,
        (count, locked): (i64, bool),
        points: u32,
        window: Option<Duration>,
        (width, now): (usize, Moment),
    ) {
        if let Some(window) = window {
            self.period = self.period.max(window);
        }
        if self.young.is_empty() {
            self.young = vec![0; width.saturating_mul(ROWS)];
            self.turned = now;
        }
        let value = if locked {
            LOCKED
        } else {
            encode(count, points)
        };
        for index in indices(key, self.young.len() / ROWS) {
            if let Some(cell) = self.young.get_mut(index) {
                *cell = value.max(*cell);
            }
        }
    }

    /// The least that the counter of `key` may have stood at; none if it was never written.
    pub(crate) fn read(&self, key: u128, points: u32) -> Option<Estimate> {
        if self.young.is_empty() && self.old.is_empty() {
            return None;
        }
        let value = lowest(&self.young, key).max(lowest(&self.old, key));
        (value > 0).then(|| Estimate {
            count: decode(value, points),
            locked: value == LOCKED,
        })
    }

    /// Forgets what is older than a period, where there is one.
    pub(crate) fn age(&mut self, now: Moment) {
        if self.young.is_empty() && self.old.is_empty() {
            return;
        }
        let since = now.since(self.turned).unwrap_or_default();
        if self.period == Duration::ZERO || since < self.period {
            return;
        }
        self.old = if since < self.period * 2 {
            std::mem::take(&mut self.young)
        } else {
            Vec::new()
        };
        self.young = Vec::new();
        self.turned = now;
    }

    /// Until when `key` may still be found, if it is.
    pub(crate) fn stays(&self, key: u128, points: u32, now: Moment) -> Option<Moment> {
        self.read(key, points)?;
        let for_ever = self.period == Duration::ZERO;
        Some(now.after((!for_ever).then(|| self.period.saturating_mul(2))))
    }

    /// The halves, as far as there is something in them.
    pub(crate) fn images(&self, span: u8) -> impl Iterator<Item = SketchImage> + '_ {
        let halves = [(false, &self.young), (true, &self.old)];
        let full = halves.into_iter().filter(|(_, cells)| !cells.is_empty());
        full.map(move |(old, cells)| {
            SketchImage::new(span, old, self.turned, self.period, cells.clone())
        })
    }

    /// Puts a half back; `false` if it cannot be one.
    pub(crate) fn restore(&mut self, image: SketchImage) -> bool {
        if image.cells.is_empty() || !image.cells.len().is_multiple_of(ROWS) {
            return false;
        }
        self.turned = image.turned;
        self.period = image.period;
        *if image.old {
            &mut self.old
        } else {
            &mut self.young
        } = image.cells;
        true
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

fn lowest(cells: &[u8], key: u128) -> u8 {
    let cell = |index: usize| cells.get(index).copied().unwrap_or(0);
    indices(key, cells.len() / ROWS)
        .map(cell)
        .min()
        .unwrap_or(0)
}

/// One cell in each row.
fn indices(key: u128, width: usize) -> impl Iterator<Item = usize> {
    const ODD: [u64; ROWS] = [
        0x9e37_79b9_7f4a_7c15,
        0xc2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9,
        0xd6e8_feb8_6659_fd93,
    ];
    (0..ROWS).zip(ODD).map(move |(row, odd)| {
        let turn = u32::try_from(row * 16).unwrap_or(0);
        let mixed = (high(key) ^ low(key).rotate_left(turn)).wrapping_mul(odd);
        let place = u128::from(mixed) * (width as u128);
        row * width + usize::try_from(place >> 64).unwrap_or(0)
    })
}

/// The count as a share of the points, rounded up.
fn encode(count: i64, points: u32) -> u8 {
    let count = u64::try_from(count).unwrap_or(0);
    let points = u64::from(points.max(1));
    let full = u64::from(FULL);
    let value = if count <= points {
        (count * full).div_ceil(points)
    } else {
        full + (count - points)
    };
    u8::try_from(value).unwrap_or(LOCKED).min(LOCKED - 1)
}

/// The count again: no lower than it was, and the same for up to 240 points.
fn decode(value: u8, points: u32) -> u32 {
    match value.checked_sub(FULL) {
        Some(over) => points.saturating_add(over.into()),
        None => u32::try_from(u64::from(value) * u64::from(points) / u64::from(FULL))
            .unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_comes_back_no_lower() {
        for points in [1, 2, 3, 10, 100, 240, 241, 1000, 8_000_000] {
            for count in 0..=i64::from(points.min(2000)) + 14 {
                let back = i64::from(decode(encode(count, points), points));
                assert!(back >= count, "{count} of {points} came back as {back}");
                if points <= 240 {
                    assert_eq!(back, count, "of {points}");
                }
            }
        }
        assert!(decode(encode(i64::MAX, 10), 10) > 20);
    }

    #[test]
    fn it_forgets_after_a_period_and_not_before() {
        let hour = Duration::from_hours(1);
        let start = Moment::from_micros(1);
        let mut sketch = Sketch::default();
        sketch.write(9, (7, false), 10, Some(hour), (1024, start));
        let at = |time: Duration| start.after(Some(time));
        sketch.age(at(hour * 3 / 2));
        assert_eq!(sketch.read(9, 10).unwrap().count, 7);
        sketch.write(8, (3, true), 10, Some(hour), (1024, at(hour * 3 / 2)));
        sketch.age(at(hour * 5 / 2));
        assert_eq!(sketch.read(9, 10), None);
        assert!(sketch.read(8, 10).unwrap().locked);
        sketch.age(at(hour * 10));
        assert_eq!(sketch.read(8, 10), None);
        assert_eq!(sketch.bytes(), 0);
    }
}
