//! A gateway from its first request to its last.

use std::future::{Future, pending};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle as Task;

use crate::access::AccessLog;
use crate::app::{self, Ended, Fate};
use crate::config::{ConfigError, Loaded};
use crate::control::Asker;
use crate::error::{Error, system};
use crate::gateway::{Gateway, Outcome};
use crate::handover::AppLeft;
use crate::metrics::Metrics;
use crate::settings::{App, Settings, Surroundings};
use crate::shared::{AppState, Shared};
use crate::signals::{Asked, Signals};
use crate::upgrade::{self, Listeners, Succeeded};
use crate::upkeep::Upkeep;
use crate::worker::{self, Door};
use crate::{admin, background, listen, log, reports};

/// Reports that wait to be explained; more are dropped.
const REPORTS: usize = 256;

/// Why a gateway stops serving.
enum Departure {
    /// It was told to.
    Asked,
    /// Its app has ended for good.
    AppEnded(Ended),
    /// Another one serves.
    Succeeded(Succeeded),
}

type Upgrading<'a> = Pin<Box<dyn Future<Output = Result<Succeeded, String>> + 'a>>;

impl Gateway {
    /// Serves until it is told to stop, its app has ended for good, or another gateway serves.
    pub(crate) async fn live(
        self,
        access: AccessLog,
        ready: impl FnOnce(),
        reload: impl Fn() -> Result<Loaded, ConfigError>,
    ) -> Result<Outcome, Error> {
        let https_port = self.addresses().https.map(|address| address.port());
        let metrics = Arc::new(Metrics::new());
        let (reports, incoming) = mpsc::channel(REPORTS);
        let clock = Arc::clone(&self.around.clock);
        let live = self.settings.live.clone();
        let shared = Arc::new(Shared::new(
            live,
            Arc::clone(&metrics),
            access,
            clock,
            reports,
            https_port,
        ));
        let heir = self.around.heir.clone();
        if let Some(heir) = &heir {
            heir.prepared().map_err(Error::Handover)?;
        }
        let (upgrades, mut upgrade_asked) = mpsc::channel(1);
        let upkeep = Upkeep::open(&shared, &self.settings, &self.around, upgrades).await?;
        let mut signals = Signals::new().map_err(system("signals"))?;
        upkeep.take_up().await;
        upkeep.answer();
        if let Some(heir) = &heir {
            heir.opened().map_err(Error::Handover)?;
        }
        let mut background = vec![
            tokio::task::spawn_local(reports::explain(incoming, Arc::clone(&shared.clock))),
            tokio::task::spawn_local(background::upkeep(metrics.handle())),
        ];
        let listeners = Listeners {
            http: self.http,
            https: self.https,
            admin: self.admin,
        };
        if let Some(listener) = &listeners.admin {
            let listener = { listener.try_clone() }.and_then(tokio::net::TcpListener::from_std);
            let listener = listener.map_err(system("a socket"))?;
            let serve = admin::serve(listener, Arc::clone(&shared), metrics.handle());
            background.push(tokio::task::spawn_local(serve));
        }
        let settings = &self.settings;
        let start = || start_workers(&shared, &listeners, settings);
        // Whoever takes over accepts nobody before it can serve: another one still does.
        let mut workers = match &heir {
            None => start()?,
            Some(_) => Vec::new(),
        };
        let (fate, left) = (
            watch::Sender::new(Fate::Runs),
            left_app(settings, &self.around),
        );
        let took_app = left.is_some();
        let mut app = tokio::task::spawn_local(start_app(
            Arc::clone(&shared),
            settings.clone(),
            left,
            fate.subscribe(),
        ));
        let mut ready = Some(ready);
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let mut upgrading: Option<(Upgrading<'_>, Option<Asker>)> = None;
        let departure = loop {
            let asked = tokio::select! {
                ended = &mut app => break Departure::AppEnded(ended.unwrap_or(Ended::Stopped)),
                _ = looks.tick(), if ready.is_some() => {
                    if matches!(**shared.app.load(), AppState::Up(_))
                        && let Some(ready) = ready.take()
                    {
                        match &heir {
                            None => log::notify_ready(),
                            Some(heir) => {
                                workers = start()?;
                                heir.ready(took_app).map_err(Error::Handover)?;
                                upkeep.stay();
                            }
                        }
                        ready();
                    }
                    continue;
                }
                signal = signals.next() => (signal, None),
                Some(asker) = upgrade_asked.recv(), if upgrading.is_none() => {
                    (Asked::Upgrade, Some(asker))
                }
                done = finished(upgrading.as_mut()) => {
                    let asker = upgrading.take().and_then(|(_, asker)| asker);
                    let process = done.as_ref().map(|done| done.process).map_err(Clone::clone);
                    if let Some(asker) = asker {
                        // Who asked may have gone.
                        let _ = asker.send(process);
                    }
                    match done {
                        Ok(done) => break Departure::Succeeded(done),
                        Err(why) => tracing::error!(why, "the upgrade has failed; this gateway goes on"),
                    }
                    continue;
                }
            };
            match asked {
                (Asked::Stop, _) => break Departure::Asked,
                (Asked::Reload, _) => apply(&shared, settings, &self.around, reload()).await,
                (Asked::Upgrade, _) if upgrading.is_some() || ready.is_some() => {
                    tracing::warn!("an upgrade, or the start, is under way already");
                }
                (Asked::Upgrade, asker) => {
                    let steps = upgrade::hand_over(&upkeep, settings, &listeners, workers.len());
                    upgrading = Some((Box::pin(steps), asker));
                }
            }
        };
        let replaced = matches!(departure, Departure::Succeeded(_));
        let was_upgrading = upgrading.is_some();
        drop(upgrading);
        if was_upgrading {
            // What was begun is taken back: what is in flight needs the store.
            upkeep.resume().await;
        }
        match &departure {
            Departure::Succeeded(successor) => {
                tracing::info!(
                    process = successor.process,
                    "another gateway has taken over"
                );
                log::notify_successor(successor.process);
                let same = shared
                    .process()
                    .map(|(process, _)| process.as_raw_nonzero().get());
                if successor.app.is_some() && successor.app == same {
                    fate.send_replace(Fate::GoesOn);
                }
            }
            _ => log::notify_stopping(),
        }
        // No more is accepted, what is in flight goes on.
        drop(listeners);
        shared.drain(replaced);
        let joined = tokio::task::spawn_blocking(move || join(workers));
        tokio::select! {
            _ = joined => {}
            // Asked a second time, somebody is in a hurry.
            _ = signals.next() => tracing::warn!("stopped before everything was finished"),
        }
        let outcome = match departure {
            Departure::Asked | Departure::Succeeded(_) => {
                fate.send_if_modified(|fate| {
                    let runs = *fate == Fate::Runs;
                    if runs {
                        *fate = Fate::Ends;
                    }
                    runs
                });
                let _ = app.await;
                Ok(if replaced {
                    Outcome::HandedOver
                } else {
                    Outcome::Stopped
                })
            }
            Departure::AppEnded(ended) => came_to(ended, settings),
        };
        background.iter().for_each(Task::abort);
        outcome
    }
}

/// What comes of an upgrade, if one is under way.
async fn finished(
    upgrading: Option<&mut (Upgrading<'_>, Option<Asker>)>,
) -> Result<Succeeded, String> {
    match upgrading {
        Some((upgrading, _)) => upgrading.await,
        None => pending().await,
    }
}

/// What an app's end means for the gateway.
fn came_to(ended: Ended, settings: &Settings) -> Result<Outcome, Error> {
    match ended {
        Ended::Stopped => Ok(Outcome::Stopped),
        Ended::Died(status) => Ok(Outcome::AppDied(status.code())),
        Ended::NotStarted(source) => {
            let program = match &settings.app {
                App::Command { command, .. } => command.first().cloned().unwrap_or_default(),
                App::Upstream(upstream) => upstream.to_string(),
            };
            Err(Error::App { program, source })
        }
    }
}

fn start_workers(
    shared: &Arc<Shared>,
    listeners: &Listeners,
    settings: &Settings,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let door = |tls| move |listener| Door { listener, tls };
    let divide =
        |sockets| listen::divide(sockets, settings.workers).map_err(system("to share a socket"));
    let shares = divide(&listeners.http)?
        .into_iter()
        .zip(divide(&listeners.https)?);
    let grace = settings.drain;
    let mut workers = Vec::new();
    for (http, https) in shares {
        let http = http.into_iter().map(door(false));
        let doors: Vec<Door> = http.chain(https.into_iter().map(door(true))).collect();
        let name = format!("worker-{}", workers.len());
        let shared = Arc::clone(shared);
        let serve = move || {
            if let Err(error) = worker::run(shared, doors, grace) {
                tracing::error!(%error, "a worker could not start");
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(serve);
        workers.push(thread.map_err(system("a thread"))?);
    }
    Ok(workers)
}

fn join(workers: Vec<JoinHandle<()>>) {
    for worker in workers {
        if worker.join().is_err() {
            tracing::error!("a worker ended by a panic");
        }
    }
}

/// The app that the gateway before this one has started, if it is to be started the same way.
fn left_app(settings: &Settings, around: &Surroundings) -> Option<(AppLeft, OwnedFd)> {
    let App::Command { command, .. } = &settings.app else {
        return None;
    };
    let user = settings.account.as_ref().map(ToString::to_string);
    around.heir.as_ref()?.app(command, user.as_deref())
}

/// Runs the app, or follows it; resolves when a command of ours has ended for good.
async fn start_app(
    shared: Arc<Shared>,
    settings: Settings,
    left: Option<(AppLeft, OwnedFd)>,
    mut fate: watch::Receiver<Fate>,
) -> Ended {
    match settings.app {
        App::Command {
            command,
            start_timeout,
        } => {
            let plan = app::Plan {
                command,
                start_timeout,
                placeholder: settings.live.placeholder,
                account: settings.account,
                grace: settings.drain,
            };
            app::supervise(shared, plan, left, fate).await
        }
        App::Upstream(upstream) => {
            // A name is followed for as long as the gateway runs, an address until it is known.
            let follow = app::follow(shared, upstream);
            tokio::select! {
                _ = fate.wait_for(|fate| *fate != Fate::Runs) => {}
                () = async {
                    follow.await;
                    pending::<()>().await;
                } => {}
            }
            Ended::Stopped
        }
    }
}

/// Puts a changed configuration in force, as far as it can be without a restart.
async fn apply(
    shared: &Shared,
    running: &Settings,
    around: &Surroundings,
    loaded: Result<Loaded, ConfigError>,
) {
    log::notify_reloading();
    let settings = loaded.and_then(|loaded| Settings::build(&loaded, around));
    match settings {
        Ok(settings) => {
            let stays = [
                ("listen", settings.listeners() != running.listeners()),
                ("listen.workers", settings.workers != running.workers),
                ("app", settings.app != running.app),
                ("log.format", settings.log.format != running.log.format),
                ("store", settings.store != running.store),
                ("run", settings.account != running.account),
            ];
            for (key, _) in stays.iter().filter(|(_, changed)| *changed) {
                tracing::warn!(key, "a change of this takes effect only after a restart");
            }
            // The new list of blocks is empty until it has been looked at.
            let refresh = settings.live.suit.blocklist().refresh();
            let refreshed = tokio::time::timeout(Duration::from_millis(500), refresh).await;
            if !matches!(refreshed, Ok(Ok(()))) {
                tracing::warn!("the blocks by hand could not be looked at and follow later");
            }
            shared.live.store(Arc::new(settings.live));
            tracing::info!("the configuration has been reloaded");
        }
        Err(error) => {
            tracing::error!("the configuration stays as it was: {error}");
        }
    }
    log::notify_ready();
}
