//! Where time comes from, so that a test can move it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The one source of time in library code.
///
/// Intervals are measured with [`monotonic`](Clock::monotonic), which no adjustment of the system's
/// clock moves; dates that leave the process are taken from [`wall`](Clock::wall).
pub trait Clock: fmt::Debug + Send + Sync {
    /// Time since an arbitrary fixed point, never going back.
    fn monotonic(&self) -> Duration;

    /// The date and time of day.
    fn wall(&self) -> SystemTime;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }

    fn wall(&self) -> SystemTime {
        (**self).wall()
    }
}

/// The system's own clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts counting [`monotonic`](Clock::monotonic) time now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where time is taken"
    )]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the date is taken"
    )]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is moved by hand; clones show the same time.
///
/// It starts at 2030-01-01 00:00:00 UTC.
///
/// ```
/// use panoply_core::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let start = clock.wall();
/// clock.advance(Duration::from_millis(1500));
/// assert_eq!(clock.wall().duration_since(start)?, Duration::from_millis(1500));
/// # Ok::<(), std::time::SystemTimeError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// From the Unix epoch to 2030-01-01 00:00:00 UTC.
    const START: Duration = Duration::from_hours(525_960);

    /// A clock that stands at its start.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward by `by`; 584 years in all at most.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::SeqCst))
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Self::START + self.monotonic()
    }
}
