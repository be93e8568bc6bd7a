//! What a manager does for names that handshakes ask for.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use panoply_core::StoreError;

use super::Acme;
use super::running::free;
use crate::builder::Group;
use crate::managed::{Managed, Seen, lock};
use crate::on_demand::{Budget, Demand};
use crate::plan::moment;
use crate::state::Standing;

/// How long the hook is not asked again about the renewal of what is still good.
const REFUSED: Duration = Duration::from_hours(1);

/// How long one is left alone that could not be asked.
const UNASKED: Duration = Duration::from_mins(5);

/// How long nothing is ordered that could not be counted.
const UNCOUNTED: Duration = Duration::from_mins(1);

/// The right to count orders.
const COUNT: &str = "on-demand";

impl Acme {
    /// Whether certificates are ordered for names that handshakes ask for.
    pub const fn is_on_demand(&self) -> bool {
        self.demand.is_some()
    }

    /// Has a certificate ordered for `name`, lower-case, which a handshake has asked for, if the hook
    /// allows it; done when it is in force, or when there will be none for now.
    pub async fn demand(&self, name: &str) {
        self.demand_by(name, None).await;
    }

    /// As [`demand`](Self::demand), for a client of this address, or network: one that asks for very many
    /// names at once has only some of them looked at, and is in nobody else's way.
    pub async fn demand_from(&self, name: &str, client: IpAddr) {
        self.demand_by(name, Some(client)).await;
    }

    async fn demand_by(&self, name: &str, client: Option<IpAddr>) {
        let Some(demand) = &self.demand else { return };
        if !self.place.tls.covers(name) {
            let clock = &*self.place.clock;
            demand.wait(name, client, clock, &self.wake).await;
        }
    }

    /// Resolves when [`step`](Self::step) is to be called before its time.
    pub async fn wakes(&self) {
        self.wake.notified().await;
    }

    /// The names that handshakes have asked for since the last time.
    pub(super) fn fresh(&self) -> Vec<String> {
        self.demand.as_ref().map_or_else(Vec::new, Demand::fresh)
    }

    /// Takes up a name that a handshake has asked for, if the hook allows it, and sees to it.
    ///
    /// Who is not allowed takes nobody's place, and what is there already needs no question.
    pub(super) async fn consider(&self, name: String) -> Duration {
        let Some(demand) = &self.demand else {
            return Duration::MAX;
        };
        if let Some(there) = self.find(&name) {
            if there.on_demand {
                self.settle(&there);
            } else {
                demand.decide(&name);
            }
            return Duration::MAX;
        }
        let group = Group::new(vec![name.clone()], &self.config, &self.place.asked);
        if let Err(error) = self.sharing.pull(&self.place.storage, &group).await {
            tracing::debug!(%error, "other nodes' certificates are not known");
        }
        let managed = Arc::new(Managed::new(group, true, self.place.clone()));
        *lock(&managed.pulled) = self.place.now();
        if !managed.look().serves(self.place.now()) {
            // While nothing can be ordered there is nothing to ask.
            let allowed = self.pause().await.is_none() && self.allows(&name).await == Some(true);
            managed.allowed.store(allowed, Ordering::Relaxed);
            if !allowed {
                return self.dismiss(&managed);
            }
        }
        if !self.admit(&managed, demand.config.most) {
            tracing::warn!(
                name,
                "no certificate is ordered beyond `acme.on_demand.most`"
            );
            return self.dismiss(&managed);
        }
        match free(&managed) {
            Some((managed, turn)) => self.attend(managed, turn).await,
            None => Duration::ZERO,
        }
    }

    /// Gives a certificate one of the places, if there is any.
    fn admit(&self, new: &Arc<Managed>, most: usize) -> bool {
        let mut managed = lock(&self.managed);
        let on_demand = managed.iter().filter(|one| one.on_demand).count();
        if on_demand >= most {
            // Whoever was allowed and never came gives way to who comes.
            let is_dead = |one: &Arc<Managed>| {
                let state = one.state();
                one.on_demand
                    && state.certificate.is_none()
                    && matches!(state.standing, Standing::Failed { .. })
                    && one.turn.try_lock().is_ok()
            };
            let Some(dead) = managed.iter().position(is_dead) else {
                return false;
            };
            managed.remove(dead);
        }
        managed.push(Arc::clone(new));
        true
    }

    /// Lets a handshake go on that waits for a certificate, once it is clear how that stands.
    pub(super) fn settle(&self, managed: &Managed) {
        let Some(demand) = self.demand.as_ref().filter(|_| managed.on_demand) else {
            return;
        };
        let state = managed.state();
        if state.certificate.is_some() || matches!(state.standing, Standing::Failed { .. }) {
            state.names.iter().for_each(|name| demand.decide(name));
        }
    }

    /// Looks no longer after a certificate that nobody may have, and shows it to nobody.
    fn dismiss(&self, managed: &Arc<Managed>) -> Duration {
        lock(&self.managed).retain(|one| !Arc::ptr_eq(one, managed));
        managed.withdraw();
        for name in &managed.group.names {
            if let Some(demand) = &self.demand {
                demand.refuse(name, &*self.place.clock);
            }
        }
        Duration::MAX
    }

    /// What the hook says of a name; none if it cannot be asked.
    async fn allows(&self, name: &str) -> Option<bool> {
        let demand = self.demand.as_ref()?;
        // They are never closed.
        let _seat = self.seats.hook.acquire().await;
        demand.allows(name, self.place.starting).await
    }

    /// Whether the hook allows it, where one is asked; else how long nothing is ordered. A certificate
    /// that is good is shown until its end, whatever the hook says meanwhile.
    pub(super) async fn may_order(
        &self,
        managed: &Arc<Managed>,
        seen: &Seen,
    ) -> Result<(), Duration> {
        if !managed.on_demand || managed.allowed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        if let Some(pause) = self.pause().await {
            managed.rest(pause, self.spent(pause));
            return Err(pause);
        }
        let mut said = Some(true);
        for name in &managed.group.names {
            said = match said {
                Some(true) => self.allows(name).await,
                said => said,
            };
        }
        let (pause, what) = match said {
            Some(true) => return Ok(()),
            Some(false) if !seen.serves(self.place.now()) => return Err(self.dismiss(managed)),
            Some(false) => (REFUSED, "does not allow"),
            None => (UNASKED, "could not be asked about"),
        };
        let standing = Standing::Failed {
            problem: format!(
                "`acme.on_demand.allow` {what} {}, whose certificate is due",
                managed.group.names.join(", ")
            ),
            advice: "It is asked again by itself.".to_owned(),
            again: self.after(pause),
        };
        managed.rest(pause, standing);
        Err(pause)
    }

    /// Takes one of the hour's orders, where they are counted; else how long there will be none, and
    /// how it stands so long.
    pub(super) async fn spend(&self, managed: &Managed) -> Result<(), (Duration, Standing)> {
        let Some(demand) = self.demand.as_ref().filter(|_| managed.on_demand) else {
            return Ok(());
        };
        let mut spent = self.spent.lock().await;
        let storage = &self.place.storage;
        let uncounted = |error: StoreError| {
            tracing::warn!(%error, "nothing is ordered on demand while it cannot be counted");
            let standing = Standing::Failed {
                problem: format!("orders on demand cannot be counted: {error}"),
                advice: "It is tried again by itself.".to_owned(),
                again: self.after(UNCOUNTED),
            };
            (UNCOUNTED, standing)
        };
        let _alone = { self.sharing.alone(storage, COUNT).await }.map_err(uncounted)?;
        let taken = self.take_one(demand.config.orders_per_hour).await;
        self.sharing.end(COUNT).await;
        let Err(seconds) = taken.map_err(uncounted)? else {
            return Ok(());
        };
        let pause = Duration::from_secs(seconds);
        let until = self.place.clock.monotonic() + pause;
        if spent.replace(until).is_none() {
            tracing::warn!(
                names = managed.group.names.join(", "),
                "no certificate is ordered beyond `acme.on_demand.orders_per_hour`"
            );
        }
        Err((pause, self.spent(pause)))
    }

    async fn take_one(&self, limit: u32) -> Result<Result<(), u64>, StoreError> {
        let storage = &self.place.storage;
        let kept = self.sharing.spent(storage).await?;
        let kept = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let mut budget: Budget = kept.unwrap_or_default();
        if let Err(seconds) = budget.take(limit, self.place.now()) {
            return Ok(Err(seconds));
        }
        let text = serde_json::to_vec(&budget).unwrap_or_default();
        self.sharing.spend(storage, &text).await.map(Ok)
    }

    /// How long there are no orders on demand, because there were too many.
    async fn pause(&self) -> Option<Duration> {
        let mut spent = self.spent.lock().await;
        let now = self.place.clock.monotonic();
        spent.take_if(|until| *until <= now);
        spent.map(|until| until.saturating_sub(now))
    }

    fn spent(&self, pause: Duration) -> Standing {
        let limit = self.demand.as_ref();
        let limit = limit.map_or(0, |demand| demand.config.orders_per_hour);
        Standing::Failed {
            problem: format!("{limit} certificates were ordered on demand within an hour"),
            advice: "If that is not somebody's mischief, raise `acme.on_demand.orders_per_hour`."
                .to_owned(),
            again: self.after(pause),
        }
    }

    fn after(&self, pause: Duration) -> SystemTime {
        moment(self.place.now().saturating_add(pause.as_secs()))
    }
}
