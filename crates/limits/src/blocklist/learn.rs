//! How one process learns what others have blocked.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use panoply_core::{Action, Op, StoreError, Subject};
use tokio::sync::MutexGuard;

use super::known::{Entry, Known, Whom};
use super::{Blocklist, CHALLENGE, CHANGES, MAINTENANCE, MOST, NETWORK, PAGE, RULE};

impl Blocklist {
    /// Learns what has changed in the store, if anything has.
    ///
    /// # Errors
    ///
    /// When the store fails; what was known stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let turn = self.0.turn.lock().await;
        self.tell_of_held(&turn).await?;
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

    pub(super) async fn read(&self, _turn: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let look = Op::new(self.changes(), &CHANGES, Action::Get);
        let decided = self.0.store.decide(&[look, self.look_at_held()]).await?;
        let mut generation = decided.state().count;
        let held = decided.states().get(1).map_or(0, |state| state.count);
        let before = self.0.generation.load(Ordering::Acquire);
        let began = self.0.clock.monotonic();
        if before == generation && !self.0.holds.are_news(held, began) {
            return Ok(());
        }
        let mut known = Known::default();
        let mut found = self.0.holds.begin();
        let mut after = None;
        loop {
            let now = self.0.clock.monotonic();
            let page = self.0.store.blocks(after, PAGE).await?;
            let last = page.len() < PAGE;
            after = page.last().map(panoply_core::Block::id);
            for block in &page {
                found.note(block, now);
                let whom = match (block.rule.as_str(), block.subject) {
                    (RULE, Subject::Client(client)) => Whom::Client(client),
                    (NETWORK, Subject::Network(network)) => Whom::Network(network),
                    (MAINTENANCE, _) => Whom::Everybody,
                    (CHALLENGE, _) => Whom::Challenged,
                    _ => continue,
                };
                let until = block.left.map(|left| now.saturating_add(left));
                let id = block.id();
                known.insert(whom, Entry { id, until });
            }
            if known.len() > MOST {
                tracing::warn!(
                    most = MOST,
                    "more clients and networks are blocked by hand than are looked at"
                );
                break;
            }
            if last {
                let now = self.0.clock.monotonic();
                self.0.holds.learn(found, held, (began, now));
                break;
            }
        }
        if generation < before {
            generation = self.put_back(&mut known, before).await?;
        }
        self.note_challenge(known.challenged.is_some());
        self.0.known.store(Arc::new(known));
        self.0.generation.store(generation, Ordering::Release);
        Ok(())
    }
}
