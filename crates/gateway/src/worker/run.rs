//! A worker from its first connection to its last.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Door, Worker, entrance};
use crate::balance::{Balance, Inbox};
use crate::shared::Shared;
use crate::wire::TICK;

/// Serves on this thread until the gateway drains and the last connection is gone, or until
/// `grace` has passed after that.
///
/// # Errors
///
/// When it cannot begin; `begun` is not called then.
pub(crate) fn run(
    shared: Arc<Shared>,
    doors: Vec<Door>,
    (balance, inbox): (Balance, Inbox),
    grace: Duration,
    begun: impl FnOnce(),
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async move {
        let worker = Worker::new(shared, balance);
        let taking = entrance::take(Rc::clone(&worker), inbox);
        let mut accepting = vec![tokio::task::spawn_local(taking)];
        for door in doors {
            let listener = TcpListener::from_std(door.listener)?;
            accepting.push(tokio::task::spawn_local(entrance::accept(
                Rc::clone(&worker),
                listener,
                door.tls,
            )));
        }
        let mut rounds = worker.shared.rounds();
        // Who has ended, by a panic as well, is at nothing.
        let _enlisted = worker.shared.enlist();
        begun();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut draining = std::pin::pin!(worker.draining());
        loop {
            tokio::select! {
                _ = ticks.tick() => worker.sweep(false),
                // Whoever waits here is at nothing else.
                Ok(()) = rounds.changed() => worker.shared.has_finished(),
                () = draining.as_mut() => break,
            }
        }
        worker.drains.set(true);
        let clock = &worker.shared.clock;
        let deadline = clock.monotonic() + grace;
        for task in accepting {
            // Ends by itself: it watches the same signal.
            let _ = task.await;
        }
        let busy = || worker.sweeper.serving() > 0 || worker.pool.is_sending();
        while busy() && clock.monotonic() < deadline {
            tokio::select! {
                _ = ticks.tick() => worker.sweep(true),
                Ok(()) = rounds.changed() => worker.shared.has_finished(),
            }
        }
        worker.log.flush();
        Ok(())
    })
}
