//! What the operations mean, for one counter: the arithmetic that every store follows.

use std::time::Duration;

use super::{Action, Lock, Receipt, Rule, State};

/// A point in time by a store's clock, in microseconds since whatever it counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// Where the clock counts from; also what has always been over.
    pub const ZERO: Self = Self(0);
    /// What never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// So many microseconds from where the clock counts.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// So much later; never, if there is no time.
    #[must_use]
    pub fn after(self, time: Option<Duration>) -> Self {
        let micros = time.map_or(u64::MAX, micros);
        Self(self.0.saturating_add(micros))
    }

    /// How long it is from `earlier`, zero if it is over; none for what never comes.
    pub const fn since(self, earlier: Self) -> Option<Duration> {
        if self.0 == u64::MAX {
            return None;
        }
        Some(Duration::from_micros(self.0.saturating_sub(earlier.0)))
    }
}

/// What a store keeps for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Record {
    /// The points, which a reward may take below zero.
    pub count: i64,
    /// When the count is forgotten. Under [`Action::Gcra`] the theoretical arrival time.
    pub window_end: Moment,
    /// Until when the key is refused.
    pub lock_end: Moment,
    /// How many locks reservations have made, by which the next is longer.
    pub strikes: u8,
}

impl Record {
    /// For how long after a lock it is remembered that there was one.
    pub const STRIKES_KEPT: Duration = Duration::from_hours(24);

    /// A record that was kept.
    pub const fn new(count: i64, window_end: Moment, lock_end: Moment, strikes: u8) -> Self {
        Self {
            count,
            window_end,
            lock_end,
            strikes,
        }
    }

    /// When nothing of it matters any more.
    pub fn end(&self) -> Moment {
        let lock_end = if self.strikes > 0 {
            self.lock_end.after(Some(Self::STRIKES_KEPT))
        } else {
            self.lock_end
        };
        self.window_end.max(lock_end)
    }

    /// Whether it is locked at `now`.
    pub fn is_locked(&self, now: Moment) -> bool {
        self.lock_end > now
    }

    /// What `action` makes of this record at `now`: the record afterwards, none if there is none,
    /// and how it then stands. Under a condition that refuses, the record stays.
    ///
    /// `counted` says whether the action's member was counted in this window before; see
    /// [`counted`](Self::counted).
    pub fn apply(
        before: Option<Self>,
        rule: &Rule,
        action: &Action,
        counted: bool,
        now: Moment,
    ) -> (Option<Self>, State) {
        let before = before.filter(|record| record.end() > now);
        match *action {
            Action::Reserve { cost, .. } => {
                let cost = if counted { 0 } else { cost };
                reserve(before, rule, i64::from(cost), action, now)
            }
            Action::Refund { cost, receipt, .. } => {
                let cost = if counted { 0 } else { cost };
                refund(before, rule, i64::from(cost), receipt, now)
            }
            Action::Gcra { cost } => gcra(before, rule, cost, now),
            Action::Consume { points, window } => consume(before, rule, points, window, now),
            Action::Add { points } => {
                let (after, mut state) = consume(before, rule, points, None, now);
                state.allowed = true;
                (after, state)
            }
            Action::Block { time } => {
                let end = now.after(time);
                let after = Self::new(rule.threshold(), end, end, 0);
                let mut state = after.state(now, before.is_some());
                state.just_locked = true;
                (Some(after), state)
            }
            Action::Set { count, window } => {
                let lock_end = before.map_or(Moment::ZERO, |record| record.lock_end);
                let strikes = before.map_or(0, |record| record.strikes);
                let after = Self::new(count, now.after(window), lock_end, strikes);
                (Some(after), after.state(now, before.is_some()))
            }
            Action::Get => match before {
                Some(record) => (before, record.state(now, true)),
                None => (None, State::absent()),
            },
            Action::Forget => {
                let state = State {
                    existed: before.is_some(),
                    ..State::absent()
                };
                (None, state)
            }
        }
    }

    /// Whether `action` leaves the count of `set` alone because of its member: taken, the member
    /// was counted in this window before; given back, others still count it.
    pub fn counted(
        member: Option<&Self>,
        set: Option<&Self>,
        action: &Action,
        now: Moment,
    ) -> bool {
        let member = member.filter(|member| member.count > 0 && member.window_end > now);
        match action {
            Action::Reserve { .. } => {
                let of_this_window =
                    |member: &Self| set.is_some_and(|set| member.window_end == set.window_end);
                member.is_some_and(of_this_window)
            }
            Action::Refund { receipt, .. } => match member {
                Some(member) => member.count > 1 || member.window_end != receipt.window_end,
                None => true,
            },
            _ => false,
        }
    }

    /// The record of a member after `action` was done to the counter that it belongs to, which
    /// stands at `set` now.
    pub fn apply_member(
        member: Option<Self>,
        set: &Self,
        action: &Action,
        now: Moment,
    ) -> Option<Self> {
        let member = member.filter(|member| member.window_end > now);
        let earlier = member.filter(|member| member.window_end == set.window_end);
        match action {
            Action::Reserve { .. } => {
                let count = earlier.map_or(0, |member| member.count);
                let count = count.saturating_add(1);
                Some(Self::new(count, set.window_end, Moment::ZERO, 0))
            }
            Action::Refund { receipt, .. } => {
                let mut member = member?;
                if member.window_end == receipt.window_end {
                    member.count = member.count.saturating_sub(1);
                }
                Some(member).filter(|member| member.count > 0)
            }
            _ => member,
        }
    }

    fn state(&self, now: Moment, existed: bool) -> State {
        State {
            allowed: true,
            count: self.count,
            existed,
            first: false,
            locked: self.is_locked(now),
            just_locked: false,
            until: self.window_end.max(self.lock_end),
            receipt: Receipt::new(self.window_end, None),
        }
    }

    fn locked_by(&mut self, lock: Lock, now: Moment) {
        self.lock_end = now.after(lock.after(self.strikes));
        self.strikes = self.strikes.saturating_add(1).min(Self::MOST_STRIKES);
    }

    /// Beyond this a lock doubles no further, so that a store needs few bits for it.
    const MOST_STRIKES: u8 = 31;
}

fn reserve(
    before: Option<Record>,
    rule: &Rule,
    cost: i64,
    action: &Action,
    now: Moment,
) -> (Option<Record>, State) {
    let mut record = before.unwrap_or_default();
    let first = record.window_end <= now;
    if first {
        record.count = 0;
    }
    let total = record.count.saturating_add(cost);
    let refuse = |until: Moment| {
        let state = State {
            allowed: false,
            until,
            ..record.state(now, before.is_some())
        };
        (before, state)
    };
    if record.is_locked(now) {
        return refuse(record.lock_end);
    }
    // Under a lock, a count at the limit means that the lock is over: one more attempt.
    let tries_again = rule.locks().is_some() && record.count >= rule.points();
    if cost > 0 && total > rule.points() && !tries_again {
        let end = if first {
            now.after(rule.window())
        } else {
            record.window_end
        };
        return refuse(end);
    }
    if matches!(action, Action::Reserve { cost: 0, .. }) {
        return (before, record.state(now, before.is_some()));
    }
    if first {
        record.window_end = now.after(rule.window());
    }
    record.count = total;
    let mut lock_end = None;
    if let Some(lock) = rule.locks().filter(|_| cost > 0 && total >= rule.points()) {
        record.locked_by(lock, now);
        lock_end = Some(record.lock_end);
    }
    let state = State {
        first,
        just_locked: lock_end.is_some(),
        receipt: Receipt::new(record.window_end, lock_end),
        ..record.state(now, before.is_some())
    };
    (Some(record), state)
}

fn refund(
    before: Option<Record>,
    rule: &Rule,
    cost: i64,
    receipt: Receipt,
    now: Moment,
) -> (Option<Record>, State) {
    let Some(mut record) = before else {
        return (None, State::absent());
    };
    let same_window = record.window_end == receipt.window_end && record.window_end > now;
    if same_window {
        record.count = record.count.saturating_sub(cost).max(0);
    }
    let made_it = receipt.lock_end == Some(record.lock_end);
    let unearned = same_window && record.strikes > 0 && record.count < rule.points();
    if record.is_locked(now) && (made_it || unearned) {
        record.lock_end = Moment::ZERO;
        record.strikes = record.strikes.saturating_sub(1);
    }
    (Some(record), record.state(now, true))
}

fn gcra(before: Option<Record>, rule: &Rule, cost: u32, now: Moment) -> (Option<Record>, State) {
    let points = u64::try_from(rule.points()).unwrap_or(0).max(1);
    let window = rule.window().map_or(u64::MAX, micros);
    let arrival = before.map_or(now, |record| record.window_end.max(now));
    let share = match window.checked_mul(cost.into()) {
        Some(product) => product / points,
        None => wide(window, cost.into(), points),
    };
    let after = arrival.0.saturating_add(share);
    let latest = now.0.saturating_add(window);
    let lock_end = before.map_or(Moment::ZERO, |record| record.lock_end);
    let locked = lock_end > now;
    let taken = |end: u64| {
        let ahead = end.saturating_sub(now.0);
        let taken = match ahead.checked_mul(points) {
            Some(product) => product.div_ceil(window.max(1)),
            None => wide(ahead, points, window.max(1)).saturating_add(1),
        };
        i64::try_from(taken).unwrap_or(i64::MAX)
    };
    let allowed = after <= latest && !locked;
    let end = if allowed { after } else { arrival.0 };
    let until = match (allowed, locked) {
        (_, true) => lock_end,
        (true, _) => Moment(end),
        (false, _) => Moment(now.0.saturating_add(after.saturating_sub(latest))),
    };
    let state = State {
        allowed,
        count: taken(end),
        existed: before.is_some(),
        first: before.is_none(),
        locked,
        just_locked: false,
        until,
        receipt: Receipt::default(),
    };
    if !allowed {
        return (before, state);
    }
    // The count is for a store that can keep no more than that.
    let record = Record::new(taken(end), Moment(end), lock_end, 0);
    (Some(record), state)
}

/// A product that is too large for 64 bits, divided.
fn wide(one: u64, other: u64, by: u64) -> u64 {
    let quotient = u128::from(one) * u128::from(other) / u128::from(by);
    u64::try_from(quotient).unwrap_or(u64::MAX)
}

fn consume(
    before: Option<Record>,
    rule: &Rule,
    points: i64,
    window: Option<Duration>,
    now: Moment,
) -> (Option<Record>, State) {
    let mut record = before.unwrap_or_default();
    if before.is_none() {
        record.window_end = now.after(window.or(rule.window()));
    }
    let earlier = record.count;
    record.count = earlier.saturating_add(points);
    let crosses = earlier < rule.threshold() && record.count >= rule.threshold();
    let mut just_locked = false;
    if let Some(lock) = rule.locks().filter(|_| crosses && !record.is_locked(now)) {
        let lock_end = now.after(lock.after(0));
        // A lock never ends before its window, or the key would be free early. A counter without a
        // window has nothing but its lock to end it.
        if record.window_end == Moment::NEVER || record.window_end < lock_end {
            record.window_end = lock_end;
        }
        record.lock_end = record.window_end;
        just_locked = true;
    }
    let state = State {
        allowed: record.count <= rule.points() && !record.is_locked(now),
        first: before.is_none(),
        just_locked,
        ..record.state(now, before.is_some())
    };
    (Some(record), state)
}

fn micros(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000_000);
    whole.saturating_add(time.subsec_micros().into())
}
