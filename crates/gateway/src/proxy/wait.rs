//! How long an answer's head is waited for: by the app's fault, and by the client's.

use std::task::{Context, Poll};
use std::time::Duration;

use super::deadlines::Deadline;
use super::pool::Pool;
use crate::body::Progress;
use crate::settings::Times;

/// A wait for an answer's head; as long as the request's own body moves, it begins anew.
#[derive(Debug)]
pub(crate) struct Wait {
    deadline: Deadline,
    lapse: Lapse,
}

impl Wait {
    pub(crate) fn new(pool: &Pool, times: Times, progress: &Progress) -> Self {
        let lapse = Lapse::new(times, progress.mark());
        Self {
            deadline: pool.deadline(lapse.next),
            lapse,
        }
    }

    /// Ready when it has lasted too long.
    pub(crate) fn poll(&mut self, cx: &Context<'_>, progress: &Progress) -> Poll<()> {
        while self.deadline.has_passed(cx.waker()) {
            let waits = progress.waits_for_client();
            match self.lapse.passed(progress.mark(), waits) {
                Verdict::Wait(next) => self.deadline.renew(next),
                Verdict::Late => return Poll::Ready(()),
                // Over HTTP/1.1 a client that stalls has a limit of its own, which is looked at before.
                Verdict::Stalled => {
                    progress.give_up();
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }
}

/// What has become of a request when some time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is waited for as long again.
    Wait(Duration),
    /// The app has had its time.
    Late,
    /// The client has.
    Stalled,
}

/// Whose time has passed.
#[derive(Debug)]
struct Lapse {
    times: Times,
    /// How far the request's body was, and whether all of it had passed.
    mark: (u64, bool),
    /// How long is waited before it is looked again.
    next: Duration,
    /// How long the app has been waited for since something moved.
    quiet: Duration,
    /// Whether the client was waited for when it was last looked.
    stalled: bool,
}

impl Lapse {
    fn new(times: Times, mark: (u64, bool)) -> Self {
        let mut new = Self {
            times,
            mark,
            next: Duration::ZERO,
            quiet: Duration::ZERO,
            stalled: false,
        };
        new.next = new.for_the_app();
        new
    }

    /// It is looked once more; `waits` says whether it is the client that has not sent more.
    fn passed(&mut self, mark: (u64, bool), waits: bool) -> Verdict {
        let moved = std::mem::replace(&mut self.mark, mark) != mark;
        let stalls = waits && !moved;
        if moved {
            self.quiet = Duration::ZERO;
        } else if !stalls {
            self.quiet = self.quiet.saturating_add(self.next);
            if self.quiet >= self.times.response {
                return Verdict::Late;
            }
        }
        // At the first look it may have been waited for but a moment.
        if stalls && self.stalled {
            return Verdict::Stalled;
        }
        self.stalled = stalls;
        self.next = if stalls {
            self.times.stall
        } else {
            self.for_the_app()
        };
        Verdict::Wait(self.next)
    }

    /// What is left for the app; however long that is, a client that still sends may not stall as long.
    fn for_the_app(&self) -> Duration {
        let left = self.times.response.saturating_sub(self.quiet);
        let (_, is_whole) = self.mark;
        if is_whole {
            left
        } else {
            left.min(self.times.stall)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lapse(response: u64, stall: u64, mark: (u64, bool)) -> Lapse {
        let times = Times {
            response: seconds(response),
            stall: seconds(stall),
        };
        Lapse::new(times, mark)
    }

    #[test]
    fn an_app_that_has_all_of_it_has_its_time() {
        let mut lapse = lapse(60, 30, (0, true));
        assert_eq!(lapse.next, seconds(60));
        assert_eq!(lapse.passed((0, true), false), Verdict::Late);
    }

    #[test]
    fn an_app_that_takes_no_more_has_no_more() {
        let mut lapse = lapse(70, 30, (1, false));
        for next in [30, 10] {
            assert_eq!(
                lapse.passed((1, false), false),
                Verdict::Wait(seconds(next))
            );
        }
        assert_eq!(lapse.passed((1, false), false), Verdict::Late);
    }

    #[test]
    fn what_moves_begins_anew() {
        let mut lapse = lapse(60, 30, (0, false));
        for frames in 1..100 {
            let verdict = lapse.passed((frames, false), frames % 2 == 0);
            assert_eq!(verdict, Verdict::Wait(seconds(30)));
        }
        assert_eq!(lapse.passed((100, true), false), Verdict::Wait(seconds(60)));
        assert_eq!(lapse.passed((100, true), false), Verdict::Late);
    }

    #[test]
    fn a_client_that_stalls_has_its_own_time_however_long_the_app_has() {
        for (response, first) in [(600, 30), (60, 30), (5, 5)] {
            let mut lapse = lapse(response, 30, (0, false));
            assert_eq!(lapse.next, seconds(first));
            assert_eq!(
                lapse.passed((1, false), true),
                Verdict::Wait(seconds(first))
            );
            assert_eq!(lapse.passed((1, false), true), Verdict::Wait(seconds(30)));
            assert_eq!(lapse.passed((1, false), true), Verdict::Stalled);
        }
        // One that goes on in between has not.
        let mut lapse = lapse(600, 30, (0, false));
        for _ in 0..3 {
            let mark = lapse.mark.0;
            assert_eq!(
                lapse.passed((mark, false), true),
                Verdict::Wait(seconds(30))
            );
            assert_eq!(
                lapse.passed((mark + 1, false), true),
                Verdict::Wait(seconds(30))
            );
        }
    }
}
