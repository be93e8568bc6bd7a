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
        let next = |inner: &Rc<Inner>| inner.pools.next(choice, worst);
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
        let Some(mut waiting) = inner.pools.app().wait(inner.patience) else {
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
            choice = inner.pools.choose(choice.client());
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
        let mut passing = None;
        loop {
            progress.is_at(choice.pool.number());
            match attempt(&choice.pool).await {
                Err(failure) if failure.may_go_elsewhere() => {
                    if let Some(inner) = &self.0 {
                        inner.pools.miss(&choice.pool);
                    }
                    let is_over = !self.elsewhere(choice, Rank::Away);
                    // One that is started again is worth waiting for, whatever is wrong with the others.
                    let failure = passing.take().unwrap_or(failure);
                    if is_over {
                        return Err(failure);
                    }
                    passing = Some(failure).filter(Failure::may_pass);
                }
                done => return done,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use panoply_core::Clock;

    use super::*;
    use crate::access::AccessLog;
    use crate::config::Source;
    use crate::descriptors::Descriptors;
    use crate::metrics::Metrics;
    use crate::settings::Settings;
    use crate::surroundings::Surroundings;

    fn two() -> Arc<Shared> {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(panoply_core::ManualClock::new());
        let around = Surroundings::new(dir.path(), Arc::clone(&clock));
        let written = "[app]\nupstream = [\"http://127.0.0.1:8\", \"http://127.0.0.1:9\"]\n[tls]\nmode = \"off\"\n";
        let loaded = Source::new().text("panoply.toml", written).load().unwrap();
        let settings = Settings::build(&loaded, &around).unwrap();
        let access = AccessLog::start(io::sink(), true, Arc::clone(&clock));
        let (reports, _read) = tokio::sync::mpsc::channel(1);
        let metrics = Arc::new(Metrics::new());
        let (access, _writer) = access.unwrap();
        let (apps, live) = (settings.standing(&metrics), settings.live);
        Arc::new(Shared::new(
            live, apps, metrics, access, clock, reports, None,
        ))
    }

    #[tokio::test(start_paused = true)]
    async fn where_one_may_be_back_soon_it_is_waited_for_whatever_is_wrong_with_the_other() {
        let shared = two();
        let pools = |clock: &Arc<dyn Clock>| {
            let clock: Rc<dyn Clock> = Rc::new(Arc::clone(clock));
            Rc::new(Pools::new(
                shared.apps.main(),
                clock,
                Descriptors::default(),
            ))
        };
        let pools = pools(&shared.clock);
        let reach = Reach::new(Arc::clone(&shared), Rc::clone(&pools), Duration::ZERO);
        // Whichever of them is the first.
        for first in [true, false, true, false] {
            let tried = std::cell::Cell::new(false);
            let attempt = async |_: &Rc<Pool>| -> Result<(), Failure> {
                let is_first = !tried.replace(true);
                Err(if is_first == first {
                    Failure::Away(io::ErrorKind::ConnectionRefused.into())
                } else {
                    Failure::Tls("it has expired".to_owned())
                })
            };
            let mut choice = pools.choose(None);
            let progress = crate::body::RequestBody::empty().progress();
            let failure = reach.at_any(&mut choice, &progress, attempt).await;
            let failure = failure.unwrap_err();
            assert!(failure.may_pass(), "{failure}");
        }
    }
}
