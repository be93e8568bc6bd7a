//! The one task that reports come to.

use std::sync::Arc;
use std::time::Duration;

use panoply::Clock;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::kept::Kept;
use super::ledger::{Ledger, tell};
use super::{Received, Watcher};
use crate::control::Control;
use crate::surroundings::Surroundings;

/// How often what has changed is written down.
const SAVE: Duration = Duration::from_secs(5);

/// Logs each new report with what to write into `panoply.toml`, and keeps them all as evidence, until
/// no more can come; `watcher` is shown every one.
pub(crate) async fn keep(
    reports: &mut mpsc::Receiver<Received>,
    kept: &Arc<Kept>,
    watcher: &Watcher,
    clock: &Arc<dyn Clock>,
) {
    let last = LastWord(Arc::clone(kept), Arc::clone(clock));
    let mut ledger = Ledger::default();
    let mut save = tokio::time::interval(SAVE);
    save.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            received = reports.recv() => {
                let Some(received) = received else { break };
                watcher.see(&received.report);
                tell(&mut ledger, &received.report, clock.monotonic());
                kept.note(received, clock.wall());
            }
            _ = save.tick() => {
                let (kept, now) = (Arc::clone(kept), clock.wall());
                // Whether it could be written is told where it is.
                let _ = tokio::task::spawn_blocking(move || kept.save(now)).await;
            }
        }
    }
    drop(last);
}

/// Gives the gateway that has taken over what came to this one since.
pub(crate) async fn pass_on(around: &Surroundings) {
    let late = around.reports.late();
    if late.is_empty() {
        return;
    }
    let control = Control::of(&around.state);
    let told = tokio::task::spawn_blocking(move || control.pass_on(late)).await;
    if let Ok(Err(error)) = told {
        tracing::debug!(%error, "the last reports are not kept");
    }
}

/// Writes down what there is when the gateway stops, which ends tasks where they stand.
struct LastWord(Arc<Kept>, Arc<dyn Clock>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.save(self.1.wall());
    }
}
