//! When a manager sees to which certificate: none waits for another.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedMutexGuard, Semaphore};

use super::Acme;
use crate::issuer::Pending;
use crate::managed::{Managed, lock};
use crate::sharing::LOOK;

/// How many certificates are ordered at once, of those that are named and of those that handshakes
/// ask for; and how often at once the hook is asked.
const AT_ONCE: usize = 8;

/// How long each certificate is left alone, at least and at most: the clock of the day may be set, or
/// a file be put back.
const LEFT_ALONE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Who may do something at the same time.
#[derive(Debug)]
pub(super) struct Seats {
    pub(super) named: Semaphore,
    pub(super) on_demand: Semaphore,
    pub(super) hook: Semaphore,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            named: Semaphore::new(AT_ONCE),
            on_demand: Semaphore::new(AT_ONCE),
            hook: Semaphore::new(AT_ONCE),
        }
    }
}

impl Acme {
    /// Does whatever is due, for as long as this is polled. Certificates do not wait for each other,
    /// nor the answers to other nodes' challenges for any of them; dropped, it breaks off the orders
    /// that are under way.
    pub async fn run(&self) {
        tokio::join!(self.see_to_all(), self.answer_for_others(), self.hand_on());
    }

    /// Does whatever is due, once; says how long nothing will be, if the clock runs as it should.
    pub async fn step(&self) -> Duration {
        self.answer().await;
        let fresh = self.fresh().into_iter().map(|name| self.consider(name));
        let all = self.all();
        let free = all.iter().filter_map(free);
        let known = free.map(|(managed, turn)| self.attend(managed, turn));
        let (fresh, known) = tokio::join!(join_all(fresh), join_all(known));
        self.hand_on_due().await;
        let waits = fresh.into_iter().chain(known);
        let least = waits.min().unwrap_or(Duration::MAX);
        let most = match self.sharing.nodes() {
            Some(_) => LOOK,
            None => Duration::from_hours(1),
        };
        least.clamp(Duration::from_secs(1), most)
    }

    async fn see_to_all(&self) {
        let mut going: FuturesUnordered<Pending<'_, Duration>> = FuturesUnordered::new();
        loop {
            for name in self.fresh() {
                going.push(Box::pin(self.consider(name)));
            }
            let now = self.place.clock.monotonic();
            for managed in self.all() {
                if *lock(&managed.next) <= now
                    && let Some((managed, turn)) = free(&managed)
                {
                    going.push(Box::pin(self.attend(managed, turn)));
                }
            }
            tokio::select! {
                Some(_) = going.next() => {}
                () = self.wakes() => {}
                () = tokio::time::sleep(LEFT_ALONE.0) => {}
            }
        }
    }

    async fn answer_for_others(&self) {
        loop {
            self.answer().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn answer(&self) {
        if let Err(error) = self.sharing.answer(&self.challenges).await {
            tracing::debug!(%error, "other nodes' challenges are not known");
        }
    }

    /// Sees to a certificate, and lets go on who waits for it.
    pub(super) async fn attend(
        &self,
        managed: Arc<Managed>,
        _turn: OwnedMutexGuard<()>,
    ) -> Duration {
        let wait = self.see_to(&managed).await;
        self.settle(&managed);
        let (least, mut most) = LEFT_ALONE;
        if self.sharing.nodes().is_some() && !managed.on_demand {
            most = LOOK;
        }
        *lock(&managed.next) = self.place.clock.monotonic() + wait.clamp(least, most);
        wait
    }
}

/// A certificate that nobody sees to just now.
pub(super) fn free(managed: &Arc<Managed>) -> Option<(Arc<Managed>, OwnedMutexGuard<()>)> {
    let turn = Arc::clone(&managed.turn).try_lock_owned().ok()?;
    Some((Arc::clone(managed), turn))
}
