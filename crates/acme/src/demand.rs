//! Certificates for names that nobody has named: those that a handshake asks for, if a hook says that
//! they are ours.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use panoply_core::Clock;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::ask::ask;
use crate::config::OnDemandConfig;

/// How long a name that was refused is not asked about again.
const REFUSED: Duration = Duration::from_mins(1);

/// Names that wait, or were refused a moment ago; whoever comes beyond them is not asked about.
const MOST: usize = 1000;

/// Names that handshakes ask for.
pub(crate) struct Demand {
    pub(crate) config: OnDemandConfig,
    names: Mutex<HashMap<String, Asked>>,
    /// Changes whenever something was decided.
    decided: watch::Sender<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nobody has looked at it yet.
    Fresh,
    /// It is being decided, or ordered.
    Waiting,
    /// It is not ours, since that moment.
    Refused(Duration),
}

/// The orders of the last hour; written down, so that a restart is no way around the limit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// When each began, in seconds since 1970.
    orders: Vec<u64>,
}

impl Budget {
    /// Takes one of `limit` orders an hour; gives how many seconds later there will be one if there
    /// is none.
    pub(crate) fn take(&mut self, limit: u32, now: u64) -> Result<(), u64> {
        // What lies ahead was written by a clock that was wrong.
        self.orders.retain(|at| *at <= now && now - at < 3600);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match self.orders.len().checked_sub(limit) {
            None => {
                self.orders.push(now);
                Ok(())
            }
            Some(over) => {
                let until = self.orders.get(over).map_or(3600, |at| at + 3600 - now);
                Err(until.max(1))
            }
        }
    }
}

impl Demand {
    pub(crate) fn new(config: OnDemandConfig) -> Self {
        Self {
            config,
            names: Mutex::default(),
            decided: watch::Sender::new(()),
        }
    }

    /// Waits until it is decided about `name`, which a handshake has asked for; `wake` wakes whoever
    /// orders.
    pub(crate) async fn wait(&self, name: &str, clock: &dyn Clock, wake: &Notify) {
        let mut decided = self.decided.subscribe();
        {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            let now = clock.monotonic();
            let over = |asked: &Asked| matches!(asked, Asked::Refused(at) if now >= *at + REFUSED);
            if names.get(name).is_some_and(over) {
                names.remove(name);
            }
            if names.len() >= MOST {
                names.retain(|_, asked| !over(asked));
            }
            match names.get(name) {
                Some(Asked::Refused(_)) => return,
                Some(_) => {}
                None if names.len() >= MOST => {
                    return tracing::debug!(name, "too many names are asked for at once");
                }
                None => {
                    names.insert(name.to_owned(), Asked::Fresh);
                    wake.notify_one();
                }
            }
        }
        while self.is_waiting(name) {
            if decided.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_waiting(&self, name: &str) -> bool {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(names.get(name), Some(Asked::Fresh | Asked::Waiting))
    }

    /// The names that nobody has looked at yet.
    pub(crate) fn fresh(&self) -> Vec<String> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = names
            .iter_mut()
            .filter(|(_, asked)| **asked == Asked::Fresh);
        let fresh = fresh.map(|(name, asked)| {
            *asked = Asked::Waiting;
            name.clone()
        });
        fresh.collect()
    }

    /// Lets whoever waits for a name go on.
    pub(crate) fn decide(&self, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = names.remove(name).is_some();
        drop(names);
        if waited {
            self.decided.send_replace(());
        }
    }

    /// As [`decide`](Self::decide), and asks nobody about the name for a while.
    pub(crate) fn refuse(&self, name: &str, clock: &dyn Clock) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned(), Asked::Refused(clock.monotonic()));
        drop(names);
        self.decided.send_replace(());
    }

    /// Whether a certificate may be ordered for `name`, by the hook; none if it cannot be asked.
    pub(crate) async fn allows(&self, name: &str) -> Option<bool> {
        let said = ask(&self.config.allow, name).await;
        match &said {
            Ok(true) => tracing::info!(name, "a name that was asked for is allowed"),
            Ok(false) => tracing::debug!(name, "a name that was asked for is not allowed"),
            Err(problem) => tracing::warn!(
                name,
                problem,
                "`acme.on_demand.allow` cannot be asked, and so nothing is allowed"
            ),
        }
        said.ok()
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_so_many_orders() {
        let mut budget = Budget::default();
        let now = 1_000_000;
        for second in 0..3 {
            assert_eq!(budget.take(3, now + second * 60), Ok(()));
        }
        assert_eq!(budget.take(3, now + 600), Err(3000));
        assert_eq!(budget.take(3, now + 3599), Err(1));
        assert_eq!(budget.take(3, now + 3600), Ok(()));
        assert_eq!(budget.take(3, now + 3600), Err(60));
        // A clock that was set back does not close it for long.
        assert_eq!(budget.take(3, now - 86_400), Ok(()));
    }
}
