//! Request ids at the price of a copy.

use std::sync::Mutex;

use panoply_core::RequestId;

/// Ids made from one draw of the system's random bytes at a time.
const BATCH: usize = 64;

/// A stock of random ids, refilled by one system call for every [`BATCH`] of them.
#[derive(Debug, Default)]
pub(super) struct Ids(Mutex<Vec<RequestId>>);

impl Ids {
    /// The next id; without random bytes the all-zero one, since an id protects nothing.
    pub(super) fn next(&self) -> RequestId {
        let Ok(mut stock) = self.0.lock() else {
            return RequestId::from_bytes([0; 12]);
        };
        if stock.is_empty() {
            stock.extend(RequestId::batch::<BATCH>().into_iter().flatten());
        }
        stock.pop().unwrap_or(RequestId::from_bytes([0; 12]))
    }
}
