//! A request for which the app is not there at the moment: nothing of it has been sent, so that it can wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Failure, Pool};
use crate::body::Progress;
use crate::shared::Shared;

/// How long is waited for an app that is started again.
#[derive(Clone)]
pub(crate) struct Reach(Option<(Arc<Shared>, Duration)>);

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reach")
            .field(&self.0.as_ref().map(|(_, patience)| patience))
            .finish()
    }
}

impl Reach {
    /// Waits for `patience` at most; zero is not at all.
    pub(crate) fn new(shared: Arc<Shared>, patience: Duration) -> Self {
        Self(Some((shared, patience)))
    }

    /// Waits for nobody.
    pub(crate) const fn at_once() -> Self {
        Self(None)
    }

    /// What `attempt` comes to; while nobody accepts connections, once somebody does.
    pub(super) async fn patiently<T>(
        &self,
        (pool, progress): (&Pool, &Progress),
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut failure = match attempt().await {
            Err(failure) if failure.may_pass() => failure,
            done => return done,
        };
        let Some((shared, patience)) = &self.0 else {
            return Err(failure);
        };
        let generation = shared.generation();
        let Some(mut waiting) = shared.app.wait(*patience) else {
            return Err(failure);
        };
        let begun = pool.moment();
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
            pool.move_to(shared.app.load().address());
            match attempt().await {
                Err(still) if still.may_pass() => failure = still,
                done => break done,
            }
        };
        progress.has_waited(pool.moment().saturating_sub(begun));
        done
    }
}
