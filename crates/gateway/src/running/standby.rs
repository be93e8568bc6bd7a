//! What a gateway does once another one serves, or nobody is to: it finishes what it has. Should the other
//! one die meanwhile, it serves again.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle as Task;
use tokio::time::sleep;

use super::Running;
use crate::app::{self, Fate};
use crate::control::Pulse;
use crate::error::Error;
use crate::handover::{End, Heir, Next, Session};
use crate::signals::{Asked, Signals};
use crate::upgrade::Succeeded;
use crate::workers::{self, Worker};
use crate::{log, reports};

/// Longest that a gateway with nothing left to do stands by for the one that serves; `limits.drain`, where that
/// is shorter. What is wrong with a program that had its app up mostly shows with its first clients.
const STANDS_BY: Duration = Duration::from_secs(10);

/// Longest for whoever is to take over from one that has died: its app may have to start first.
const NEXT: Duration = Duration::from_secs(75);

/// Longest that clients wait for the store to be had back, before they are served without it.
const STORE: Duration = Duration::from_secs(2);

/// That a gateway has to serve again which had handed over.
#[derive(Debug, Default)]
pub(super) struct Relapse {
    /// What is left of one that was to take over from the one that did.
    left: Option<Session>,
}

impl Running<'_> {
    /// Finishes what is in flight; no more is accepted. In haste, unless clients `go_on` elsewhere.
    pub(super) async fn drain(&mut self, go_on: bool) {
        // Whoever comes is not to wait for nobody.
        self.listeners = Rc::default();
        self.shared.drain(go_on);
        tokio::select! {
            () = workers::ended(&self.workers) => {}
            // Asked a second time, somebody is in a hurry.
            () = stop_asked(&mut self.signals, |_| {}) => self.hurry(),
        }
        self.join();
    }

    /// Finishes what is in flight for the one that serves, keeps the sockets for a while, or until that one has
    /// ended in order; whether this one has to serve again, since that one has died or hangs.
    pub(super) async fn stand_by(&mut self, by: &mut Succeeded) -> Option<Relapse> {
        self.leave_to(by);
        self.shared.drain(true);
        let (around, grace) = (self.around, STANDS_BY.min(self.settings.drain));
        let pulse = Pulse::of(&around.state);
        let finished = async {
            workers::ended(&self.workers).await;
            // Not only at the end: somebody may look at them.
            reports::pass_on(around).await;
        };
        let over = async {
            tokio::join!(finished, sleep(grace));
            // Nobody is left alone with one who has stopped answering since.
            pulse.heard().await;
        };
        let (process, asks) = (by.successor.process(), by.successor.asking());
        let ended = tokio::select! {
            biased;
            ended = by.successor.ended(&pulse) => Some(ended),
            () = over => None,
            // Whoever reloads this one means the one that serves.
            () = stop_asked(&mut self.signals, asks) => {
                self.hurry();
                None
            }
        };
        match ended {
            Some(End::InOrder) => self.drain(false).await,
            Some(End::Replaced) => self.drain(true).await,
            Some(End::Died(status)) => {
                self.join();
                tracing::error!(process, %status, "the gateway that had taken over has died; this one serves again");
                return Some(Relapse::default());
            }
            Some(End::Hangs) => {
                self.join();
                tracing::error!(
                    process,
                    "the gateway that had taken over does not answer: it is killed, and this one serves again"
                );
                return Some(Relapse::default());
            }
            Some(End::DiedBefore(status, next)) => match self.outlives(next, &pulse).await {
                Some(left) => {
                    self.join();
                    tracing::error!(
                        process, %status,
                        "the gateway that had taken over has died, and so has the one that was to take over from \
                         it; this one serves again"
                    );
                    return Some(Relapse { left });
                }
                None => self.drain(true).await,
            },
            None => self.join(),
        }
        None
    }

    /// Whether the `next` one ends before it comes to serve, and what is left of it.
    async fn outlives(&mut self, next: Next, pulse: &Pulse) -> Option<Option<Session>> {
        tokio::select! {
            biased;
            left = next.ended() => Some(left),
            () = pulse.begins() => None,
            () = sleep(NEXT) => None,
            () = stop_asked(&mut self.signals, |_| {}) => {
                self.hurry();
                None
            }
        }
    }

    /// Serves again in the place of one that has died, or is to.
    pub(super) async fn serve_again(
        &mut self,
        by: Succeeded,
        relapse: Relapse,
    ) -> Result<(), Error> {
        log::notify_again();
        // What it held is free, and what it has started is to end.
        let started = by.successor.end().await;
        for session in [Some(started), relapse.left].into_iter().flatten() {
            tokio::task::spawn_local(session.end(self.settings.drain));
        }
        if !by.apps.is_empty() && *self.fate.borrow() == Fate::GoesOn {
            // What looked after it has let it go.
            let _ = (&mut self.app).await;
            self.fate.send_replace(Fate::Runs);
            { self.shared.apps.instances() }.for_each(|instance| instance.set_taken(false));
            self.app = tokio::task::spawn_local(app::run(
                Arc::clone(self.shared),
                self.settings.clone(),
                by.apps,
                self.around.started.clone(),
                self.fate.subscribe(),
            ));
        }
        if let Some(listeners) = Rc::get_mut(&mut self.listeners)
            && let Err(error) = listeners.reopen()
        {
            tracing::error!(%error, "not all addresses are listened on again");
        }
        self.shared.begin_anew();
        self.upkeep.return_to();
        let mut resumed = std::pin::pin!(self.upkeep.resume());
        let soon = tokio::time::timeout(STORE, resumed.as_mut()).await;
        self.open()?;
        if soon.is_err() {
            resumed.await;
        }
        // Whoever stands by for this one is to do so again.
        self.around.heir.iter().for_each(Heir::stays);
        Ok(())
    }

    /// Tells who serves from now on, and leaves it the app, if it has taken that, and all entrances.
    fn leave_to(&mut self, by: &Succeeded) {
        let process = by.successor.process();
        tracing::info!(process, "another gateway has taken over");
        log::notify_successor(process);
        // Of two that answer, only one would be right.
        self.admin.take().iter().for_each(Task::abort);
        let mut goes_on = false;
        for instance in self.shared.apps.instances() {
            let ours = instance.process();
            let ours = ours.map(|(process, _)| process.as_raw_nonzero().get());
            // One that was started since is not the other's.
            let is_taken = by.apps.iter().any(|(app, _)| Some(app.process) == ours);
            instance.set_taken(is_taken);
            goes_on |= is_taken;
        }
        if goes_on {
            self.fate.send_replace(Fate::GoesOn);
        }
        if let Some(listeners) = Rc::get_mut(&mut self.listeners) {
            by.unused
                .iter()
                .for_each(|entrance| listeners.close(*entrance));
        }
    }

    fn hurry(&self) {
        if workers::running(&self.workers) > 0 {
            tracing::warn!("stopped before everything was finished");
        }
    }

    /// Takes leave of the workers that have ended.
    fn join(&mut self) {
        let workers = std::mem::take(&mut self.workers).into_iter();
        let (ended, rest): (Vec<Worker>, _) = workers.partition(Worker::is_finished);
        self.workers = rest;
        workers::join(ended);
    }
}

/// Resolves once it is asked to stop; what else it is asked for is `passed` on.
async fn stop_asked(signals: &mut Signals, passed: impl Fn(Asked)) {
    loop {
        match signals.next().await {
            Asked::Stop => return,
            asked => passed(asked),
        }
    }
}
