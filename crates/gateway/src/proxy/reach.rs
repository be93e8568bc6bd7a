//! A request for which an instance of the app is not there at the moment: nothing of it has been sent, so that another
//! can have it, and if there is none, it can wait.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::pools::{Choice, Pools};
use super::{Failure, Pool};
use crate::app::Rank;
use crate::body::Progress;
use crate::shared::Shared;

/// Where else a request can go, and how long is waited for an app that is started again.
#[derive(Clone)]
pub(crate) struct Reach(Option<Rc<Inner>>);

struct Inner {
    shared: Arc<Shared>,
    pools: Rc<Pools>,
    patience: Duration,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reach")
            .field(&self.0.as_ref().map(|inner| inner.patience))
            .finish()
    }
}

impl Reach {
    /// Waits for `patience` at most; zero is not at all.
    pub(crate) fn new(shared: Arc<Shared>, pools: Rc<Pools>, patience: Duration) -> Self {
        Self(Some(Rc::new(Inner {
            shared,
            pools,
            patience,
        })))
    }

    /// Nowhere else, and waits for nobody.
    pub(crate) const fn at_once() -> Self {
        Self(None)
    }

    /// Has `choice` be another instance, if there is one that it has not been, and that stands no worse than `worst`.
    pub(super) fn elsewhere(&self, choice: &mut Choice, worst: Rank) -> bool {
        let next = |inner: &Rc<Inner>| inner.pools.next(&inner.shared.app, choice, worst);
        self.0.as_ref().is_some_and(next)
    }

    /// What `attempt` comes to at the instance that is chosen or, when nobody accepts connections there, at another;
    /// where no one does, once somebody does, if the request `waits`. Gives where it came to that.
    pub(super) async fn patiently<T>(
        &self,
        mut choice: Choice,
        waits: bool,
        progress: &Progress,
        attempt: impl AsyncFn(&Rc<Pool>) -> Result<T, Failure>,
    ) -> Result<(Choice, T), Failure> {
        let mut failure = match self.at_any(&mut choice, progress, &attempt).await {
            Err(failure) if failure.may_pass() => failure,
            done => return done.map(|done| (choice, done)),
        };
        let Some(inner) = self.0.as_ref().filter(|_| waits) else {
            return Err(failure);
        };
        let shared = &inner.shared;
        let generation = shared.generation();
        let Some(mut waiting) = shared.app.wait(inner.patience) else {
            return Err(failure);
        };
        let begun = choice.pool.moment();
        let done = loop {
            // A gateway that ends keeps nobody waiting.
            let again = tokio::select! {
                biased;
                () = shared.draining(generation) => false,
                again = waiting.again() => again,
            };
            if !again {
                break Err(failure);
            }
            choice = inner.pools.choose(&shared.app, choice.client());
            match self.at_any(&mut choice, progress, &attempt).await {
                Err(still) if still.may_pass() => failure = still,
                done => break done,
            }
        };
        progress.has_waited(choice.pool.moment().saturating_sub(begun));
        done.map(|done| (choice, done))
    }

    /// What `attempt` comes to at the first instance where somebody accepts connections.
    async fn at_any<T>(
        &self,
        choice: &mut Choice,
        progress: &Progress,
        attempt: impl AsyncFn(&Rc<Pool>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            progress.is_at(choice.pool.number());
            match attempt(&choice.pool).await {
                Err(failure) if failure.may_go_elsewhere() => {
                    if let Some(inner) = &self.0 {
                        inner.pools.miss(&inner.shared.app, &choice.pool);
                    }
                    if !self.elsewhere(choice, Rank::Away) {
                        return Err(failure);
                    }
                }
                done => return done,
            }
        }
    }
}
