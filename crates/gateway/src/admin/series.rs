//! The last hour, minute by minute.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::desk::Desk;
use super::numbers::Numbers;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);

/// Looks a minute.
const A_MINUTE: usize = 12;

/// Minutes that are shown.
pub(super) const MINUTES: usize = 60;

/// What was counted at each look, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Series(VecDeque<Sample>);

/// Requests answered by whom they please: up to 3xx, 4xx, 5xx.
pub(super) type Sample = [u64; 3];

/// Looks for as long as the gateway runs.
pub(super) async fn keep(desk: Rc<Desk>) {
    let mut again = tokio::time::interval(EVERY);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        again.tick().await;
        let numbers = desk.numbers();
        desk.series.borrow_mut().note(&numbers);
    }
}

impl Series {
    pub(super) fn note(&mut self, numbers: &Numbers) {
        let [one, two, three, four, five] = numbers.answers;
        while self.0.len() > MINUTES * A_MINUTE {
            self.0.pop_front();
        }
        self.0.push_back([one + two + three, four, five]);
    }

    /// Requests a second at the last look.
    pub(super) fn a_second(&self) -> f64 {
        let mut last = self.0.iter().rev().map(|sample| sample.iter().sum::<u64>());
        match (last.next(), last.next()) {
            (Some(now), Some(before)) => {
                let more = u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX);
                f64::from(more) / EVERY.as_secs_f64()
            }
            _ => 0.0,
        }
    }

    /// What was answered in each minute, the oldest first; minutes before the start are empty.
    pub(super) fn minutes(&self) -> Vec<Sample> {
        let at = |minutes: usize| {
            let back = minutes * A_MINUTE;
            let newest = self.0.len().checked_sub(1)?;
            // The part of a minute since the start counts as one.
            self.0.get(newest.saturating_sub(back)).copied()
        };
        let between = |minutes| match (at(minutes), at(minutes + 1)) {
            (Some(end), Some(start)) => [0, 1, 2].map(|kind: usize| {
                let of = |sample: Sample| sample.get(kind).copied().unwrap_or(0);
                of(end).saturating_sub(of(start))
            }),
            _ => [0; 3],
        };
        (0..MINUTES).rev().map(between).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_told_apart_and_bounded() {
        let mut series = Series::default();
        assert_eq!(series.minutes(), vec![[0; 3]; MINUTES]);
        for look in 0..2000_u64 {
            series.note(&Numbers {
                answers: [0, 10 * look, 0, look, 0],
                ..Numbers::default()
            });
        }
        assert_eq!(series.0.len(), MINUTES * A_MINUTE + 1);
        assert_eq!(series.minutes(), vec![[120, 12, 0]; MINUTES]);
        assert!((series.a_second() - 2.2).abs() < 1e-9);

        let mut young = Series::default();
        for answers in [0, 3] {
            young.note(&Numbers {
                answers: [0, answers, 0, 0, 0],
                ..Numbers::default()
            });
        }
        let minutes = young.minutes();
        assert_eq!(minutes.last(), Some(&[3, 0, 0]));
        assert_eq!(minutes.iter().map(|minute| minute[0]).sum::<u64>(), 3);
    }
}
