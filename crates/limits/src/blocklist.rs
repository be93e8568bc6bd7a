//! Clients and networks that are blocked by hand, and clients that are held out, for every request.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use panoply_core::{
    Action, BlockId, ClientAddress, Clock, CounterKey, CounterKeys, CounterStore, Network, Op,
    Release, Rule, StoreError, Subject, SystemClock,
};
use tokio::sync::Mutex;

use self::holds::Holds;
use self::known::{Entry, Known, Whom};

mod error;
mod everybody;
mod holds;
mod known;
mod layer;
mod learn;
mod loss;

pub use error::BlockError;
pub use everybody::{Challenged, Maintenance};
pub(crate) use holds::PREFIX;
pub use layer::{BlockFuture, BlockLayer, BlockService};
pub use loss::Loss;

/// The clients and networks that somebody has blocked, on every node that shares the store.
///
/// The list is kept in the store and known here, so that looking a client up costs no round trip.
/// [`refresh`](Self::refresh) it every second or so to learn what other nodes have done; it asks
/// one counter whether there is anything to learn.
#[derive(Debug, Clone)]
pub struct Blocklist(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn CounterStore>,
    keys: CounterKeys,
    clock: Arc<dyn Clock>,
    known: ArcSwap<Known>,
    holds: Holds,
    generation: AtomicI64,
    loss: ArcSwapOption<Loss>,
    /// Whose change it is: what one has read or done must be known here before another goes on, or a client
    /// that is released and blocked at once would be known as neither.
    turn: Mutex<()>,
    /// Whether it was said that nobody can be told from another.
    told: AtomicBool,
    /// Whether it was ever known that everybody has to show that he runs a browser.
    challenges: AtomicBool,
}

/// The rule by which a client is blocked by hand.
const RULE: &str = "block/client";

/// The rule by which a network is.
const NETWORK: &str = "block/network";

/// The rule by which everybody is.
const MAINTENANCE: &str = "maintenance";

/// The rule by which everybody has to show that he runs a browser.
const CHALLENGE: &str = "challenge";

/// Of more clients and networks than this the rest is not blocked, which is said where one is added, and in the log.
const MOST: usize = 100_000;

const PAGE: usize = 1_000;

/// Why nobody is added.
const FULL: &str = "100,000 clients and networks are blocked by hand, and more are not looked at: release some \
    first, or block networks in the place of their clients";

static BLOCK: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(RULE, 0, Duration::ZERO).without_window());

static BLOCK_NETWORK: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(NETWORK, 0, Duration::ZERO).without_window());

static CLOSED: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(MAINTENANCE, 0, Duration::ZERO).without_window());

static CHALLENGED: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(CHALLENGE, 0, Duration::ZERO).without_window());

/// A block in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    id: BlockId,
    rule: &'static str,
}

/// Counts the changes of the list.
static CHANGES: LazyLock<Rule> =
    LazyLock::new(|| Rule::new("block/changes", i64::MAX, Duration::ZERO).without_window());

impl Blocklist {
    /// The list that is kept in `store`; nodes that share it share the keys' secret.
    pub fn new(store: Arc<dyn CounterStore>, keys: CounterKeys) -> Self {
        Self::with_clock(store, keys, SystemClock::new())
    }

    /// The same with time from `clock`.
    pub fn with_clock(
        store: Arc<dyn CounterStore>,
        keys: CounterKeys,
        clock: impl Clock + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            keys,
            clock: Arc::new(clock),
            known: ArcSwap::default(),
            holds: Holds::default(),
            generation: AtomicI64::new(i64::MIN),
            loss: ArcSwapOption::empty(),
            turn: Mutex::new(()),
            told: AtomicBool::new(false),
            challenges: AtomicBool::new(false),
        }))
    }

    #[cfg(test)]
    pub(crate) fn store_of(&self) -> Arc<dyn CounterStore> {
        Arc::clone(&self.0.store)
    }

    pub(crate) fn store(&self) -> &dyn CounterStore {
        &*self.0.store
    }

    pub(crate) fn keys(&self) -> &CounterKeys {
        &self.0.keys
    }

    /// Knows what `earlier` does, until it is [refreshed](Self::refresh): for a list in place of another, by
    /// the same clock, so that nobody is let in while the store cannot be asked.
    pub fn begin_with(&self, earlier: &Self) {
        self.0.known.store(earlier.0.known.load_full());
        self.0.holds.begin_with(&earlier.0.holds);
        self.0.loss.store(earlier.0.loss.load_full());
        self.0.generation.store(i64::MIN, Ordering::Release);
        self.note_challenge(earlier.has_challenged());
    }

    /// Blocks a client for `time`, or until it is released, in place of an earlier block.
    ///
    /// # Errors
    ///
    /// When the store fails, or 100,000 are blocked already.
    pub async fn add(&self, client: IpAddr, time: Option<Duration>) -> Result<BlockId, StoreError> {
        self.put(Whom::Client(client), time).await
    }

    /// Blocks all clients of a network for `time`, or until it is released, in place of an earlier block. Where
    /// networks lie in each other, each holds by itself; a network of one address of IPv4 is that client.
    ///
    /// ```
    /// # async fn block(blocklist: panoply_limits::Blocklist) -> Result<(), panoply_limits::BlockError> {
    /// use panoply_core::Network;
    ///
    /// if let Some(network) = Network::parse("203.0.113.0/24") {
    ///     blocklist.add_network(network, None).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When it is too wide, holds this machine, the store fails, or 100,000 are blocked already.
    pub async fn add_network(
        &self,
        network: Network,
        time: Option<Duration>,
    ) -> Result<BlockId, BlockError> {
        if network.is_one() && network.address().is_ipv4() {
            return Ok(self.add(network.address(), time).await?);
        }
        error::checked(network)?;
        Ok(self.put(Whom::Network(network), time).await?)
    }

    async fn put(&self, whom: Whom, time: Option<Duration>) -> Result<BlockId, StoreError> {
        let block = self.block(whom, time);
        let turn = self.0.turn.lock().await;
        let is_one = matches!(whom, Whom::Client(_) | Whom::Network(_));
        if is_one && !self.has_room_for(whom) {
            return Err(StoreError::permanent(FULL));
        }
        let decided = self.0.store.decide(&[block, self.change()]).await?;
        self.note_challenge(whom == Whom::Challenged);
        let id = BlockId::of(block.key);
        let until = time.map(|time| self.0.clock.monotonic().saturating_add(time));
        let generation = decided.states().get(1).map(|changes| changes.count);
        let entry = Entry { id, until };
        let note = |known: &mut Known| known.insert(whom, entry);
        if !generation.is_some_and(|now| self.note(now, note)) {
            let before = self.0.generation.load(Ordering::Acquire);
            if generation.is_some_and(|now| now <= before) {
                // It counts anew, and has come to where this one was: not what it was, all the same.
                let later = before.saturating_add(1);
                self.0.generation.store(later, Ordering::Release);
            }
            self.read(&turn).await?;
        }
        Ok(id)
    }

    fn key(&self, whom: Whom) -> CounterKey {
        let keys = &self.0.keys;
        match whom {
            Whom::Client(client) => keys.key(RULE, &[client.to_string().as_bytes()]),
            Whom::Network(network) => keys.key(NETWORK, &[network.to_string().as_bytes()]),
            Whom::Everybody => keys.key(MAINTENANCE, &[]),
            Whom::Challenged => keys.key(CHALLENGE, &[]),
        }
    }

    /// What has the store know it.
    fn block(&self, whom: Whom, time: Option<Duration>) -> Op<'static> {
        let (rule, subject) = match whom {
            Whom::Client(client) => (&BLOCK, Subject::Client(client)),
            Whom::Network(network) => (&BLOCK_NETWORK, Subject::Network(network)),
            Whom::Everybody => (&CLOSED, Subject::Hidden),
            Whom::Challenged => (&CHALLENGED, Subject::Hidden),
        };
        Op::new(self.key(whom), rule, Action::Block { time }).about(subject)
    }

    /// Whether one more can be known; what is over makes room.
    fn has_room_for(&self, whom: Whom) -> bool {
        let has_room = |known: &Known| known.len() < MOST || known.knows(whom);
        if has_room(&self.0.known.load()) {
            return true;
        }
        self.change_known(|known| known.retain(|_, entry| self.in_force(entry)));
        has_room(&self.0.known.load())
    }

    fn in_force(&self, entry: &Entry) -> bool {
        let holds = |until: Duration| self.0.clock.monotonic() < until;
        entry.until.is_none_or(holds)
    }

    /// Takes note of a change, if it is the only one since the list was read: whoever adds thousands, or
    /// releases one of a million that stand for limits, does not have all of them read each time.
    fn note(&self, generation: i64, note: impl Fn(&mut Known)) -> bool {
        let earlier = generation.saturating_sub(1);
        let only = { &self.0.generation }
            .compare_exchange(earlier, generation, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if only {
            self.change_known(note);
        }
        only
    }

    fn change_known(&self, change: impl Fn(&mut Known)) {
        self.0.known.rcu(|known| {
            let mut known = Known::clone(known);
            change(&mut known);
            known
        });
    }

    /// Releases blocks, those of logins as well; says how many there were.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn release(&self, which: Release) -> Result<usize, StoreError> {
        let turn = self.0.turn.lock().await;
        let released = self.0.store.release(which).await?;
        let was_held = self.0.holds.release(which);
        let decided = self.0.store.decide(&[self.change()]).await?;
        let generation = decided.state().count;
        let (id, client) = match which {
            Release::Id(id) => (Some(id), None),
            Release::Client(client) => (None, Some(client)),
            _ => (None, None),
        };
        let client = client.map(Whom::Client);
        let note = |known: &mut Known| {
            known.retain(|of, entry| Some(entry.id) != id && Some(of) != client);
        };
        // Where more are blocked than are known, one of those takes the place.
        let is_known = (id.is_some() || client.is_some()) && self.0.known.load().len() <= MOST;
        // Another rule may hold the same client.
        let is_known = is_known && !was_held;
        if !(is_known && self.note(generation, note)) {
            // Or it would be put back, had the store lost what was written to it.
            self.change_known(note);
            self.read(&turn).await?;
        }
        Ok(released)
    }

    /// Releases a network that is blocked; says how many there were, one or none. Clients in it that are blocked
    /// by themselves, and networks in it, stay blocked.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn release_network(&self, network: Network) -> Result<usize, StoreError> {
        if network.is_one() && network.address().is_ipv4() {
            return self.release(Release::Client(network.address())).await;
        }
        self.release(Release::Id(BlockId::of(self.key(Whom::Network(network)))))
            .await
    }

    /// Says in the log, once, that a block would refuse nobody.
    fn tell_of_nobody(&self) {
        if self.0.known.load().names_somebody() && !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "clients are blocked, and requests carry no client address, so nobody is refused: the suit or a \
                 ClientLayer must stand around the blocks, and be served with the peer's address \
                 (into_make_service_with_connect_info::<SocketAddr>())"
            );
        }
    }

    /// The block of an address, its own or that of a network that holds it, if there is one. For a request ask
    /// [`find_client`](Self::find_client).
    pub fn find(&self, client: IpAddr) -> Option<BlockId> {
        let known = self.0.known.load();
        if known.is_empty() {
            return None;
        }
        let held = self.own(&known, client);
        held.or_else(|| self.wider(&known, client))
            .map(|held| held.id)
    }

    /// The block of whoever sent a request, if there is one, by hand or of an [`AnswerLayer`](crate::AnswerLayer),
    /// whether or not it spares him: for that ask [`BlockLayer::block_of`].
    pub fn find_client(&self, client: &ClientAddress) -> Option<BlockId> {
        let by_hand = self.held(client).map(|held| held.id);
        by_hand.or_else(|| self.found_held(client).map(|(hold, _)| hold.id))
    }

    /// The narrowest network that is blocked and holds the address, if there is one.
    pub fn find_network(&self, client: IpAddr) -> Option<Network> {
        let known = self.0.known.load();
        let found = known.network_of(client.to_canonical(), |entry| self.in_force(entry));
        found.map(|(network, _)| network)
    }

    fn held(&self, client: &ClientAddress) -> Option<Held> {
        let known = self.0.known.load();
        if known.is_empty() {
            return None;
        }
        let (network, own) = (client.network(), client.ip());
        // Of IPv6 the whole network is one client, and a block may be of one address all the same.
        let alone = || (own != network).then(|| self.own(&known, own)).flatten();
        self.own(&known, network)
            .or_else(alone)
            .or_else(|| self.wider(&known, own))
    }

    fn own(&self, known: &Known, client: IpAddr) -> Option<Held> {
        let entry = known.clients.get(&client);
        let entry = entry.filter(|entry| self.in_force(entry))?;
        let (id, rule) = (entry.id, RULE);
        Some(Held { id, rule })
    }

    fn wider(&self, known: &Known, client: IpAddr) -> Option<Held> {
        let (_, entry) = known.network_of(client, |entry| self.in_force(entry))?;
        let (id, rule) = (entry.id, NETWORK);
        Some(Held { id, rule })
    }

    fn change(&self) -> Op<'static> {
        Op::new(self.changes(), &CHANGES, Action::Add { points: 1 })
    }

    fn changes(&self) -> CounterKey {
        self.0.keys.key(CHANGES.name(), &[])
    }
}

#[cfg(test)]
mod tests;
