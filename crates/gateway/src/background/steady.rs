//! Tasks that are to go on for as long as the gateway does.
//!
//! Nobody waits for the end of such a task, so one that panicked would be missed when its work is: a certificate has
//! expired, a key does not seal, nobody answers at the control socket. It is said, counted, and begun anew.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use panoply::Clock;
use tokio::task::JoinHandle;

use crate::metrics::Metrics;
use crate::shared::Shared;

/// How long after it has fallen over a task is begun anew; twice as long each time, up to the longest.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest of these pauses, and how long a task has to go well for the first to be enough again.
pub(super) const LONGEST: Duration = Duration::from_mins(1);

/// Runs what `begin` gives on this thread, to its end, however often it falls over; `what` says what that is.
pub(crate) fn steady(
    what: &'static str,
    shared: &Arc<Shared>,
    begin: impl AsyncFnMut() + 'static,
) -> JoinHandle<()> {
    after(PAUSE, what, shared, begin)
}

/// As [`steady`], with another first pause.
pub(super) fn after(
    pause: Duration,
    what: &'static str,
    shared: &Arc<Shared>,
    begin: impl AsyncFnMut() + 'static,
) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    tokio::task::spawn_local(async move {
        keep(pause, what, (&shared.metrics, &*shared.clock), begin).await;
    })
}

async fn keep(
    first: Duration,
    what: &str,
    (metrics, clock): (&Metrics, &dyn Clock),
    mut begin: impl AsyncFnMut(),
) {
    let mut pause = first;
    loop {
        let since = clock.monotonic();
        if AssertUnwindSafe(begin()).catch_unwind().await.is_ok() {
            return;
        }
        if clock.monotonic().saturating_sub(since) >= LONGEST {
            pause = first;
        }
        metrics.task_begun_anew();
        tracing::error!(
            task = what,
            again_s = pause.as_secs(),
            "a task has fallen over, which is a fault of Panoply's; it is begun anew"
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::ManualClock;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    #[allow(
        clippy::disallowed_methods,
        reason = "it is the clock of the test, which moves by itself"
    )]
    async fn what_falls_over_is_begun_anew_with_ever_longer_pauses() {
        let (metrics, clock) = (Metrics::new(), ManualClock::new());
        let (mut begun, first) = (Vec::new(), Instant::now());
        let work = async || {
            begun.push(first.elapsed().as_secs());
            if begun.len() == 9 {
                clock.advance(LONGEST);
            }
            assert!(begun.len() > 10, "it falls over");
        };
        keep(PAUSE, "work", (&metrics, &clock), work).await;
        assert_eq!(begun, [0, 1, 3, 7, 15, 31, 63, 123, 183, 184, 186]);
        let told = metrics.handle().render();
        assert!(told.contains("panoply_task_restarts_total 10\n"), "{told}");
    }
}
