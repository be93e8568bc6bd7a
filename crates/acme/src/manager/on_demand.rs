//! What a manager does for names that handshakes ask for.

use std::sync::Arc;
use std::time::Duration;

use panoply_core::StoreError;

use super::Acme;
use crate::builder::Group;
use crate::demand::Budget;
use crate::managed::{Managed, lock};
use crate::plan::moment;
use crate::state::Standing;

impl Acme {
    /// Whether certificates are ordered for names that handshakes ask for.
    pub const fn is_on_demand(&self) -> bool {
        self.demand.is_some()
    }

    /// Has a certificate ordered for `name`, lower-case, which a handshake has asked for, if the hook
    /// allows it; done when it is in force, or when there will be none for now.
    pub async fn demand(&self, name: &str) {
        let Some(demand) = &self.demand else { return };
        if !self.place.tls.covers(name) {
            demand.wait(name, &*self.place.clock, &self.wake).await;
        }
    }

    /// Resolves when [`step`](Self::step) is to be called before its time.
    pub async fn wakes(&self) {
        self.wake.notified().await;
    }

    /// Takes up the names that handshakes have asked for.
    pub(super) fn admit(&self) {
        let Some(demand) = &self.demand else { return };
        for name in demand.fresh() {
            let mut managed = lock(&self.managed);
            if managed.iter().any(|one| one.group.names.contains(&name)) {
                continue;
            }
            let on_demand = managed.iter().filter(|one| one.on_demand).count();
            // Whoever was allowed and never came gives way to who comes.
            let dead = |one: &Arc<Managed>| one.on_demand && one.state().certificate.is_none();
            let dead = managed.iter().position(dead);
            let is_full = on_demand >= demand.config.most;
            if let Some(dead) = dead.filter(|_| is_full) {
                let gone = managed.remove(dead);
                // Whoever waits for it may ask again.
                { gone.group.names.iter() }.for_each(|name| demand.decide(name));
            } else if is_full {
                tracing::warn!(
                    name,
                    "no certificate is ordered beyond `acme.on_demand.most`"
                );
                demand.refuse(&name, &*self.place.clock);
                continue;
            }
            let group = Group::new(vec![name], &self.config);
            managed.push(Arc::new(Managed::new(group, true, self.place.clone())));
        }
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

    /// Looks no longer after a certificate that nobody may have.
    pub(super) fn dismiss(&self, managed: &Arc<Managed>) {
        lock(&self.managed).retain(|one| !Arc::ptr_eq(one, managed));
        for name in &managed.group.names {
            if let Some(demand) = &self.demand {
                demand.refuse(name, &*self.place.clock);
            }
        }
    }

    /// Whether the hook allows it, where one is asked.
    pub(super) async fn may_order(&self, managed: &Managed) -> bool {
        let Some(demand) = self.demand.as_ref().filter(|_| managed.on_demand) else {
            return true;
        };
        for name in &managed.group.names {
            if !demand.allows(name).await {
                return false;
            }
        }
        true
    }

    /// Takes one of the hour's orders, where they are counted; else how long there will be none.
    pub(super) async fn spend(&self, managed: &Managed) -> Result<(), Duration> {
        let Some(demand) = self.demand.as_ref().filter(|_| managed.on_demand) else {
            return Ok(());
        };
        let limit = demand.config.orders_per_hour;
        let now = self.place.now();
        let storage = &self.place.storage;
        let uncounted = |error: StoreError| {
            tracing::warn!(%error, "nothing is ordered on demand while it cannot be counted");
            Duration::from_mins(1)
        };
        let kept = self.sharing.spent(storage).await.map_err(uncounted)?;
        let kept = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let mut budget: Budget = kept.unwrap_or_default();
        let Err(seconds) = budget.take(limit, now) else {
            let text = serde_json::to_vec(&budget).unwrap_or_default();
            let written = self.sharing.spend(storage, &text).await;
            return written.map_err(uncounted);
        };
        let spent = Standing::Failed {
            problem: format!("{limit} certificates were ordered on demand within an hour"),
            advice: "If that is not somebody's mischief, raise `acme.on_demand.orders_per_hour`."
                .to_owned(),
            again: moment(now + seconds),
        };
        managed.tell(managed.look(), Some(spent));
        tracing::warn!(
            names = managed.group.names.join(", "),
            "no certificate is ordered beyond `acme.on_demand.orders_per_hour`"
        );
        Err(Duration::from_secs(seconds))
    }
}
