//! Which sessions are whose.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use panoply_core::{Moment, SessionFingerprint, SessionRecord, UserKey};

use super::entry::Entry;

/// An index from users to their sessions, in parts that are locked before anything else.
///
/// What is over, destroyed or another's meanwhile stays in it until somebody looks.
#[derive(Debug)]
pub(super) struct Users(Box<[Mutex<Part>]>);

/// A part of the users, and of each the sessions in the order of their first keys.
#[derive(Debug, Default)]
pub(super) struct Part {
    sessions: BTreeMap<(UserKey, [u8; 32]), Weak<Entry>>,
    swept: Moment,
}

const PARTS: usize = 16;

/// How often what is over is swept out, at most.
const SWEEP: Duration = Duration::from_mins(1);

impl Users {
    pub(super) fn new() -> Self {
        Self((0..PARTS).map(|_| Mutex::default()).collect())
    }

    pub(super) fn lock(&self, user: &UserKey) -> Option<MutexGuard<'_, Part>> {
        let last = user.hash().last().map_or(0, |last| usize::from(*last));
        let part = self.0.get(last % PARTS)?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn sweep(&self, now: Moment) {
        for part in &self.0 {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.sweep(now);
        }
    }
}

impl Part {
    /// The user's sessions that are not over, as they are, in the order of their fingerprints.
    pub(super) fn of(
        &self,
        user: UserKey,
        after: Option<SessionFingerprint>,
        now: Moment,
    ) -> impl Iterator<Item = (Arc<Entry>, Arc<SessionRecord>)> {
        let all = self.sessions.range((user, [0; 32])..=(user, [0xff; 32]));
        let behind =
            move |key: &[u8; 32]| after.is_none_or(|after| SessionFingerprint::of(key) > after);
        all.filter(move |((_, key), _)| behind(key))
            .filter_map(move |(_, session)| {
                let entry = session.upgrade()?;
                let record = own(&entry, &user, now)?;
                Some((entry, record))
            })
    }

    /// Adds a session to the user's.
    pub(super) fn add(
        &mut self,
        user: UserKey,
        first_key: [u8; 32],
        entry: &Arc<Entry>,
        now: Moment,
    ) {
        if now.since(self.swept).is_some_and(|since| since >= SWEEP) {
            self.sweep(now);
        }
        self.sessions
            .insert((user, first_key), Arc::downgrade(entry));
    }

    fn sweep(&mut self, now: Moment) {
        self.swept = now;
        self.sessions.retain(|(user, _), session| {
            let entry = session.upgrade();
            entry.is_some_and(|entry| own(&entry, user, now).is_some())
        });
    }
}

/// The session, if it is the user's and not over.
fn own(entry: &Entry, user: &UserKey, now: Moment) -> Option<Arc<SessionRecord>> {
    let held = entry.read();
    let record = held.live(now)?;
    (record.user.as_ref() == Some(user)).then(|| record.clone())
}
