//! What has become of the answer, by which the browser learns of a cookie.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Session;

/// What the answer can still do for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It will carry the cookie.
    Open,
    /// It goes over plain HTTP, where no browser takes the cookie.
    Insecure,
    /// Its head has been sent, or nobody waits for it any more.
    Gone,
}

/// How far the answer is. Read without the lock: whoever holds that may be waiting for the store.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether anybody has looked at the session.
    looked: AtomicBool,
    /// Whether no cookie can go out any more.
    answered: AtomicBool,
    /// Whether that is so because the head was sent, and not because the request was given up.
    sent: AtomicBool,
}

impl Progress {
    /// Notes that somebody looks at the session.
    pub(super) fn look(&self) {
        // In one order with `answered`: see `is_untouched`.
        self.looked.store(true, Ordering::SeqCst);
    }

    /// Notes that the head is sent.
    pub(super) fn send(&self) {
        self.sent.store(true, Ordering::SeqCst);
        self.answered.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Session {
    /// Whether nobody has looked at the session, so that there is nothing to finish, and the head goes out as it is.
    pub(crate) fn is_untouched(&self) -> bool {
        let Progress { looked, sent, .. } = &self.0.progress;
        if self.0.shared.settings.save_uninitialized || looked.load(Ordering::SeqCst) {
            return false;
        }
        // A task that looks just now either is seen below, or sees that it is too late.
        self.answer_is_gone();
        let untouched = !looked.load(Ordering::SeqCst);
        if untouched {
            sent.store(true, Ordering::SeqCst);
        } else {
            self.0.progress.answered.store(false, Ordering::SeqCst);
        }
        untouched
    }

    /// Notes that no cookie can go out any more.
    pub(crate) fn answer_is_gone(&self) {
        self.0.progress.answered.store(true, Ordering::SeqCst);
    }

    /// What the answer can do for the session by now.
    pub(super) fn answer(&self) -> Answer {
        if self.0.progress.answered.load(Ordering::SeqCst) {
            Answer::Gone
        } else {
            self.answer_to_come()
        }
    }

    /// The same for who is about to send it.
    pub(super) fn answer_to_come(&self) -> Answer {
        let always = self.0.shared.settings.cookie.is_always_secure();
        if always && self.0.https == Some(false) {
            Answer::Insecure
        } else {
            Answer::Open
        }
    }
}
