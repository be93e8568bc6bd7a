//! A worker from its first connection to its last.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::{Door, Worker};
use crate::balance::{Balance, Handed, Inbox};
use crate::shared::Shared;
use crate::wire::{self, TICK};

/// How often whoever waits for a file descriptor looks for one.
const LOOK: Duration = Duration::from_millis(20);

impl Worker {
    /// A connection has come: it is served here, or where there are fewer.
    fn welcome(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, tls: bool) {
        match self.balance.place() {
            Ok(place) => self.accept(stream, peer, tls, place),
            Err(other) => {
                let handed = { stream.into_std() }.map(|stream| other.hand(stream, peer, tls));
                match handed {
                    Ok(Ok(())) => {}
                    Ok(Err((stream, peer))) => self.take(Handed {
                        stream,
                        peer,
                        tls,
                        place: self.balance.own_place(),
                    }),
                    Err(error) => tracing::debug!(%error, "a connection ended before it began"),
                }
            }
        }
    }

    /// A connection that is from another worker.
    fn take(self: &Rc<Self>, handed: Handed) {
        let Handed {
            stream,
            peer,
            tls,
            place,
        } = handed;
        match TcpStream::from_std(stream) {
            Ok(stream) => self.accept(stream, peer, tls, place),
            Err(error) => tracing::debug!(%error, "a connection ended before it began"),
        }
    }

    /// The next connection, once no request that has been let in waits for a file descriptor.
    async fn next(&self, listener: &TcpListener) -> std::io::Result<(TcpStream, SocketAddr)> {
        while self.shared.shortage.is_felt() {
            tokio::time::sleep(LOOK).await;
        }
        listener.accept().await
    }
}

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
        let taking = take(Rc::clone(&worker), inbox);
        let mut accepting = vec![tokio::task::spawn_local(taking)];
        for door in doors {
            let listener = TcpListener::from_std(door.listener)?;
            accepting.push(tokio::task::spawn_local(accept(
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

async fn accept(worker: Rc<Worker>, listener: TcpListener, tls: bool) {
    // The accepted have it from their listener.
    wire::bound_unsent(&listener);
    let mut draining = std::pin::pin!(worker.draining());
    loop {
        let accepted = tokio::select! {
            accepted = worker.next(&listener) => accepted,
            () = draining.as_mut() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if worker.is_full.replace(false) {
                    tracing::info!("connections are accepted again");
                }
                worker.welcome(stream, peer, tls);
            }
            Err(error) => {
                worker.is_out_of_descriptors(&error);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    if worker.shared.drains_gently() {
        // Another gateway has the same socket, and what waits there.
        return;
    }
    // What the kernel has accepted already would be reset with the listener.
    while let Some(Ok((stream, peer))) = futures_util::FutureExt::now_or_never(listener.accept()) {
        worker.welcome(stream, peer, tls);
    }
}

/// Serves what other workers hand over.
async fn take(worker: Rc<Worker>, mut inbox: Inbox) {
    let mut draining = std::pin::pin!(worker.draining());
    loop {
        let handed = tokio::select! {
            handed = inbox.recv() => handed,
            () = draining.as_mut() => break,
        };
        match handed {
            Some(handed) => worker.take(handed),
            None => return,
        }
    }
    // From now on they keep theirs; what is here already is nobody else's.
    inbox.close();
    while let Some(handed) = inbox.recv().await {
        worker.take(handed);
    }
}
