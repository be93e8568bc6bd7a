//! How long an answer's head is waited for: by the app's fault, and by the client's.

use std::task::{Context, Poll};
use std::time::Duration;

use super::deadlines::Deadline;
use super::pool::Pool;
use crate::body::Progress;
use crate::settings::Times;
use crate::wire::TICK;

/// A wait for an answer's head; as long as the request's own body moves, it begins anew.
#[derive(Debug)]
pub(crate) struct Wait {
    deadline: Deadline,
    lapse: Lapse,
}

impl Wait {
    pub(crate) fn new(pool: &Pool, times: Times, progress: &Progress) -> Self {
        let lapse = Lapse::new(times, progress.mark());
        let deadline = pool.deadline(lapse.first());
        progress.wait_from(deadline.now());
        Self { deadline, lapse }
    }

    /// Ready when it has lasted too long.
    pub(crate) fn poll(&mut self, cx: &Context<'_>, progress: &Progress) -> Poll<()> {
        progress.look(self.deadline.now());
        while self.deadline.has_passed(cx.waker()) {
            let waits = progress.waits_for_client();
            let since = self.deadline.now().saturating_sub(progress.moved());
            match self.lapse.passed(progress.mark(), waits, since) {
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
    /// Whether the client was waited for when it was last looked.
    stalled: bool,
}

impl Lapse {
    const fn new(times: Times, mark: (u64, bool)) -> Self {
        Self {
            times,
            mark,
            stalled: false,
        }
    }

    /// How long is waited before it is looked.
    fn first(&self) -> Duration {
        self.for_the_app(Duration::ZERO)
    }

    /// It is looked once more; `waits` says whether it is the client that has not sent more, and `since` how long ago
    /// something was last seen to have moved: at the sweep before it did, so that it may have a tick less.
    fn passed(&mut self, mark: (u64, bool), waits: bool, since: Duration) -> Verdict {
        let moved = std::mem::replace(&mut self.mark, mark) != mark;
        if !waits {
            self.stalled = false;
            return if since >= self.times.response.saturating_add(TICK) {
                Verdict::Late
            } else {
                Verdict::Wait(self.for_the_app(since))
            };
        }
        // At the first look it may have been waited for but a moment.
        if self.stalled && !moved {
            return Verdict::Stalled;
        }
        self.stalled = !moved;
        Verdict::Wait(if moved {
            self.for_the_app(Duration::ZERO)
        } else {
            self.times.stall
        })
    }

    /// What is left for the app of its time, `since` that began; however long that is, a client that still sends may not
    /// stall as long.
    fn for_the_app(&self, since: Duration) -> Duration {
        let left = self.times.response.saturating_sub(since);
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
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;
    use crate::proxy::deadlines::Deadlines;

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
        assert_eq!(lapse.first(), seconds(60));
        let at = seconds(60) + TICK;
        assert_eq!(lapse.passed((0, true), false, at), Verdict::Late);
    }

    #[test]
    fn an_app_that_takes_no_more_has_no_more() {
        let mut lapse = lapse(70, 30, (1, false));
        for (since, next) in [(30, 30), (60, 10)] {
            assert_eq!(
                lapse.passed((1, false), false, seconds(since)),
                Verdict::Wait(seconds(next))
            );
        }
        let at = seconds(70) + TICK;
        assert_eq!(lapse.passed((1, false), false, at), Verdict::Late);
    }

    #[test]
    fn what_moves_begins_anew_from_when_it_did() {
        let mut lapse = lapse(60, 30, (0, false));
        for frames in 1..100 {
            let (waits, since) = (frames % 2 == 0, seconds(frames % 30));
            let verdict = lapse.passed((frames, false), waits, since);
            assert_eq!(verdict, Verdict::Wait(seconds(30)));
        }
        // All of it came a moment after it was last looked.
        assert_eq!(
            lapse.passed((100, true), false, seconds(29)),
            Verdict::Wait(seconds(31))
        );
        let at = seconds(60) + TICK;
        assert_eq!(lapse.passed((100, true), false, at), Verdict::Late);
    }

    /// However long the client may stall, which is how often it is looked until all has come.
    #[test]
    fn an_app_has_no_more_time_for_a_request_with_a_body() {
        for (response, stall) in [(2, 5), (5, 2), (4, 1), (60, 30), (10, 600)] {
            let deadlines = Rc::<Deadlines>::default();
            let progress = Progress::default();
            let lapse = lapse(response, stall, progress.mark());
            let mut wait = Wait {
                deadline: deadlines.wait(lapse.first()),
                lapse,
            };
            let cx = Context::from_waker(Waker::noop());
            // All of it goes out at once, and nothing comes back.
            progress.ended();
            let mut ticks = 0;
            while wait.poll(&cx, &progress).is_pending() {
                ticks += 1;
                deadlines.sweep(TICK * ticks);
            }
            assert_eq!(TICK * ticks, seconds(response) + TICK, "{response} {stall}");
        }
    }

    #[test]
    fn a_client_that_stalls_has_its_own_time_however_long_the_app_has() {
        let at = seconds(1);
        for (response, first) in [(600, 30), (60, 30), (5, 5)] {
            let mut lapse = lapse(response, 30, (0, false));
            assert_eq!(lapse.first(), seconds(first));
            assert_eq!(
                lapse.passed((1, false), true, at),
                Verdict::Wait(seconds(first))
            );
            assert_eq!(
                lapse.passed((1, false), true, at),
                Verdict::Wait(seconds(30))
            );
            assert_eq!(lapse.passed((1, false), true, at), Verdict::Stalled);
        }
        // One that goes on in between has not.
        let mut lapse = lapse(600, 30, (0, false));
        for _ in 0..3 {
            let mark = lapse.mark.0;
            for moved in [0, 1] {
                assert_eq!(
                    lapse.passed((mark + moved, false), true, at),
                    Verdict::Wait(seconds(30))
                );
            }
        }
    }
}
