//! What a store must still have after a crash: whatever it has answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use panoply_core::{Committed, Destroy, Loaded, SessionChange, SessionKey, SessionStore};
use tokio::task::JoinSet;

/// How a session stood by the last answer: at a number, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests tell every case apart")]
pub enum Stands {
    /// Its value is this.
    At(u64),
    /// It was destroyed.
    Ended,
}

/// What clients were told, by worker and round.
pub type Told = BTreeMap<(u8, u32), Stands>;

/// The last number that a session comes to.
const LAST: u64 = 3;

fn key((worker, round): (u8, u32)) -> SessionKey {
    let mut hash = [9; 32];
    hash[0] = worker;
    hash[28..].copy_from_slice(&round.to_be_bytes());
    SessionKey::from_hash(hash)
}

/// Makes sessions, changes them and ends every other one, until the store fails or `rounds` are
/// over; `tell` is called with each answer.
pub async fn work(
    store: Arc<dyn SessionStore>,
    worker: u8,
    rounds: u32,
    tell: impl Fn((u8, u32), Stands),
) {
    let hour = Duration::from_hours(1);
    for round in 0..rounds {
        let name = (worker, round);
        let key = key(name);
        let create = SessionChange::create(hour, hour).set("n", "0");
        let Ok(Committed::Done(_)) = store.commit(&key, &create).await else {
            return;
        };
        tell(name, Stands::At(0));
        for number in 1..=LAST {
            let change = SessionChange::new().set("n", number.to_string());
            if store.commit(&key, &change).await.is_err() {
                return;
            }
            tell(name, Stands::At(number));
        }
        if round % 2 == 0 {
            if store.destroy(Destroy::Key(&key)).await.is_err() {
                return;
            }
            tell(name, Stands::Ended);
        }
    }
}

/// Works with eight workers from `first` on until `told` has so many sessions; they go on when this
/// returns.
pub async fn until(
    store: Arc<dyn SessionStore>,
    first: u8,
    many: usize,
    told: &Arc<Mutex<Told>>,
) -> JoinSet<()> {
    let workers = (first..first + 8).map(|worker| {
        let told = Arc::clone(told);
        let tell = move |name, stands| {
            told.lock().unwrap().insert(name, stands);
        };
        work(Arc::clone(&store), worker, u32::MAX, tell)
    });
    let workers = workers.collect();
    while told.lock().unwrap().len() < many {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    workers
}

/// Looks at everything that was told. The last change of each worker may have been done without an
/// answer; nothing else may differ, and what has ended takes no write.
pub async fn check(store: &dyn SessionStore, told: &Told) {
    for (name, told_last) in told {
        let key = key(*name);
        let found = match store.load(&key).await.unwrap() {
            Loaded::Live(live) => {
                let value = live.record.values.get("n").unwrap();
                Stands::At(std::str::from_utf8(value).unwrap().parse().unwrap())
            }
            _ => Stands::Ended,
        };
        let is_last = !told.contains_key(&(name.0, name.1 + 1));
        let next = match told_last {
            Stands::At(number) if *number < LAST => Stands::At(number + 1),
            Stands::At(_) if name.1.is_multiple_of(2) => Stands::Ended,
            same => *same,
        };
        let may_be = found == *told_last || is_last && found == next;
        assert!(may_be, "{name:?}: {found:?}, told {told_last:?}");
        if *told_last == Stands::Ended {
            let late = SessionChange::new().set("n", "9");
            assert_eq!(store.commit(&key, &late).await.unwrap(), Committed::Gone);
        }
    }
}
