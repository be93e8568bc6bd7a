//! A store that is looked at.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use panoply_core::{
    Committed, Destroy, Loaded, ManualClock, Reply, SessionChange, SessionFingerprint, SessionInfo,
    SessionKey, SessionStore, StoreError, UserKey,
};
use panoply_store_memory::MemorySessionStore;

/// A store that counts its calls and can be taken away; it answers at once, as the one in memory does,
/// or later, as those behind a network do: a request takes other ways then.
#[derive(Debug)]
pub(in super::super) struct Watched {
    store: MemorySessionStore,
    at_once: bool,
    pub(super) loads: AtomicUsize,
    pub(super) commits: AtomicUsize,
    pub(super) reads_fail: AtomicBool,
    pub(super) writes_fail: AtomicBool,
    pub(super) silent: AtomicBool,
    /// Whether what is to be ended or written is taken, and neither done nor answered.
    pub(super) hangs: AtomicBool,
    /// How many calls there were since this was looked at, and which of them fails.
    nth: (AtomicUsize, AtomicUsize),
}

impl Watched {
    pub(super) fn new(clock: ManualClock, at_once: bool) -> Self {
        Self {
            store: MemorySessionStore::builder().clock(clock).build(),
            at_once,
            loads: AtomicUsize::new(0),
            commits: AtomicUsize::new(0),
            reads_fail: AtomicBool::new(false),
            writes_fail: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            nth: (AtomicUsize::new(0), AtomicUsize::new(usize::MAX)),
        }
    }

    /// Lets the call of this number fail from now on, or none; how many there were since the last time.
    pub(super) fn fail_at(&self, nth: Option<usize>) -> usize {
        let (calls, fails) = &self.nth;
        fails.store(nth.unwrap_or(usize::MAX), Ordering::SeqCst);
        calls.swap(0, Ordering::SeqCst)
    }

    fn away<'a, T: Send + 'a>(&self, flag: &AtomicBool) -> Option<Reply<'a, T>> {
        let away = || Err(StoreError::transient("the store is away"));
        let reply = || {
            if self.at_once {
                Reply::ready(away())
            } else {
                Reply::later(async move { away() })
            }
        };
        let (calls, fails) = &self.nth;
        let is_it = calls.fetch_add(1, Ordering::SeqCst) == fails.load(Ordering::SeqCst);
        (is_it || flag.load(Ordering::SeqCst)).then(reply)
    }

    /// What the store within answers, now or later.
    fn reply<'a, T: Send + 'a>(&self, reply: Reply<'a, T>) -> Reply<'a, T> {
        if self.at_once {
            return reply;
        }
        Reply::later(async move {
            tokio::task::yield_now().await;
            reply.await
        })
    }
}

impl SessionStore for Watched {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.silent.load(Ordering::SeqCst) {
            return Reply::later(std::future::pending());
        }
        let load = || self.reply(self.store.load(key));
        self.away(&self.reads_fail).unwrap_or_else(load)
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            return Reply::later(std::future::pending());
        }
        let commit = || self.reply(self.store.commit(key, change));
        self.away(&self.writes_fail).unwrap_or_else(commit)
    }

    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        self.reply(self.store.sessions(user, after, most))
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        if self.hangs.load(Ordering::SeqCst) {
            return Reply::later(std::future::pending());
        }
        let destroy = || self.reply(self.store.destroy(which));
        self.away(&self.writes_fail).unwrap_or_else(destroy)
    }

    fn answers_at_once(&self) -> bool {
        self.at_once
    }
}
