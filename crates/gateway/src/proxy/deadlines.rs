//! Limits on waiting, looked at in one sweep instead of a timer for each wait.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

use crate::wire::TICK;

/// Who waits on one worker, and until when; times are kept to within two ticks, and never short.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    now: Cell<Duration>,
    waits: RefCell<Slab<Wait>>,
}

#[derive(Debug)]
struct Wait {
    until: Duration,
    waker: Option<Waker>,
}

impl Deadlines {
    /// The time of the last sweep.
    pub(super) fn now(&self) -> Duration {
        self.now.get()
    }

    /// Wakes whoever has waited too long by `now`.
    pub(super) fn sweep(&self, now: Duration) {
        self.now.set(now);
        for (_, wait) in self.waits.borrow_mut().iter_mut() {
            if wait.until <= now
                && let Some(waker) = wait.waker.take()
            {
                waker.wake();
            }
        }
    }

    /// A wait of at most `limit`, from now on.
    pub(super) fn wait(self: &Rc<Self>, limit: Duration) -> Deadline {
        let wait = Wait {
            until: self.after(limit),
            waker: None,
        };
        Deadline {
            key: self.waits.borrow_mut().insert(wait),
            of: Rc::clone(self),
        }
    }

    fn after(&self, limit: Duration) -> Duration {
        self.now().saturating_add(TICK).saturating_add(limit)
    }
}

/// One wait.
#[derive(Debug)]
pub(super) struct Deadline {
    of: Rc<Deadlines>,
    key: usize,
}

impl Deadline {
    /// Whether it has passed; if not, `waker` is woken when it does.
    pub(super) fn has_passed(&self, waker: &Waker) -> bool {
        let now = self.of.now();
        let mut waits = self.of.waits.borrow_mut();
        let Some(wait) = waits.get_mut(self.key) else {
            return true;
        };
        if wait.until <= now {
            return true;
        }
        match &mut wait.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        false
    }

    /// The time of the last sweep.
    pub(super) fn now(&self) -> Duration {
        self.of.now()
    }

    /// Begins anew.
    pub(super) fn renew(&self, limit: Duration) {
        let until = self.of.after(limit);
        if let Some(wait) = self.of.waits.borrow_mut().get_mut(self.key) {
            wait.until = until;
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.of.waits.borrow_mut().try_remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wakes_once_and_never_too_soon() {
        let deadlines = Rc::<Deadlines>::default();
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let second = Duration::from_secs(1);
        let deadline = deadlines.wait(second);
        assert!(!deadline.has_passed(&waker));
        deadlines.sweep(second);
        assert!(!deadline.has_passed(&waker), "a sweep may come at once");
        deadlines.sweep(second + TICK);
        deadlines.sweep(second + TICK * 2);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(deadline.has_passed(&waker));
        deadline.renew(second);
        assert!(!deadline.has_passed(&waker));
        drop(deadline);
        assert!(deadlines.waits.borrow().is_empty());
    }
}
