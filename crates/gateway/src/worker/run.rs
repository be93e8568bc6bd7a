//! A worker from its first connection to its last.

use std::panic::resume_unwind;
use std::rc::Rc;

use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};

use super::{Post, Worker, entrance};
use crate::proxy::Pools;
use crate::wire::TICK;

/// Serves on this thread until the gateway drains and the last connection is gone, or until the time for that has
/// passed.
///
/// # Errors
///
/// When it cannot begin; `begun` is not called then.
///
/// # Panics
///
/// When something does that no connection is to blame for alone: who waits at a door would wait for ever.
pub(crate) fn run(post: &mut Post, begun: impl FnOnce()) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async {
        let worker = Worker::new(post);
        let mut accepting = JoinSet::new();
        for door in &post.doors {
            let listener = TcpListener::from_std(door.listener.try_clone()?)?;
            let accepted = entrance::accept(Rc::clone(&worker), listener, door.tls);
            accepting.spawn_local(accepted);
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
                Some(handed) = post.inbox.recv() => worker.take(handed),
                Some(ended) = accepting.join_next() => panic_on(ended),
                () = draining.as_mut() => break,
            }
        }
        worker.drains.set(true);
        // Whoever still comes is refused once the last of those that accept has ended.
        post.doors.clear();
        // From now on others keep theirs; what is here already is nobody else's.
        post.inbox.close();
        while let Some(handed) = post.inbox.recv().await {
            worker.take(handed);
        }
        let clock = &worker.shared.clock;
        let deadline = clock.monotonic() + post.grace;
        // They end by themselves: they watch the same signal.
        while let Some(ended) = accepting.join_next().await {
            panic_on(ended);
        }
        let busy = || worker.sweeper.serving() > 0 || worker.all_pools().any(Pools::is_sending);
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

/// Goes on with the panic of a task that all connections depend on.
fn panic_on(ended: Result<(), JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        resume_unwind(panic);
    }
}
