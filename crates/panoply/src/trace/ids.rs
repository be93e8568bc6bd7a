//! Request ids at the price of a copy.

use std::cell::RefCell;

use panoply_core::RequestId;

/// Ids made from one draw of the system's random bytes at a time.
const BATCH: usize = 64;

thread_local! {
    /// Each thread has a stock of its own: one for all would have every request of a server wait for every
    /// other.
    static STOCK: RefCell<Vec<RequestId>> = const { RefCell::new(Vec::new()) };
}

/// The next id, of a stock that one system call refills for every [`BATCH`] of them; without random bytes the
/// all-zero one, since an id protects nothing.
pub(super) fn next() -> RequestId {
    let next = STOCK.try_with(|stock| {
        let mut stock = stock.borrow_mut();
        if stock.is_empty() {
            stock.extend(RequestId::batch::<BATCH>().into_iter().flatten());
        }
        stock.pop()
    });
    // A thread that ends has none any more.
    let next = next.ok().flatten();
    next.unwrap_or(RequestId::from_bytes([0; 12]))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_the_same_on_whatever_thread() {
        let some = || (0..3 * BATCH).map(|_| next()).collect::<Vec<_>>();
        let other = std::thread::spawn(some);
        let mut all: HashSet<String> = some().iter().map(ToString::to_string).collect();
        all.extend(other.join().unwrap().iter().map(ToString::to_string));
        assert_eq!(all.len(), 6 * BATCH);
    }
}
