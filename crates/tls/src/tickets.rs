//! Session tickets (RFC 8446 §4.6.1, RFC 5077) under keys that are replaced, and that nodes share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use panoply_core::{Clock, Secret, StoreError};
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

use crate::nodes::Nodes;

/// How long a key seals; tickets are good for as long.
const PERIOD: u64 = 12 * 60 * 60;

/// How long before its time a key is made, so that every node knows it by then.
const LEAD: u64 = 60 * 60;

/// More than nodes ever make in the time that keys are kept.
const MOST: usize = 16;

/// The name under which nodes share the keys.
const NAME: &str = "tickets";

const ID: usize = 16;
const KEY: usize = 32;

/// The keys that seal session tickets. A client that comes back with one takes up its session where
/// it left it, with one round trip less and no signature.
///
/// Each key seals for 12 hours, opens for 12 more, and is forgotten: whoever steals the keys of today
/// reads nothing of last week. Keys are never written to a disk. Clones share them, so that they
/// outlast a reload of the configuration; a process may hand them over to the next.
#[derive(Clone, Default)]
pub struct Tickets(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ring: ArcSwap<Ring>,
    /// Whoever changes the ring.
    change: Mutex<()>,
}

/// The keys by when they begin to seal, earliest first.
type Ring = Vec<Arc<TicketKey>>;

struct TicketKey {
    id: [u8; ID],
    bytes: Zeroizing<[u8; KEY]>,
    key: RandomizedNonceKey,
    /// When it begins to seal, in seconds since 1970.
    from: u64,
    /// Whether all nodes have it; others only open once there is such a one.
    shared: bool,
}

impl TicketKey {
    fn random(from: u64, shared: bool) -> Option<Self> {
        let (mut id, mut bytes) = ([0; ID], Zeroizing::new([0; KEY]));
        rand::fill(&mut id).ok()?;
        rand::fill(&mut *bytes).ok()?;
        Self::new(id, bytes, from, shared)
    }

    fn new(id: [u8; ID], bytes: Zeroizing<[u8; KEY]>, from: u64, shared: bool) -> Option<Self> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &*bytes).ok()?;
        Some(Self {
            id,
            bytes,
            key,
            from,
            shared,
        })
    }

    /// As nodes keep it.
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut all = Zeroizing::new(Vec::with_capacity(8 + ID + KEY));
        all.extend_from_slice(&self.from.to_be_bytes());
        all.extend_from_slice(&self.id);
        all.extend_from_slice(&*self.bytes);
        all
    }

    fn from_bytes(all: &[u8]) -> Option<Self> {
        let (from, rest) = all.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<ID>()?;
        let bytes = Zeroizing::new(<[u8; KEY]>::try_from(rest).ok()?);
        Self::new(*id, bytes, u64::from_be_bytes(*from), true)
    }

    /// What it is called among nodes.
    fn name(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.id))
    }

    fn is_over(&self, now: u64) -> bool {
        now >= self.from.saturating_add(2 * PERIOD)
    }

    /// Whether a clock that was right has made it.
    fn is_credible(&self, now: u64) -> bool {
        self.from <= now.saturating_add(PERIOD)
    }

    fn seal(&self, about: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = Vec::with_capacity(ID + plain.len() + 16 + NONCE_LEN);
        sealed.extend_from_slice(plain);
        let about = Aad::from(about);
        let nonce = self.key.seal_in_place_append_tag(about, &mut sealed);
        sealed.extend_from_slice(nonce.ok()?.as_ref());
        sealed.extend_from_slice(&self.id);
        Some(sealed)
    }

    fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (sealed, nonce) = sealed.split_last_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut plain = sealed.to_vec();
        let length = { self.key.open_in_place(nonce, Aad::from(about), &mut plain) }
            .ok()?
            .len();
        plain.truncate(length);
        Some(plain)
    }
}

impl Tickets {
    /// Shares keys with every node that does so too, so that a client's session goes on wherever it
    /// comes next; to be called every few seconds. A key is made an hour before it seals.
    ///
    /// # Errors
    ///
    /// When the store fails. Tickets go on under the keys that are known.
    pub async fn share(&self, nodes: &Nodes, clock: &dyn Clock) -> Result<(), StoreError> {
        let now = now(clock);
        let theirs = nodes.load(NAME).await?.unwrap_or_default();
        let keys: Vec<TicketKey> = { theirs.values() }
            .filter_map(|bytes| TicketKey::from_bytes(bytes))
            .filter(|key| key.is_credible(now) && !key.is_over(now))
            .collect();
        let known: Vec<String> = keys.iter().map(TicketKey::name).collect();
        let last = keys.iter().map(|key| key.from).max();
        let due = last.is_none_or(|last| now + LEAD >= last + PERIOD);
        let new = due.then(|| {
            let from = last.map_or(now, |last| now.max(last + PERIOD));
            TicketKey::random(from, true)
        });
        let gone = theirs.keys().filter(|name| !known.contains(name));
        let mut values: Vec<(&str, Option<&[u8]>)> =
            gone.map(|name| (name.as_str(), None)).collect();
        let new = new.flatten();
        let written = new.as_ref().map(|key| (key.name(), key.to_bytes()));
        if let Some((name, bytes)) = &written {
            values.push((name, Some(bytes)));
            nodes
                .put(NAME, &values, Duration::from_secs(2 * PERIOD))
                .await?;
        }
        self.add(keys.into_iter().chain(new), now);
        Ok(())
    }

    /// The keys, for a process that takes over from this one on the same machine, so that clients' sessions
    /// go on there: [`take_over`](Self::take_over) reads them.
    ///
    /// ```
    /// use panoply_core::SystemClock;
    /// use panoply_tls::Tickets;
    ///
    /// let (before, after) = (Tickets::default(), Tickets::default());
    /// after.take_over(&before.hand_over(), &SystemClock::new());
    /// ```
    pub fn hand_over(&self) -> Vec<Secret> {
        let ring = self.0.ring.load();
        let with_sharing = |key: &Arc<TicketKey>| {
            let mut bytes = Vec::with_capacity(1 + 8 + ID + KEY);
            bytes.push(u8::from(key.shared));
            bytes.extend_from_slice(&key.to_bytes());
            Secret::new(bytes)
        };
        ring.iter().map(with_sharing).collect()
    }

    /// Takes the keys over that another process has handed over. What is no key, or none of this day, is
    /// passed over.
    pub fn take_over(&self, keys: &[Secret], clock: &dyn Clock) {
        let now = now(clock);
        let read = |key: &Secret| {
            let (shared, bytes) = key.expose().split_first()?;
            let mut key = TicketKey::from_bytes(bytes)?;
            key.shared = *shared == 1;
            Some(key)
        };
        let keys = keys.iter().filter_map(read);
        self.add(
            keys.filter(|key| key.is_credible(now) && !key.is_over(now)),
            now,
        );
    }

    /// What rustls asks. `about` says under which terms a session began: a ticket of other terms is
    /// none, since who takes up a session is not asked for a client's certificate again.
    pub(crate) fn bound(&self, about: Vec<u8>, clock: Arc<dyn Clock>) -> Arc<dyn ProducesTickets> {
        let tickets = self.clone();
        Arc::new(Bound {
            tickets,
            about,
            clock,
        })
    }

    fn add(&self, keys: impl IntoIterator<Item = TicketKey>, now: u64) {
        let _changing = self.changing();
        let mut ring = Ring::clone(&self.0.ring.load());
        for key in keys {
            if !ring.iter().any(|known| known.id == key.id) {
                ring.push(Arc::new(key));
            }
        }
        ring.retain(|key| !key.is_over(now));
        ring.sort_by_key(|key| (key.from, key.id));
        let surplus = ring.len().saturating_sub(MOST);
        ring.drain(..surplus);
        self.0.ring.store(Arc::new(ring));
    }

    /// The key that seals now, made if there is none.
    fn sealing(&self, now: u64) -> Option<Arc<TicketKey>> {
        let found = || {
            let ring = self.0.ring.load();
            let in_time = |key: &&Arc<TicketKey>| key.from <= now && now < key.from + PERIOD;
            let shared = ring.iter().rev().filter(in_time).find(|key| key.shared);
            let any = || ring.iter().rev().find(in_time);
            shared.or_else(any).cloned()
        };
        if let Some(key) = found() {
            return Some(key);
        }
        // Where nodes share keys, this is a node that has not heard of any, or whose store is away.
        let key = TicketKey::random(now, false)?;
        self.add([key], now);
        found()
    }

    fn opening(&self, id: [u8; ID], now: u64) -> Option<Arc<TicketKey>> {
        let ring = self.0.ring.load();
        let key = ring.iter().find(|key| key.id == id)?;
        (!key.is_over(now)).then(|| Arc::clone(key))
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.0.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Bound {
    tickets: Tickets,
    about: Vec<u8>,
    clock: Arc<dyn Clock>,
}

impl ProducesTickets for Bound {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(PERIOD).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.tickets.sealing(now(&*self.clock))?;
        key.seal(&self.about, plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (sealed, id) = ticket.split_last_chunk::<ID>()?;
        let key = self.tickets.opening(*id, now(&*self.clock))?;
        key.open(&self.about, sealed)
    }
}

fn now(clock: &dyn Clock) -> u64 {
    let since = clock.wall().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.ring.load().len();
        f.debug_struct("Tickets").field("keys", &keys).finish()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tickets.fmt(f)
    }
}

#[cfg(test)]
mod tests;
