//! How many connections are open, and whose.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// The connections that are open, in all and by client.
#[derive(Debug, Default)]
pub(super) struct Census {
    all: AtomicU32,
    // As many entries as there are connections at most.
    by_client: Mutex<HashMap<IpAddr, u32>>,
}

impl Census {
    /// How many are open, in all.
    pub(super) fn open(&self) -> u32 {
        self.all.load(Ordering::Acquire)
    }

    pub(super) fn enter(
        &self,
        client: Option<IpAddr>,
        all: u32,
        each: u32,
    ) -> Result<(), &'static str> {
        if self.all.fetch_add(1, Ordering::AcqRel) >= all {
            self.all.fetch_sub(1, Ordering::AcqRel);
            return Err("limits/connections");
        }
        let Some(client) = client else { return Ok(()) };
        let counted = self.enter_of(client, each);
        if counted.is_err() {
            self.all.fetch_sub(1, Ordering::AcqRel);
        }
        counted
    }

    /// One more of `client`, who is counted in all already.
    pub(super) fn enter_of(&self, client: IpAddr, each: u32) -> Result<(), &'static str> {
        let mut by_client = self
            .by_client
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = by_client.entry(client).or_default();
        if *count >= each {
            return Err("limits/connections-per-client");
        }
        *count += 1;
        Ok(())
    }

    pub(super) fn leave(&self, client: Option<IpAddr>) {
        self.all.fetch_sub(1, Ordering::AcqRel);
        let Some(client) = client else { return };
        let mut by_client = self
            .by_client
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_census_counts_exactly_and_forgets() {
        let census = Census::default();
        let [a, b]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        assert_eq!(census.enter(Some(a), 3, 2), Ok(()));
        assert_eq!(census.enter(Some(a), 3, 2), Ok(()));
        assert_eq!(
            census.enter(Some(a), 3, 2),
            Err("limits/connections-per-client")
        );
        assert_eq!(census.enter(Some(b), 3, 2), Ok(()));
        assert_eq!(census.enter(None, 3, 2), Err("limits/connections"));
        census.leave(Some(a));
        assert_eq!(census.enter(None, 3, 2), Ok(()));
        for client in [Some(a), Some(b), None] {
            census.leave(client);
        }
        assert_eq!(census.all.load(Ordering::Relaxed), 0);
        assert!(census.by_client.lock().unwrap().is_empty());
    }
}
