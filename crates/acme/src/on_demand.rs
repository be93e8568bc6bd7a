//! Certificates for names that nobody has named: those that a handshake asks for, if a hook says that
//! they are ours.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use panoply_core::Clock;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::allow_hook::is_allowed;
use crate::command::Starting;
use crate::config::OnDemandConfig;

/// How long a name that was refused is not asked about again.
const REFUSED: Duration = Duration::from_mins(1);

/// Names that wait; whoever comes beyond them is not asked about. As many again are remembered that were
/// refused a moment ago.
const MOST: usize = 1000;

/// Names that one client may have wait, or have had refused a moment ago: whoever asks for ever more of them
/// keeps nobody else's from being looked at, and the hook from its work for no longer than that.
const EACH: usize = MOST / 8;

/// Names that handshakes ask for.
pub(crate) struct Demand {
    pub(crate) config: OnDemandConfig,
    names: Mutex<HashMap<String, Asked>>,
    /// Changes whenever something was decided.
    decided: watch::Sender<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nobody has looked at it yet; this client was the first to ask.
    Fresh(Option<IpAddr>),
    /// It is being decided, or ordered.
    Waiting(Option<IpAddr>),
    /// It is not ours, since that moment.
    Refused(Duration, Option<IpAddr>),
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

    /// Waits until it is decided about `name`, which a handshake of `client` has asked for; `wake` wakes
    /// whoever orders.
    pub(crate) async fn wait(
        &self,
        name: &str,
        client: Option<IpAddr>,
        clock: &dyn Clock,
        wake: &Notify,
    ) {
        let mut decided = self.decided.subscribe();
        {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            let now = clock.monotonic();
            if names.get(name).is_some_and(|asked| asked.is_over(now)) {
                names.remove(name);
            }
            match names.get(name) {
                Some(Asked::Refused(..)) => return,
                Some(_) => {}
                None if is_full(&names, client, now) => {
                    return tracing::debug!(name, "too many names are asked for at once");
                }
                None => {
                    names.insert(name.to_owned(), Asked::Fresh(client));
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
        names.get(name).is_some_and(|asked| asked.waits())
    }

    /// The names that nobody has looked at yet.
    pub(crate) fn fresh(&self) -> Vec<String> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = names.iter_mut().filter_map(|(name, asked)| {
            let Asked::Fresh(client) = *asked else {
                return None;
            };
            *asked = Asked::Waiting(client);
            Some(name.clone())
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
        let client = names.get(name).and_then(|asked| asked.client());
        names.insert(name.to_owned(), Asked::Refused(clock.monotonic(), client));
        if names.len() > MOST {
            forget_the_oldest(&mut names);
        }
        drop(names);
        self.decided.send_replace(());
    }

    /// Whether a certificate may be ordered for `name`, by the hook; none if it cannot be asked.
    pub(crate) async fn allows(&self, name: &str, starting: Starting) -> Option<bool> {
        let said = is_allowed(&self.config.allow, name, starting).await;
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

impl Asked {
    /// Whether it is not decided.
    const fn waits(self) -> bool {
        matches!(self, Self::Fresh(_) | Self::Waiting(_))
    }

    /// Who was the first to ask.
    const fn client(self) -> Option<IpAddr> {
        match self {
            Self::Fresh(client) | Self::Waiting(client) | Self::Refused(_, client) => client,
        }
    }

    fn is_over(self, now: Duration) -> bool {
        matches!(self, Self::Refused(at, _) if now >= at + REFUSED)
    }
}

/// Whether no other name may wait, or none of this client's.
fn is_full(names: &HashMap<String, Asked>, client: Option<IpAddr>, now: Duration) -> bool {
    let waiting = || names.values().filter(|asked| asked.waits()).count();
    let is_own = |asked: &&Asked| asked.client() == client && !asked.is_over(now);
    let own = || names.values().filter(is_own).count();
    names.len() >= EACH && (waiting() >= MOST || (client.is_some() && own() >= EACH))
}

/// Forgets the name that was refused first, where there are too many of them.
fn forget_the_oldest(names: &mut HashMap<String, Asked>) {
    let refused = names.iter().filter_map(|(name, asked)| match asked {
        Asked::Refused(at, _) => Some((*at, name)),
        _ => None,
    });
    let refused: Vec<(Duration, &String)> = refused.collect();
    if refused.len() > MOST
        && let Some((_, name)) = refused.into_iter().min()
    {
        let name = name.clone();
        names.remove(&name);
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
    use futures_util::FutureExt as _;
    use panoply_core::ManualClock;

    use super::*;

    /// Asks for so many names that begin so; gives those that somebody is to look at.
    fn ask(demand: &Demand, begin: &str, many: usize, client: Option<IpAddr>) -> Vec<String> {
        let (clock, wake) = (ManualClock::new(), Notify::new());
        for number in 0..many {
            let name = format!("{begin}{number}.example");
            let waited = demand.wait(&name, client, &clock, &wake);
            // It waits, or there is no room for it.
            let _ = waited.now_or_never();
        }
        demand.fresh()
    }

    #[test]
    fn names_that_are_refused_keep_no_other_from_being_looked_at() {
        let config = toml::from_str("allow = [\"/bin/false\"]").unwrap();
        let (demand, clock) = (Demand::new(config), ManualClock::new());
        for _ in 0..5 {
            for name in ask(&demand, "bad", MOST, None) {
                demand.refuse(&name, &clock);
            }
            let begin = format!("other{:?}-", clock.monotonic().as_millis());
            let others = ask(&demand, &begin, MOST, None);
            assert_eq!(others.len(), MOST);
            for name in others {
                demand.refuse(&name, &clock);
            }
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(ask(&demand, "good", 1, None), ["good0.example"]);
        let kept = demand.names.lock().unwrap().len();
        assert!(kept <= 2 * MOST, "{kept}");
    }

    #[test]
    fn who_asks_for_very_many_names_is_in_nobody_elses_way() {
        let config = toml::from_str("allow = [\"/bin/false\"]").unwrap();
        let demand = Demand::new(config);
        let [one, other] = [1, 2].map(|last| Some(IpAddr::from([192, 0, 2, last])));
        // Nothing is decided meanwhile.
        assert_eq!(ask(&demand, "one", 3 * MOST, one).len(), EACH);
        assert_eq!(ask(&demand, "other", 1, other), ["other0.example"]);
        demand.decide("one0.example");
        assert_eq!(ask(&demand, "more", 2, one).len(), 1);
        // The hook has no more of it in a minute.
        let clock = ManualClock::new();
        demand.refuse("one1.example", &clock);
        assert_eq!(ask(&demand, "again", 1, one).len(), 0);
        for third in 0..100 {
            ask(
                &demand,
                &format!("{third}-"),
                EACH,
                Some(IpAddr::from([198, 51, third, 1])),
            );
        }
        let names = demand.names.lock().unwrap();
        assert_eq!(names.values().filter(|asked| asked.waits()).count(), MOST);
    }

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
