//! Who has reported how much of what is kept, and what goes first for it.

use std::collections::{BTreeSet, HashMap};

/// How many places a client speaks for. Whoever has reported more is no second witness of anything: two
/// clients that say the same of everything would otherwise have all places between them.
pub(super) const SHARE: u32 = 50;

/// What a client's word weighs, divided among all that it has reported.
const VOICE: u64 = 1 << 20;

/// How many places each client has a part in.
#[derive(Debug, Clone, Default)]
pub(super) struct Witnesses(HashMap<u64, u32>);

impl Witnesses {
    /// Those of places with these clients.
    pub(super) fn of<'a>(places: impl Iterator<Item = &'a BTreeSet<u64>>) -> Self {
        let mut witnesses = Self::default();
        for client in places.flatten() {
            witnesses.add(*client);
        }
        witnesses
    }

    /// One more place has this client.
    pub(super) fn add(&mut self, client: u64) {
        let places = self.0.entry(client).or_default();
        *places = places.saturating_add(1);
    }

    /// A place of these clients is no more.
    pub(super) fn remove(&mut self, clients: &BTreeSet<u64>) {
        for client in clients {
            if let Some(places) = self.0.get_mut(client) {
                *places = places.saturating_sub(1);
                if *places == 0 {
                    self.0.remove(client);
                }
            }
        }
    }

    /// What keeps a place of these clients, if it may go at all: one that two have seen stays, unless each
    /// of those has reported more than its [`SHARE`].
    pub(super) fn hold(&self, clients: &BTreeSet<u64>) -> Option<u64> {
        let places = |client: &u64| self.0.get(client).copied().unwrap_or(1).max(1);
        let may_go = clients.len() <= 1 || clients.iter().all(|client| places(client) > SHARE);
        let voices = || {
            clients
                .iter()
                .map(|client| VOICE / u64::from(places(client)))
        };
        may_go.then(|| voices().sum())
    }
}
