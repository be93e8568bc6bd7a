//! Keeps the connections alive for as long as the store is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use panoply_core::StoreError;
use tokio::task::JoinSet;

use crate::Error;
use crate::dial::{Dialler, Driver, Live};

/// The connections as they are at present, each made anew when it is lost.
#[derive(Debug)]
pub(crate) struct Keeper {
    slots: Arc<[ArcSwapOption<Live>]>,
    /// Why the last attempt to connect failed.
    why: Arc<ArcSwapOption<Error>>,
    next: AtomicUsize,
    pub(crate) address: String,
    /// Ends all tasks with the store.
    _tasks: JoinSet<()>,
}

/// How often the server is asked whether it is still there.
const LOOK: Duration = Duration::from_secs(1);
/// How long it may take to answer that.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause after the first attempt that failed, twice as long after each, to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));
/// How often what is over is deleted, and how much of it at once.
const SWEEP: (Duration, i32) = (Duration::from_mins(1), 2_000);

impl Keeper {
    /// Keeps `many` connections on the runtime that calls this, of which one is there.
    pub(crate) fn start(dialler: &Arc<Dialler>, first: (Live, Driver), many: usize) -> Self {
        let slots: Arc<[ArcSwapOption<Live>]> = (0..many).map(|_| ArcSwapOption::empty()).collect();
        let why = Arc::<ArcSwapOption<Error>>::default();
        let mut tasks = JoinSet::new();
        let mut first = Some(first);
        for number in 0..many {
            // In their places before anybody asks.
            let link = first.take().map(|(live, driver)| {
                let live = Arc::new(live);
                if let Some(slot) = slots.get(number) {
                    slot.store(Some(Arc::clone(&live)));
                }
                (live, driver)
            });
            let why = Arc::clone(&why);
            tasks.spawn(keep(
                Arc::clone(&slots),
                number,
                Arc::clone(dialler),
                why,
                link,
            ));
        }
        tasks.spawn(sweep(Arc::clone(&slots)));
        Self {
            slots,
            why,
            next: AtomicUsize::new(0),
            address: dialler.address.clone(),
            _tasks: tasks,
        }
    }

    /// A connection, the next one that is there. Never waits.
    pub(crate) fn connection(&self) -> Result<Arc<Live>, StoreError> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let many = self.slots.len();
        let found = (0..many).find_map(|step| {
            let slot = self.slots.get(start.wrapping_add(step) % many)?;
            slot.load_full()
        });
        found.ok_or_else(|| {
            let error = StoreError::transient("postgres cannot be reached");
            match self.why.load_full() {
                Some(why) => error.because(why),
                None => error,
            }
        })
    }
}

async fn keep(
    slots: Arc<[ArcSwapOption<Live>]>,
    number: usize,
    dialler: Arc<Dialler>,
    why: Arc<ArcSwapOption<Error>>,
    mut link: Option<(Arc<Live>, Driver)>,
) {
    let Some(slot) = slots.get(number) else {
        return;
    };
    loop {
        let (live, driver) = if let Some(link) = link.take() {
            link
        } else {
            let (live, driver) = dial(&dialler, &why).await;
            let live = Arc::new(live);
            slot.store(Some(Arc::clone(&live)));
            if number == 0 {
                tracing::info!(store = dialler.address, "postgres is connected");
            }
            (live, driver)
        };
        let end = tokio::select! {
            () = driver => "closed",
            () = look(&live) => "no answer",
        };
        slot.store(None);
        if number == 0 {
            tracing::warn!(
                store = dialler.address,
                why = end,
                "the connection to postgres is lost"
            );
        }
    }
}

/// Ends when the server does not answer any more.
async fn look(live: &Live) {
    loop {
        tokio::time::sleep(LOOK).await;
        let asked = tokio::time::timeout(PATIENCE, live.client.batch_execute(""));
        if !matches!(asked.await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn dial(dialler: &Dialler, why: &ArcSwapOption<Error>) -> (Live, Driver) {
    let (mut pause, longest) = PAUSES;
    loop {
        // An unlogged schema may have to be looked at again, a lost one be made.
        match dialler.dial(true).await {
            Ok(link) => {
                why.store(None);
                return link;
            }
            Err(error) => {
                tracing::debug!(%error, "postgres is not connected");
                why.store(Some(Arc::new(error)));
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

async fn sweep(slots: Arc<[ArcSwapOption<Live>]>) {
    let (pause, most) = SWEEP;
    loop {
        tokio::time::sleep(pause).await;
        let Some(live) = slots.iter().find_map(ArcSwapOption::load_full) else {
            continue;
        };
        for statement in [&live.sweep, &live.sweep_sessions] {
            // As long as there is a whole portion there may be more.
            loop {
                let swept = live.client.query_one(statement, &[&most]).await;
                match swept.map(|row| row.get::<_, i64>(0)) {
                    Ok(swept) if swept >= i64::from(most) => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::debug!(%error, "what is over could not be deleted");
                        break;
                    }
                }
            }
        }
    }
}
