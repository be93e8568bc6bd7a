//! Clients that are held out for what the app has answered them, as one process knows them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use panoply_core::{
    Action, Block, BlockId, ClientAddress, CounterKey, Op, Release, Rule, StoreError, Subject,
};
use tokio::sync::MutexGuard;

use super::Blocklist;

/// What the names of all rules that hold clients begin with, by which their locks are known in the store.
pub(crate) const PREFIX: &str = "scan/";

/// Of more clients than this the rest is refused only where an answer would count, which the store decides.
const MOST: usize = 100_000;

/// As many parts are locked each by itself, so that workers do not wait for each other.
const PARTS: usize = 16;

/// After the store was read for the sake of clients that are held elsewhere, it is left alone for so many times as
/// long as that took: of a million locks each time all would be read.
const REST: u32 = 20;

/// How often, in milliseconds, room is made by what is over.
const SWEEPS: u64 = 1000;

/// Counts how often clients were held, so that other nodes look.
static HELD: LazyLock<Rule> =
    LazyLock::new(|| Rule::new("scan/changes", i64::MAX, Duration::ZERO).without_window());

/// A client that is held out.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    /// The block that it is in the store.
    pub(crate) id: BlockId,
    /// The rule by which.
    pub(crate) rule: Arc<str>,
    /// By the process's clock; none is until it is released.
    until: Option<Duration>,
    /// In which turn it came to be known.
    turn: u64,
}

impl Hold {
    fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn outlasts(&self, other: &Self) -> bool {
        self.until.unwrap_or(Duration::MAX) > other.until.unwrap_or(Duration::MAX)
    }
}

/// All of them. Unlike [`Known`](super::known::Known) this is changed in place: thousands may be added in a second.
#[derive(Debug)]
pub(super) struct Holds {
    parts: [RwLock<HashMap<IpAddr, Hold>>; PARTS],
    count: AtomicUsize,
    /// Goes on with each release and each reading of the store: who was decided upon before is not held after.
    turn: AtomicU64,
    /// Whether other nodes are to be told.
    news: AtomicBool,
    /// How often clients had been held when the store was read.
    generation: AtomicI64,
    /// Until when the store is left alone, in milliseconds.
    rests: AtomicU64,
    /// When those that are over are looked for again, in milliseconds.
    swept: AtomicU64,
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| RwLock::default()),
            count: AtomicUsize::new(0),
            turn: AtomicU64::new(0),
            news: AtomicBool::new(false),
            generation: AtomicI64::new(i64::MIN),
            rests: AtomicU64::new(0),
            swept: AtomicU64::new(0),
        }
    }
}

impl Holds {
    fn part(&self, client: IpAddr) -> Option<&RwLock<HashMap<IpAddr, Hold>>> {
        // Of IPv6 it is the network, whose last bytes are all the same.
        let byte = match client {
            IpAddr::V4(client) => client.octets()[3],
            IpAddr::V6(client) => client.octets().iter().fold(0, |all, byte| all ^ byte),
        };
        self.parts.get(usize::from(byte) % PARTS)
    }

    fn is_empty(&self) -> bool {
        // Every request comes by here, on every thread.
        self.count.load(Ordering::Relaxed) == 0
    }

    fn find(&self, client: IpAddr, now: Duration) -> Option<Hold> {
        let part = self.part(client)?.read();
        let part = part.unwrap_or_else(PoisonError::into_inner);
        part.get(&client).filter(|hold| !hold.is_over(now)).cloned()
    }

    /// Keeps the one that lasts longer of two; whether this is another one, and there was room.
    fn insert(&self, client: IpAddr, hold: Hold, now: Duration) -> bool {
        self.put(client, hold, now, |held, hold| !hold.outlasts(held))
    }

    fn put(
        &self,
        client: IpAddr,
        hold: Hold,
        now: Duration,
        stays: impl Fn(&Hold, &Hold) -> bool,
    ) -> bool {
        if self.count.load(Ordering::Acquire) >= MOST {
            // All parts are locked for it, which each answer of a flood must not do.
            let swept = self.swept.load(Ordering::Acquire);
            if millis(now) >= swept {
                let next = millis(now).saturating_add(SWEEPS);
                self.swept.store(next, Ordering::Release);
                self.retain(|_, hold| !hold.is_over(now));
            }
            if self.count.load(Ordering::Acquire) >= MOST {
                return false;
            }
        }
        let Some(part) = self.part(client) else {
            return false;
        };
        let mut part = locked(part);
        if part.get(&client).is_some_and(|held| stays(held, &hold)) {
            return false;
        }
        if part.insert(client, hold).is_none() {
            self.count.fetch_add(1, Ordering::AcqRel);
        }
        true
    }

    fn retain(&self, keep: impl Fn(IpAddr, &Hold) -> bool) -> usize {
        let mut gone = 0;
        for part in &self.parts {
            let mut part = locked(part);
            let before = part.len();
            part.retain(|client, hold| keep(*client, hold));
            let less = before - part.len();
            self.count.fetch_sub(less, Ordering::AcqRel);
            gone += less;
        }
        gone
    }

    /// Knows what `earlier` does.
    pub(super) fn begin_with(&self, earlier: &Self) {
        for part in &earlier.parts {
            let part = part.read().unwrap_or_else(PoisonError::into_inner).clone();
            for (client, hold) in part {
                self.insert(client, Hold { turn: 0, ..hold }, Duration::ZERO);
            }
        }
        self.news
            .store(earlier.news.load(Ordering::Acquire), Ordering::Release);
    }

    /// Forgets whom a release lets in again, and what is decided meanwhile; whether there was one.
    pub(super) fn release(&self, which: Release) -> bool {
        self.turn.fetch_add(1, Ordering::AcqRel);
        let stays = |client: IpAddr, hold: &Hold| match which {
            Release::Id(id) => hold.id != id,
            Release::Client(released) => client != released,
            _ => true,
        };
        !self.is_empty() && self.retain(stays) > 0
    }

    /// Whether there is something to learn in the store, where clients were held so often.
    pub(super) fn are_news(&self, generation: i64, now: Duration) -> bool {
        self.generation.load(Ordering::Acquire) != generation
            && millis(now) >= self.rests.load(Ordering::Acquire)
    }

    /// Begins to read the store; whoever is held from now on may not be found there.
    pub(super) fn begin(&self) -> Found {
        let turn = self.turn.fetch_add(1, Ordering::AcqRel) + 1;
        Found {
            clients: HashMap::new(),
            turn,
        }
    }

    /// Takes what was `found` in the place of what was known, where clients had been held so often.
    pub(super) fn learn(&self, found: Found, generation: i64, (began, now): (Duration, Duration)) {
        self.retain(|client, hold| hold.turn >= found.turn || found.clients.contains_key(&client));
        for (client, hold) in found.clients {
            let is_later =
                |held: &Hold, hold: &Hold| held.turn >= found.turn && held.outlasts(hold);
            self.put(client, hold, now, is_later);
        }
        self.generation.store(generation, Ordering::Release);
        let rest = now.saturating_sub(began).saturating_mul(REST);
        self.rests
            .store(millis(now.saturating_add(rest)), Ordering::Release);
    }
}

/// Who is held, as it stands in the store.
#[derive(Debug)]
pub(super) struct Found {
    clients: HashMap<IpAddr, Hold>,
    turn: u64,
}

impl Found {
    /// Takes note of a block, if it is one of these.
    pub(super) fn note(&mut self, block: &Block, now: Duration) {
        let Subject::Client(client) = block.subject else {
            return;
        };
        if !block.rule.starts_with(PREFIX) || self.clients.len() >= MOST {
            return;
        }
        let hold = Hold {
            id: block.id(),
            rule: block.rule.as_str().into(),
            until: block.left.map(|left| now.saturating_add(left)),
            // Whatever was released since is known to be so by the next reading.
            turn: 0,
        };
        let known = self.clients.get(&client);
        if known.is_none_or(|known| hold.outlasts(known)) {
            self.clients.insert(client, hold);
        }
    }
}

impl Blocklist {
    /// The turn in which a client is decided upon, for [`hold`](Self::hold).
    pub(crate) fn turn(&self) -> u64 {
        self.0.holds.turn.load(Ordering::Acquire)
    }

    /// Holds a client out that a rule has locked in the store for as long as is `left`; other nodes learn it.
    ///
    /// Nothing is done where somebody was released since `turn`: it may have been this one.
    pub(crate) fn hold(
        &self,
        client: IpAddr,
        id: BlockId,
        rule: &Arc<str>,
        left: Option<Duration>,
        turn: u64,
    ) {
        if self.turn() != turn {
            return;
        }
        let now = self.0.clock.monotonic();
        let hold = Hold {
            id,
            rule: Arc::clone(rule),
            until: left.map(|left| now.saturating_add(left)),
            turn,
        };
        if self.0.holds.insert(client, hold, now) {
            self.0.holds.news.store(true, Ordering::Release);
        }
    }

    /// Whether the client who sent a request is held out, and for how much longer.
    pub(crate) fn found_held(&self, client: &ClientAddress) -> Option<(Hold, Option<Duration>)> {
        if self.0.holds.is_empty() {
            return None;
        }
        let now = self.0.clock.monotonic();
        let hold = self.0.holds.find(client.network(), now)?;
        let left = hold.until.map(|until| until.saturating_sub(now));
        Some((hold, left))
    }

    pub(super) fn held_key(&self) -> CounterKey {
        self.0.keys.key(HELD.name(), &[])
    }

    pub(super) fn look_at_held(&self) -> Op<'static> {
        Op::new(self.held_key(), &HELD, Action::Get)
    }

    /// Has other nodes look, if somebody was held here; forgets who is not any more.
    pub(super) async fn tell_of_held(&self, _turn: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let holds = &self.0.holds;
        if !holds.is_empty() {
            let now = self.0.clock.monotonic();
            holds.retain(|_, hold| !hold.is_over(now));
        }
        if !holds.news.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let add = Op::new(self.held_key(), &HELD, Action::Add { points: 1 });
        let told = self.0.store.decide(&[add]).await;
        let counted = match told {
            Ok(decided) => decided.state().count,
            Err(error) => {
                holds.news.store(true, Ordering::Release);
                return Err(error);
            }
        };
        // Nothing to learn, if nobody else has held anybody.
        let _ = holds.generation.compare_exchange(
            counted.saturating_sub(1),
            counted,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        Ok(())
    }
}

fn locked(part: &RwLock<HashMap<IpAddr, Hold>>) -> RwLockWriteGuard<'_, HashMap<IpAddr, Hold>> {
    part.write().unwrap_or_else(PoisonError::into_inner)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn no_more_are_known_than_there_is_room_for() {
        let holds = Holds::default();
        let client = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        let hold = |number, now| {
            let hold = Hold {
                id: BlockId::of(CounterKey::from_bits(7)),
                rule: "scan/x".into(),
                until: Some(now + at(60)),
                turn: 0,
            };
            holds.insert(client(number), hold, now)
        };
        assert!((0..MOST).all(|number| hold(number, at(1))));
        assert!(!hold(MOST, at(1)));
        assert!(holds.find(client(0), at(60)).is_some());
        assert!(holds.find(client(MOST), at(60)).is_none());
        // Those that are over make room.
        assert!(hold(MOST, at(61)));
        assert!(holds.find(client(0), at(61)).is_none());
        assert_eq!(holds.count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_store_that_takes_long_to_read_is_left_alone_for_longer() {
        let holds = Holds::default();
        assert!(holds.are_news(0, at(1)));
        holds.learn(holds.begin(), 0, (at(1), at(3)));
        assert!(!holds.are_news(0, at(100)));
        assert!(!holds.are_news(1, at(42)) && holds.are_news(1, at(43)));
    }

    #[test]
    fn who_is_held_while_the_store_is_read_stays_known() {
        let holds = Holds::default();
        let hold = |turn| Hold {
            id: BlockId::of(CounterKey::from_bits(7)),
            rule: "scan/x".into(),
            until: None,
            turn,
        };
        let [before, meanwhile]: [IpAddr; 2] = [[203, 0, 113, 9].into(), [203, 0, 113, 10].into()];
        holds.insert(before, hold(0), at(1));
        let found = holds.begin();
        holds.insert(meanwhile, hold(1), at(1));
        holds.learn(found, 0, (at(1), at(1)));
        assert!(holds.find(before, at(1)).is_none());
        assert!(holds.find(meanwhile, at(1)).is_some());
    }
}
