//! How the instances of the app stand, and who waits until one accepts connections.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::falls::Falls;
use super::instance::Instance;
use super::state::{AppState, Rank};
use crate::handover::AppShort;
use crate::metrics::{AppGauges, Metrics};

/// How many requests wait for it at once. Node.js, by itself, lets as many connections wait to be accepted: all that
/// wait come together.
const MOST_WAITING: usize = 500;

/// How the instances of an app stand, for all threads.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Among all apps; 0 is the one that has what no other has.
    number: usize,
    /// What it has of the site; empty of that one.
    name: Arc<str>,
    instances: Box<[Instance]>,
    whole: Arc<Whole>,
    /// What was missing when this gateway was handed it.
    short: OnceLock<AppShort>,
    pub(crate) falls: Falls,
}

/// What they have in common.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) gauges: AppGauges,
    /// How many are up.
    pub(super) up: AtomicU32,
    /// How many are to be.
    all: AtomicUsize,
    waiting: AtomicUsize,
    /// That somebody waits.
    wanted: Notify,
    /// How often one was seen to accept connections.
    pub(super) seen: watch::Sender<u64>,
}

impl Whole {
    /// Whether one is to be that was not, or the reverse.
    pub(super) fn vacant(&self, was: bool, is: bool) {
        let all = match (was, is) {
            (false, true) => self.all.fetch_sub(1, Ordering::AcqRel) - 1,
            (true, false) => self.all.fetch_add(1, Ordering::AcqRel) + 1,
            _ => return,
        };
        self.gauges.are_to_be(all);
    }
}

impl Standing {
    /// Of so many, of which no one has come up.
    pub(crate) fn new(metrics: &Metrics, number: usize, name: &Arc<str>, instances: usize) -> Self {
        let whole = Arc::new(Whole {
            gauges: metrics.app(name),
            up: AtomicU32::new(0),
            all: AtomicUsize::new(instances.max(1)),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
            seen: watch::Sender::new(0),
        });
        let instance = |number| Instance::new(name, number, instances < 2, Arc::clone(&whole));
        let instances: Box<[_]> = (0..instances.max(1)).map(instance).collect();
        whole.gauges.are_to_be(instances.len());
        Self {
            number,
            name: Arc::clone(name),
            instances,
            whole,
            short: OnceLock::new(),
            falls: Falls::default(),
        }
    }

    /// Its number among all apps; 0 is the one that has what no other has.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// What it has of the site: `/api`, or nothing of the app that has what no other has.
    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether it is the one that has what no other has.
    pub(crate) const fn is_main(&self) -> bool {
        self.number == 0
    }

    /// What it is called: by what it has of the site, which is `/` of the one that has what no other has.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() {
            "/"
        } else {
            &self.name
        }
    }

    /// One of its instances has ended by itself.
    pub(super) fn note_fall(&self, status: &str, at: SystemTime) {
        self.falls.note(status, at);
        self.whole.gauges.has_ended();
    }

    pub(crate) const fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The one of this number.
    pub(crate) fn instance(&self, number: usize) -> Option<&Instance> {
        self.instances.get(number)
    }

    /// Whether one is up.
    pub(crate) fn is_up(&self) -> bool {
        self.whole.up.load(Ordering::Acquire) > 0
    }

    /// Whether it is known of each how it stands.
    pub(crate) fn is_known(&self) -> bool {
        self.instances.iter().all(|one| one.load().is_known())
    }

    /// Whether nobody need wait for it before he serves: it is known how it stands or, where it has but a part of the
    /// site, that it does not come up at once.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_known() || self.is_up() || (!self.is_main() && self.is_tried())
    }

    /// Whether it is known of each how it stands or, where something is amiss with some, `least` are up all the same.
    /// What was missing before is not waited for.
    pub(crate) fn has(&self, least: usize) -> bool {
        let up = || self.whole.up.load(Ordering::Acquire);
        let is_enough = || usize::try_from(up()).is_ok_and(|up| up >= least);
        self.is_known() || self.was_down() || (self.is_tried() && is_enough())
    }

    /// Whether it is known of each that is awaited how it stands, or that it does not come up at once.
    pub(crate) fn is_tried(&self) -> bool {
        let short = self.short.get();
        let is_awaited = |one: &&Instance| !short.is_some_and(|s| s.down.contains(&one.number()));
        let mut awaited = self.instances.iter().filter(is_awaited);
        // The others are not begun before the first has been seen.
        let is_unseen = *self.whole.seen.borrow() == 0;
        let begun = if is_unseen { 1 } else { usize::MAX };
        self.was_down() || awaited.by_ref().take(begun).all(Instance::is_tried)
    }

    /// What is missing of it, if anything is.
    pub(crate) fn short(&self) -> Option<AppShort> {
        let are_to_be = self.instances.iter();
        let are_to_be = are_to_be.filter(|one| **one.load() != AppState::Vacant);
        let (down, up): (Vec<_>, Vec<_>) = are_to_be.partition(|one| one.rank() == Rank::Away);
        (!down.is_empty()).then(|| AppShort {
            app: self.name.to_string(),
            up: up.len(),
            down: down.iter().map(|one| one.number()).collect(),
        })
    }

    /// This was missing of it when this gateway was handed it.
    pub(super) fn was_short(&self, short: AppShort) {
        // It is handed over once.
        let _ = self.short.set(short);
    }

    /// Whether nothing of it was there when this gateway was handed it.
    pub(crate) fn was_down(&self) -> bool {
        self.short.get().is_some_and(|short| short.up == 0)
    }

    /// Whether it is worth another try though it ends: it has been up, or nobody had counted on it.
    pub(super) fn is_worth_a_try(&self) -> bool {
        self.was_down() || *self.whole.seen.borrow() > 0
    }

    /// In one word, for programs: of the one that stands best.
    pub(crate) fn word(&self) -> &'static str {
        let best = { self.instances.iter() }.min_by_key(|one| one.rank());
        best.map(|one| one.load().word())
            .filter(|word| *word != AppState::Vacant.word())
            .unwrap_or("down")
    }

    /// Resolves while somebody waits.
    pub(super) async fn wanted(&self) {
        loop {
            let mut wanted = std::pin::pin!(self.whole.wanted.notified());
            // From here on nobody comes unheard.
            wanted.as_mut().enable();
            if self.whole.waiting.load(Ordering::Acquire) > 0 {
                return;
            }
            wanted.await;
        }
    }

    /// Resolves once one has been seen to accept connections, or has been already.
    pub(super) async fn has_been_seen(&self) {
        let mut seen = self.whole.seen.subscribe();
        // Whoever would say so lives as long as this.
        let _ = seen.wait_for(|seen| *seen > 0).await;
    }

    /// A place among those who wait for it, unless it has been away for as long as that already, or too many do.
    pub(crate) fn wait(&self, patience: Duration) -> Option<Waiting<'_>> {
        let now = Instant::now();
        // Of several it is the last to go that says how long there has been none.
        let since = self.instances.iter().map(Instance::is_away).max();
        if now.saturating_duration_since(since.unwrap_or(now)) >= patience {
            return None;
        }
        let waiting = Waiting {
            of: &self.whole,
            until: now + patience,
            seen: self.whole.seen.subscribe(),
        };
        // Counted by `Waiting`, which takes it back as well.
        if self.whole.waiting.fetch_add(1, Ordering::AcqRel) >= MOST_WAITING {
            return None;
        }
        self.whole.wanted.notify_waiters();
        Some(waiting)
    }
}

/// As `panoply status` has it.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = &*self.instances {
            return one.load().fmt(f);
        }
        let up = self.whole.up.load(Ordering::Acquire);
        let (word, all) = (self.word(), self.whole.all.load(Ordering::Acquire));
        write!(f, "{word}, {up} of {all} instances")
    }
}

/// One who waits until the app accepts connections; no more once this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    of: &'a Whole,
    until: Instant,
    seen: watch::Receiver<u64>,
}

impl Waiting<'_> {
    /// Waits until it is worth another try; whether it is.
    pub(crate) async fn again(&mut self) -> bool {
        let changed = tokio::time::timeout_at(self.until, self.seen.changed()).await;
        matches!(changed, Ok(Ok(())))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.of.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
