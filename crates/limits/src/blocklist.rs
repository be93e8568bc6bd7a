//! Clients that are blocked by hand, for every request.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use panoply_core::{
    Action, BlockId, ClientAddress, Clock, CounterKey, CounterKeys, CounterStore, Op, Refusal,
    RefusedOr, Release, Rule, StoreError, Subject, SystemClock,
};
use tokio::sync::{Mutex, MutexGuard};
use tower_layer::Layer;
use tower_service::Service;

/// The clients that somebody has blocked, on every node that shares the store.
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
    known: ArcSwap<HashMap<IpAddr, Entry>>,
    generation: AtomicI64,
    /// Whose change it is: what one has read or done must be known here before another goes on, or a client
    /// that is released and blocked at once would be known as neither.
    turn: Mutex<()>,
    /// Whether it was said that nobody can be told from another.
    told: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: BlockId,
    /// By the process's clock; none is for ever.
    until: Option<Duration>,
}

/// The rule by which a client is blocked by hand.
const RULE: &str = "block/client";

/// Of more clients than this the rest is not blocked, which is said where one is added, and in the log.
const MOST: usize = 100_000;

const PAGE: usize = 1_000;

/// Why nobody is added.
const FULL: &str = "100,000 clients are blocked by hand, and more are not looked at: release some first, or block \
    networks in a firewall";

static BLOCK: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(RULE, 0, Duration::ZERO).without_window());

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
            generation: AtomicI64::new(i64::MIN),
            turn: Mutex::new(()),
            told: AtomicBool::new(false),
        }))
    }

    /// Knows what `earlier` does, until it is [refreshed](Self::refresh): for a list in place of another, by
    /// the same clock, so that nobody is let in while the store cannot be asked.
    pub fn begin_with(&self, earlier: &Self) {
        self.0.known.store(earlier.0.known.load_full());
        self.0.generation.store(i64::MIN, Ordering::Release);
    }

    /// Blocks a client for `time`, or until it is released, in place of an earlier block.
    ///
    /// # Errors
    ///
    /// When the store fails, or 100,000 are blocked already.
    pub async fn add(&self, client: IpAddr, time: Option<Duration>) -> Result<BlockId, StoreError> {
        let turn = self.0.turn.lock().await;
        if !self.has_room_for(client) {
            return Err(StoreError::permanent(FULL));
        }
        let key = self.0.keys.key(RULE, &[client.to_string().as_bytes()]);
        let block = Op::new(key, &BLOCK, Action::Block { time }).about(Subject::Client(client));
        let decided = self.0.store.decide(&[block, self.change()]).await?;
        let id = BlockId::of(key);
        let until = time.map(|time| self.0.clock.monotonic().saturating_add(time));
        let generation = decided.states().get(1).map(|changes| changes.count);
        let entry = Entry { id, until };
        let note = |known: &mut HashMap<IpAddr, Entry>| {
            known.insert(client, entry);
        };
        if !generation.is_some_and(|now| self.note(now, note)) {
            self.read(&turn).await?;
        }
        Ok(id)
    }

    /// Whether one more can be known; what is over makes room.
    fn has_room_for(&self, client: IpAddr) -> bool {
        let has_room =
            |known: &HashMap<IpAddr, Entry>| known.len() < MOST || known.contains_key(&client);
        if has_room(&self.0.known.load()) {
            return true;
        }
        let now = self.0.clock.monotonic();
        self.0.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.retain(|_, entry| entry.until.is_none_or(|until| now < until));
            known
        });
        has_room(&self.0.known.load())
    }

    /// Takes note of a change, if it is the only one since the list was read: whoever adds thousands, or
    /// releases one of a million that stand for limits, does not have all of them read each time.
    fn note(&self, generation: i64, note: impl Fn(&mut HashMap<IpAddr, Entry>)) -> bool {
        let (earlier, known) = (generation.saturating_sub(1), &self.0.known);
        let only = { &self.0.generation }
            .compare_exchange(earlier, generation, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if only {
            known.rcu(|known| {
                let mut known = HashMap::clone(known);
                note(&mut known);
                known
            });
        }
        only
    }

    /// Releases blocks, those of logins as well; says how many there were.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn release(&self, which: Release) -> Result<usize, StoreError> {
        let turn = self.0.turn.lock().await;
        let released = self.0.store.release(which).await?;
        let decided = self.0.store.decide(&[self.change()]).await?;
        let generation = decided.state().count;
        let (id, client) = match which {
            Release::Id(id) => (Some(id), None),
            Release::Client(client) => (None, Some(client)),
            _ => (None, None),
        };
        let note = |known: &mut HashMap<IpAddr, Entry>| {
            known.retain(|of, entry| Some(entry.id) != id && Some(*of) != client);
        };
        // Where more are blocked than are known, one of those takes the place.
        let is_known = (id.is_some() || client.is_some()) && self.0.known.load().len() <= MOST;
        if !(is_known && self.note(generation, note)) {
            self.read(&turn).await?;
        }
        Ok(released)
    }

    /// Learns what has changed in the store, if anything has.
    ///
    /// # Errors
    ///
    /// When the store fails; what was known stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let turn = self.0.turn.lock().await;
        self.read(&turn).await
    }

    /// Learns once in `every` what has changed, for as long as it is polled: spawn it beside the server, where
    /// several processes share the store. What was blocked before the start is known with its first turn.
    ///
    /// ```no_run
    /// # async fn run(blocklist: panoply_limits::Blocklist) {
    /// tokio::spawn(blocklist.follow(std::time::Duration::from_secs(1)));
    /// # }
    /// ```
    pub fn follow(&self, every: Duration) -> impl Future<Output = Infallible> + Send + 'static {
        let list = self.clone();
        async move {
            let mut away = false;
            loop {
                match list.refresh().await {
                    Ok(()) => away = false,
                    Err(error) if !away => {
                        tracing::warn!(%error, "the store is away, so what others block is not learnt");
                        away = true;
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(every).await;
            }
        }
    }

    /// Says in the log, once, that a block would refuse nobody.
    fn tell_of_nobody(&self) {
        if !self.0.known.load().is_empty() && !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "clients are blocked, and requests carry no client address, so nobody is refused: the suit or a \
                 ClientLayer must stand around the blocks, and be served with the peer's address \
                 (into_make_service_with_connect_info::<SocketAddr>())"
            );
        }
    }

    async fn read(&self, _turn: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let look = Op::new(self.changes(), &CHANGES, Action::Get);
        let generation = self.0.store.decide(&[look]).await?.state().count;
        if self.0.generation.load(Ordering::Acquire) == generation {
            return Ok(());
        }
        let mut known = HashMap::new();
        let mut after = None;
        loop {
            let now = self.0.clock.monotonic();
            let page = self.0.store.blocks(after, PAGE).await?;
            let last = page.len() < PAGE;
            after = page.last().map(panoply_core::Block::id);
            for block in page.iter().filter(|block| block.rule == RULE) {
                let until = block.left.map(|left| now.saturating_add(left));
                let entry = Entry {
                    id: block.id(),
                    until,
                };
                known.extend(block.subject.address().map(|client| (client, entry)));
            }
            if known.len() > MOST {
                tracing::warn!(
                    most = MOST,
                    "more clients are blocked by hand than are looked at"
                );
                break;
            }
            if last {
                break;
            }
        }
        self.0.known.store(Arc::new(known));
        self.0.generation.store(generation, Ordering::Release);
        Ok(())
    }

    /// The block of a client, if there is one; give [`ClientAddress::network`].
    pub fn find(&self, client: IpAddr) -> Option<BlockId> {
        let known = self.0.known.load();
        if known.is_empty() {
            return None;
        }
        let entry = known.get(&client)?;
        let holds = |until: Duration| self.0.clock.monotonic() < until;
        entry.until.is_none_or(holds).then_some(entry.id)
    }

    fn change(&self) -> Op<'static> {
        Op::new(self.changes(), &CHANGES, Action::Add { points: 1 })
    }

    fn changes(&self) -> CounterKey {
        self.0.keys.key(CHANGES.name(), &[])
    }
}

/// Refuses clients that are on a [`Blocklist`], with 403.
#[derive(Debug, Clone)]
pub struct BlockLayer(Blocklist);

impl BlockLayer {
    /// Refuses whom `list` names.
    pub const fn new(list: Blocklist) -> Self {
        Self(list)
    }

    /// The list.
    pub const fn list(&self) -> &Blocklist {
        &self.0
    }
}

impl<S> Layer<S> for BlockLayer {
    type Service = BlockService<S>;

    fn layer(&self, inner: S) -> BlockService<S> {
        BlockService {
            inner,
            list: self.0.clone(),
        }
    }
}

/// The service that [`BlockLayer`] makes.
#[derive(Debug, Clone)]
pub struct BlockService<S> {
    inner: S,
    list: Blocklist,
}

impl<S, B, R> Service<Request<B>> for BlockService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BlockFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = request.extensions().get::<ClientAddress>();
        if client.is_none() {
            self.list.tell_of_nobody();
        }
        let block = client.and_then(|client| {
            let (network, own) = (client.network(), client.ip());
            // Of IPv6 the whole network is one client, and a block may be of one address all the same.
            let alone = || (own != network).then(|| self.list.find(own)).flatten();
            self.list.find(network).or_else(alone)
        });
        let Some(block) = block else {
            return RefusedOr::passed(self.inner.call(request));
        };
        let detail = "Requests from your address are not accepted.";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, RULE, detail).with_block(block);
        RefusedOr::refused(refusal.answer_to(&request))
    }
}

/// The future of [`BlockService`].
pub type BlockFuture<F> = RefusedOr<F>;

#[cfg(test)]
mod tests;
