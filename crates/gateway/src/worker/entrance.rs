//! Who is let in, and who waits at the door.

use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::{Arrival, ROOM, Worker};
use crate::balance::{Handed, Place};
use crate::descriptors::{self, LOOK};
use crate::wire;

/// How soon another connection is tried when one could not be accepted.
const FULL: Duration = Duration::from_millis(50);

/// How long it has gone well when that is said: whoever comes again and again would have it said each time.
const CALM: Duration = Duration::from_secs(5);

/// Accepts connections until the worker drains.
pub(super) async fn accept(worker: Rc<Worker>, listener: TcpListener, tls: bool) {
    // The accepted have it from their listener.
    wire::bound_unsent(&listener);
    worker.shared.descriptors.begin_with(&listener);
    let mut draining = std::pin::pin!(worker.draining());
    loop {
        let accepted = tokio::select! {
            accepted = worker.next(&listener) => accepted,
            () = draining.as_mut() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                worker.welcome(stream, peer, tls);
            }
            Err(error) => {
                worker.is_out_of_descriptors(error);
                tokio::time::sleep(FULL).await;
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
    pub(super) fn take(self: &Rc<Self>, handed: Handed) {
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

    fn accept(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, tls: bool, place: Place) {
        // Before those are looked at that are in force: rather one connection too many ends than one too few.
        let terms = self.shared.terms();
        let live = self.shared.live.load();
        let sender = { Some(&live.proxy_protocol) }.filter(|senders| senders.include(peer.ip()));
        // Whom a load balancer passes on, it says first.
        let client = match sender {
            Some(_) => None,
            None => live.suit.client_to_count(peer),
        };
        let seat = match self.shared.admit(client, place) {
            Ok(seat) => seat,
            Err(rule) => {
                self.metrics().refused(rule);
                return tracing::debug!(client.ip = %peer.ip(), rule, "refused");
            }
        };
        // Linux has it from the listener.
        #[cfg(not(target_os = "linux"))]
        if let Err(error) = stream.set_nodelay(true) {
            return tracing::debug!(%error, "a connection ended before it began");
        }
        let arrival = Arrival {
            peer,
            tls: live.tls.clone().filter(|_| tls).map(|tls| (tls, terms)),
            sender: sender.map(Arc::clone),
        };
        let watch = self.sweeper.watch();
        let served = wire::serve(
            Rc::clone(self),
            stream,
            arrival,
            Arc::clone(&watch),
            Rc::new(seat),
        );
        // In a place of its own: what the runtime has of a task it moves several times, at its end as well.
        let task = tokio::task::spawn_local(Box::pin(served));
        self.sweeper.add(watch, task.abort_handle());
    }

    /// The next connection, once no request that has been let in waits for a file descriptor, and it would
    /// take none of those that are kept back.
    async fn next(&self, listener: &TcpListener) -> std::io::Result<(TcpStream, SocketAddr)> {
        let descriptors = &self.shared.descriptors;
        loop {
            if descriptors.are_short() {
                tokio::time::sleep(LOOK).await;
            } else if descriptors.would_be_kept(listener, self.highest.get()) {
                self.is_out_of_descriptors("too few file descriptors are left");
                tokio::time::sleep(FULL).await;
            } else {
                let accepted = match listener.accept().await {
                    // While the app is started there are fewer for a moment.
                    Err(error) if descriptors::have_run_out(&error) => {
                        descriptors::wait_until_raised();
                        listener.accept().await?
                    }
                    accepted => accepted?,
                };
                let taken = accepted.0.as_raw_fd();
                self.highest.set(self.highest.get().max(taken));
                return Ok(accepted);
            }
        }
    }

    /// A connection could not be accepted: those on which nothing is asked make room for others, which
    /// need two descriptors each, one of them to the app. Said once, not each time.
    fn is_out_of_descriptors(&self, error: impl std::fmt::Display) {
        let now = self.shared.clock.monotonic();
        if self.was_full.replace(Some(now)).is_none() {
            tracing::error!(
                %error,
                "cannot accept connections; idle ones make room. Raise the limit on open files (`LimitNOFILE=` in a \
                 unit, `ulimit -Hn`), or lower `limits.connections`"
            );
        }
        self.sweeper
            .make_room(ROOM, || self.metrics().refused("limits/crowded"));
    }

    /// Tells that all is well once it has been so for a while.
    pub(super) fn look_at_descriptors(&self) {
        self.shared.descriptors.look();
        self.highest.set(descriptors::lowest_free());
        let now = self.shared.clock.monotonic();
        if let Some(was_full) = self.was_full.get()
            && now.saturating_sub(was_full) >= CALM
        {
            self.was_full.set(None);
            tracing::info!("connections are accepted again");
        }
    }
}
