//! What becomes of a request's body, as whoever sends it knows.

use std::cell::Cell;
use std::time::Duration;

use super::Fault;
use crate::unguarded::Glance;

/// What has happened to a request's body so far; shared between the body and who sends it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(super) fault: Cell<Option<Fault>>,
    pub(super) frames: Cell<u64>,
    pub(super) ended: Cell<bool>,
    pub(super) waits: Cell<bool>,
    /// How far it was when that was last looked at, and when it was seen to have moved.
    seen: Cell<((u64, bool), Duration)>,
    pub(super) password: Cell<Glance>,
    /// When it went to the app: when all of it had, or, as long as that is not so, when it began.
    pub(super) sent: Cell<Option<(Duration, bool)>>,
    /// How long it waited for an app that was away.
    pub(super) waited: Cell<Option<Duration>>,
    /// Which of several instances of the app it is at.
    pub(super) instance: Cell<Option<usize>>,
}

impl Progress {
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// Whether the client has been asked for more and has not sent it yet.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.waits.get()
    }

    /// The beginning of the body is to be glanced at, as it passes.
    pub(crate) fn look_for_a_password(&self) {
        self.password.set(Glance::ASKED);
    }

    /// Whether a field for a password has passed.
    pub(crate) fn has_seen_a_password(&self) -> bool {
        self.password.get() == Glance::Seen
    }

    /// It is on its way to the app, or all of it is there.
    pub(crate) fn goes_out(&self, now: impl FnOnce() -> Duration) {
        let ended = self.ended.get();
        if self.sent.get().is_none_or(|(_, all)| ended && !all) {
            self.sent.set(Some((now(), ended)));
        }
    }

    /// Since when the app has been asked, if it has.
    pub(crate) fn sent(&self) -> Option<Duration> {
        self.sent.get().map(|(since, _)| since)
    }

    /// It goes out once more.
    pub(crate) fn begin_anew(&self) {
        self.sent.set(None);
    }

    /// It has waited for an app that was away.
    pub(crate) fn has_waited(&self, time: Duration) {
        let before = self.waited.get().unwrap_or_default();
        self.waited.set(Some(before.saturating_add(time)));
    }

    /// It is at this one of several instances.
    pub(crate) fn is_at(&self, instance: Option<usize>) {
        self.instance.set(instance);
    }

    /// At which of several it is, or was last.
    pub(crate) fn instance(&self) -> Option<usize> {
        self.instance.get()
    }

    /// All of it has passed.
    #[cfg(test)]
    pub(crate) fn ended(&self) {
        self.ended.set(true);
    }

    /// How long it has, if at all.
    pub(crate) fn waited(&self) -> Option<Duration> {
        self.waited.get()
    }

    /// Nobody waits for the client any longer.
    pub(crate) fn give_up(&self) {
        self.fault.set(Some(Fault::Stalled));
    }

    /// Notes the time if some of it has passed since this was last called.
    pub(crate) fn look(&self, now: Duration) {
        let mark = self.mark();
        if self.seen.get().0 != mark {
            self.seen.set((mark, now));
        }
    }

    /// It is waited for an answer from now on, whatever has moved before.
    pub(crate) fn wait_from(&self, now: Duration) {
        self.seen.set((self.mark(), now));
    }

    /// When it last moved, or was begun to be waited for.
    pub(crate) fn moved(&self) -> Duration {
        self.seen.get().1
    }

    /// A number that grows as the body passes, and whether all of it has.
    pub(crate) fn mark(&self) -> (u64, bool) {
        (self.frames.get(), self.ended.get())
    }
}
