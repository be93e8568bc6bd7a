//! Another start of the app beside the one that runs, which goes once the new one has taken its place.

use std::io;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use panoply::Clock;
use tokio::sync::{Notify, OwnedMutexGuard, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::command::{Fate, Of, accepting, decided};
use super::instance::{Instance, Named};
use super::process::Process;
use super::{health, sockets};
use crate::proxy::{AppAddress, Pool};
use crate::shared::Shared;

/// How long one restart waits for another to be over.
const TURN: Duration = Duration::from_secs(20);

/// How long whoever asks is kept waiting, in all; the start itself goes on.
const LONGEST: Duration = Duration::from_mins(1);

/// The same of one after the other: with its turn less than an exchange at the control socket may take.
const LONGEST_OF_SEVERAL: Duration = Duration::from_secs(65);

/// How often an app is looked at that comes up, or that finishes what it has.
const LOOK: Duration = Duration::from_millis(100);

/// What has been asked for, one at a time: an upgrade is another that would have the app.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    alone: Arc<tokio::sync::Mutex<()>>,
    asked: Mutex<Option<Wish>>,
    wanted: Notify,
    /// Of which of several, for the log.
    of: Named,
}

/// That nobody else starts, ends or hands over the app as long as this is there.
#[derive(Debug)]
pub(crate) struct Alone(#[expect(dead_code, reason = "held")] OwnedMutexGuard<()>);

/// Who has asked for a restart.
#[derive(Debug)]
pub(super) struct Wish {
    asker: oneshot::Sender<Result<u32, String>>,
    alone: Alone,
    /// Of which app alone.
    app: Option<String>,
    of: Named,
}

impl Wish {
    /// What the app has of the site that it is for, if it is for one alone.
    pub(super) fn app(&self) -> Option<&str> {
        self.app.as_deref()
    }

    /// Tells whoever has asked how it went; nobody else's turn has come yet.
    pub(super) fn answer(self, how: Result<u32, String>) -> Alone {
        if let Err(why) = &how {
            tracing::error!(
                why,
                app = self.of.app.as_deref(),
                instance = self.of.instance,
                "the app has not been restarted"
            );
        }
        self.tell(how)
    }

    /// The same of what the log has already.
    pub(super) fn tell(self, how: Result<u32, String>) -> Alone {
        // Who asked may have gone.
        let _ = self.asker.send(how);
        self.alone
    }
}

impl Restarts {
    /// Of this instance, if it is one of several.
    pub(super) fn of(named: Named) -> Self {
        Self {
            of: named,
            ..Self::default()
        }
    }

    /// Has the app started anew; gives the process that serves then, or says why none does.
    pub(crate) async fn ask(&self) -> Result<u32, String> {
        self.ask_for(None, 1).await
    }

    /// The same of so many, of which each may take its time; of one `app` alone, if that is said.
    pub(crate) async fn ask_for(
        &self,
        app: Option<String>,
        instances: usize,
    ) -> Result<u32, String> {
        let turn = Arc::clone(&self.alone).lock_owned();
        let Ok(alone) = timeout(TURN, turn).await else {
            return Err(
                "the app is being restarted or handed over already, or the one before still finishes what it has: \
                 ask again once that is over"
                    .to_owned(),
            );
        };
        let (asker, answer) = oneshot::channel();
        let wish = Wish {
            asker,
            alone: Alone(alone),
            app,
            of: self.of.clone(),
        };
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(wish);
        self.wanted.notify_one();
        let longest = LONGEST.saturating_mul(u32::try_from(instances).unwrap_or(u32::MAX));
        let longest = longest.min(LONGEST_OF_SEVERAL);
        match timeout(longest, answer).await {
            Ok(Ok(how)) => how,
            Ok(Err(_)) => Err("the app ends, or the gateway that looks after it".to_owned()),
            Err(_) => {
                Err("the app takes long to be up; the gateway's log says how it ends".to_owned())
            }
        }
    }

    /// Waits until none is under way, and what has been replaced has ended.
    pub(super) async fn over(&self) {
        drop(self.alone.lock().await);
    }

    /// Keeps restarts out, unless one is under way.
    pub(crate) fn keep_out(&self) -> Option<Alone> {
        Arc::clone(&self.alone).try_lock_owned().ok().map(Alone)
    }

    /// Resolves once somebody asks for one.
    pub(super) async fn wanted(&self) -> Wish {
        loop {
            let asked = { self.asked.lock() }
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(wish) = asked {
                return wish;
            }
            self.wanted.notified().await;
        }
    }
}

/// What comes of an app that is started beside another.
#[derive(Debug)]
pub(super) enum Next {
    /// It accepts connections here, and is well.
    Serves(Process, AppAddress),
    /// The other one has ended meanwhile, as this says.
    Alone(Process, io::Result<Option<ExitStatus>>),
    /// It does not come up, as this says, and has been ended.
    Failed(String),
}

/// Starts the app once more, and waits until it is well, for as long as a start may take.
pub(super) async fn next(of: Of<'_>, runs: &mut Process) -> Next {
    let Of { plan, .. } = of;
    let mut process = match of.start() {
        Ok(process) => process,
        Err(error) => return Next::Failed(format!("it cannot be started: {error}")),
    };
    let port = process.port();
    let failed = tokio::select! {
        up = timeout(plan.start_timeout, well(of, port)) => match up {
            Ok(address) => return Next::Serves(process, address),
            Err(_) => format!(
                "the new app is not up after {:?}: it does not accept connections on PORT, or does not answer \
                 `app.health`. The old one goes on",
                plan.start_timeout
            ),
        },
        status = process.wait() => format!(
            "the new app ended before it was up ({}). The old one goes on; what the new one said is where the \
             gateway's own log is",
            told(&status)
        ),
        status = runs.wait() => return Next::Alone(process, status),
    };
    process.end(plan.grace.min(SHORT)).await;
    Next::Failed(failed)
}

/// How long an app may take to end that nobody has been sent to.
pub(super) const SHORT: Duration = Duration::from_secs(5);

fn told(status: &io::Result<Option<ExitStatus>>) -> String {
    match status {
        Ok(Some(status)) => status.to_string(),
        Ok(None) => "nobody knows how".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Where an app answers as it should on `port`, sooner or later.
async fn well(of: Of<'_>, port: u16) -> AppAddress {
    let Of { shared, app, .. } = of;
    let address = AppAddress::Tcp(accepting(port).await);
    let clock: Rc<dyn Clock> = Rc::new(Arc::clone(&shared.clock));
    let pool = Rc::new(Pool::new(clock, shared.descriptors.clone()));
    pool.move_to(Some(&address));
    while !health::is_well(shared, app, &pool).await {
        sleep(LOOK).await;
    }
    address
}

/// Looks after an app that is up until it ends, or is not to run here any more; one that is wanted in its place serves
/// once it is well.
pub(super) async fn serve(
    of: Of<'_>,
    process: &mut Process,
    fate: &mut watch::Receiver<Fate>,
    after: &mut After,
) -> Result<io::Result<Option<ExitStatus>>, Fate> {
    let Of {
        shared,
        instance,
        plan,
        ..
    } = of;
    // Whoever has asked for a start and waits for it, since no other app was there any more, is told how it is.
    let well = timeout(plan.start_timeout, well(of, process.port()));
    let mut well = std::pin::pin!(well);
    loop {
        let is_wished = after.is_wished();
        let number = process.number();
        let asked = tokio::select! {
            well = well.as_mut(), if is_wished => {
                after.tell(well.map(|_| number).map_err(|_| format!(
                    "the new app accepts connections, but has not answered `app.health` as it should for {:?}, and \
                     the one before has ended: mend it, and ask again",
                    plan.start_timeout
                )));
                continue;
            }
            status = process.wait() => return Ok(status),
            fate = decided(fate) => return Err(fate),
            asked = instance.restarts.wanted() => asked,
        };
        tracing::info!(
            app = instance.app(),
            instance = instance.told(),
            "the app is started anew, beside the one that runs"
        );
        let next = tokio::select! {
            next = next(of, process) => next,
            // With it ends what has been started.
            fate = decided(fate) => return Err(fate),
        };
        match next {
            Next::Serves(new, address) => {
                let before = std::mem::replace(process, new).ends_with_us();
                tracing::info!(%address, app = instance.app(), instance = instance.told(), "the new app serves");
                instance.set_process(process.id().map(|id| (id, process.port())));
                instance.found(address, true);
                let alone = asked.answer(Ok(process.number()));
                let end = wind_down(
                    Arc::clone(shared),
                    (instance.named(), before),
                    plan.grace,
                    alone,
                );
                tokio::task::spawn_local(end);
            }
            Next::Failed(why) => drop(asked.answer(Err(why))),
            Next::Alone(new, status) => {
                after.next = Some(new);
                after.wish = Some(asked);
                return Ok(status);
            }
        }
    }
}

/// What follows once an app has ended.
#[derive(Debug, Default)]
pub(super) struct After {
    /// Who waits for the next to be up.
    wish: Option<Wish>,
    /// What has been started already.
    pub(super) next: Option<Process>,
}

impl After {
    /// Whether somebody waits for it.
    pub(super) const fn is_wished(&self) -> bool {
        self.wish.is_some()
    }

    /// Somebody waits for the next.
    pub(super) fn wish(&mut self, wish: Wish) {
        self.wish = Some(wish);
    }

    /// It is well, with this number, or will not be, as this says.
    pub(super) fn tell(&mut self, how: Result<u32, String>) {
        drop(self.wish.take().map(|wish| wish.answer(how)));
    }

    /// Waits before the next start, unless one is asked for; whether there is to be one.
    pub(super) async fn rest(
        &mut self,
        instance: &Instance,
        pause: Duration,
        fate: &mut watch::Receiver<Fate>,
    ) -> bool {
        instance.fails();
        if self.next.is_some() {
            return true;
        }
        tokio::select! {
            () = sleep(pause) => true,
            asked = instance.restarts.wanted(), if self.wish.is_none() => {
                self.wish = Some(asked);
                true
            }
            _ = decided(fate) => false,
        }
    }
}

/// Ends an app in whose place another serves, once nobody of ours is at it any more, or after `grace`.
pub(super) async fn wind_down(
    shared: Arc<Shared>,
    (Named { app, instance }, mut process): (Named, Process),
    grace: Duration,
    alone: Alone,
) {
    let (port, app) = (process.port(), app.as_deref());
    let emptied = async {
        // Each worker has seen by then where the app is.
        while !shared.round().await {}
        while sockets::are_connected_to(port) {
            sleep(LOOK).await;
        }
    };
    if timeout(grace, emptied).await.is_err() {
        tracing::warn!(
            app,
            instance,
            "the app before has not finished all that it had; it is ended"
        );
    }
    process.end(grace).await;
    tracing::info!(app, instance, "the app before has ended");
    drop(alone);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_has_many_restarted_is_told_in_time_that_it_goes_on() {
        let restarts = Restarts::default();
        let begun = tokio::time::Instant::now();
        let (told, _wish) = tokio::join!(restarts.ask_for(None, 64), restarts.wanted());
        assert!(told.unwrap_err().contains("log says how it ends"));
        assert_eq!(begun.elapsed(), LONGEST_OF_SEVERAL);
    }

    #[tokio::test(start_paused = true)]
    async fn one_restart_waits_for_another_and_keeps_out_whoever_would_have_the_app() {
        let restarts = Restarts::default();
        let mut two = Box::pin(async { tokio::join!(restarts.ask(), restarts.ask()) });
        let first = tokio::select! {
            _ = &mut two => panic!("nobody has answered"),
            wish = restarts.wanted() => wish,
        };
        assert!(restarts.keep_out().is_none());
        // The other comes to nothing as long as this one is not over.
        let alone = first.answer(Ok(7));
        let (one, other) = two.await;
        assert_eq!(one, Ok(7));
        assert!(other.unwrap_err().contains("ask again"));
        drop(alone);
        let third = async { restarts.wanted().await.answer(Err("no".to_owned())) };
        let (third, alone) = tokio::join!(restarts.ask(), third);
        assert_eq!(third, Err("no".to_owned()));
        drop(alone);
        assert!(restarts.keep_out().is_some());
    }
}
