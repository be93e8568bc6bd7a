//! What is counted, up to where, and what happens then.

use std::borrow::Cow;
use std::time::Duration;

/// A limit: so many points in a window, and the lock that follows.
///
/// ```
/// use std::time::Duration;
/// use panoply_core::{Lock, Rule};
///
/// const HOUR: Duration = Duration::from_secs(3600);
/// let pair = Rule::new("login/pair", 10, 90 * 24 * HOUR).lock(Lock::doubling(HOUR, 24 * HOUR));
/// assert_eq!(pair.points(), 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: Cow<'static, str>,
    points: i64,
    window: Option<Duration>,
    lock: Option<Lock>,
    lock_at: Option<i64>,
}

/// For how long a key is refused once its points are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    first: Option<Duration>,
    most: Option<Duration>,
}

impl Lock {
    /// Always the same time.
    pub const fn fixed(time: Duration) -> Self {
        Self {
            first: Some(time),
            most: Some(time),
        }
    }

    /// `first`, then twice as long each time, to `most`. How often is remembered for a day after
    /// the last lock, and as long as the counter itself.
    pub const fn doubling(first: Duration, most: Duration) -> Self {
        Self {
            first: Some(first),
            most: Some(most),
        }
    }

    /// Until somebody releases it.
    pub const fn forever() -> Self {
        Self {
            first: None,
            most: None,
        }
    }

    /// The first lock; none means for ever.
    pub const fn first(&self) -> Option<Duration> {
        self.first
    }

    /// The longest lock; none means for ever.
    pub const fn most(&self) -> Option<Duration> {
        self.most
    }

    /// How long the lock is after `strikes` earlier ones; none means for ever.
    pub fn after(&self, strikes: u8) -> Option<Duration> {
        let (first, most) = (self.first?, self.most?);
        let factor = 1u32.checked_shl(strikes.into()).unwrap_or(u32::MAX);
        Some(first.saturating_mul(factor).min(most))
    }
}

impl Rule {
    /// `points` in a window that opens with the first of them.
    ///
    /// The name tells one rule from another in logs and lists: `login/pair`.
    pub fn new(name: impl Into<Cow<'static, str>>, points: i64, window: Duration) -> Self {
        Self {
            name: name.into(),
            points,
            window: Some(window),
            lock: None,
            lock_at: None,
        }
    }

    /// Counts for ever: the window never ends by itself.
    #[must_use]
    pub const fn without_window(mut self) -> Self {
        self.window = None;
        self
    }

    /// What follows when the points are spent; by default refusal until the window ends.
    #[must_use]
    pub const fn lock(mut self, lock: Lock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Locks only when [`Action::Consume`](crate::Action::Consume) or a penalty reaches this count;
    /// by default with the first point too many.
    #[must_use]
    pub const fn lock_at(mut self, count: i64) -> Self {
        self.lock_at = Some(count);
        self
    }

    /// The same limit with its points divided among `nodes` that do not know of each other; one
    /// point at least.
    #[must_use]
    pub fn divided_by(&self, nodes: std::num::NonZeroU32) -> Self {
        let nodes = i64::from(nodes.get());
        let share = |points: i64| (points / nodes).max(points.signum());
        Self {
            points: share(self.points),
            lock_at: self.lock_at.map(share),
            ..self.clone()
        }
    }

    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many points may be spent in the window.
    pub const fn points(&self) -> i64 {
        self.points
    }

    /// How long the window is; none means for ever.
    pub const fn window(&self) -> Option<Duration> {
        self.window
    }

    /// The lock that follows.
    pub const fn locks(&self) -> Option<Lock> {
        self.lock
    }

    /// The count at which a key is locked by consuming.
    pub fn threshold(&self) -> i64 {
        self.lock_at
            .unwrap_or_else(|| self.points.saturating_add(1))
    }
}
