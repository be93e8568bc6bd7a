//! A gateway from its first request to its last.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle as Task;

use self::upgrading::{Upgrading, finished, refuse, told};
use crate::access::AccessLog;
use crate::app::{self, Alone, Ended, Fate};
use crate::background::steady;
use crate::config::{ConfigError, Loaded};
use crate::control::Asker;
use crate::error::{Error, system};
use crate::gateway::{Gateway, Outcome};
use crate::intake::Ports;
use crate::listen::Listeners;
use crate::metrics::Metrics;
use crate::reload::apply;
use crate::reports::Received;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::signals::{Asked, Signals};
use crate::surroundings::Surroundings;
use crate::upgrade::{self, Succeeded};
use crate::upkeep::Upkeep;
use crate::workers::{self, Worker};
use crate::{admin, background, log, orphans, reports, started};

mod standby;
mod upgrading;

/// Reports that wait to be explained; more are dropped.
const REPORTS: usize = 256;

/// Requests for an upgrade that wait to be refused, or begun.
const ASKERS: usize = 8;

/// Why a gateway stops serving.
enum Departure {
    /// It was told to.
    Asked,
    /// Its app has ended for good.
    AppEnded(Ended),
    /// Another one serves.
    Succeeded(Succeeded),
    /// Something of it has fallen over, and cannot be begun anew.
    Fallen(&'static str),
}

/// What a gateway is busy with between its start and its end.
struct Running<'a> {
    shared: &'a Arc<Shared>,
    settings: &'a Settings,
    around: &'a Surroundings,
    upkeep: &'a Upkeep,
    listeners: Rc<Listeners>,
    signals: Signals,
    upgrades: mpsc::Receiver<Asker>,
    app: Task<Ended>,
    took_app: bool,
    fate: &'a watch::Sender<Fate>,
    workers: Vec<Worker>,
    admin: Option<Task<()>>,
    /// Whether it is the one, which whoever is to take over is not yet.
    serves: bool,
}

impl Gateway {
    /// Serves until it is told to stop, its app has ended for good, or another gateway serves.
    pub(crate) async fn live(
        self,
        access: AccessLog,
        ready: impl FnOnce(),
        reload: impl Fn() -> Result<Loaded, ConfigError>,
    ) -> Result<Outcome, Error> {
        let addresses = self.addresses();
        let ports = addresses.https.map(|https| Ports {
            http: addresses.http.map(|http| http.port()),
            https: https.port(),
        });
        let metrics = Arc::new(Metrics::new());
        let (reports, incoming) = mpsc::channel(REPORTS);
        let apps = self.settings.standing(&metrics);
        let heir = self.around.heir.as_ref();
        heir.inspect(|heir| apps.were_short(heir.short()));
        let shared = Arc::new(Shared::new(
            self.settings.live.clone(),
            apps,
            Arc::clone(&metrics),
            access,
            Arc::clone(&self.around.clock),
            reports,
            ports,
        ));
        let (settings, around) = (&self.settings, &self.around);
        let (upgrades, asked) = mpsc::channel(ASKERS);
        let upkeep = Upkeep::new(&shared, settings, around, upgrades);
        let signals = Signals::new(around.ends_with_terminal).map_err(system("signals"))?;
        // Whoever takes over asks for the store once its app is up.
        if around.heir.is_none() {
            started::begin(&around.state, settings.drain).await;
            upkeep.open(None).await?;
            upkeep.take_up().await;
            upkeep.answer();
        }
        let background = self.beside(&shared, incoming);
        let admin = self.admin.into_iter().collect();
        let listeners = Listeners::new(self.http, self.https, admin);
        let left = app::left(settings, around);
        let (fate, decided) = watch::channel(Fate::of(!left.is_empty()));
        let mut running = Running {
            shared: &shared,
            settings,
            around,
            upkeep: &upkeep,
            listeners: Rc::new(listeners),
            signals,
            upgrades: asked,
            took_app: !left.is_empty(),
            fate: &fate,
            app: tokio::task::spawn_local(app::run(
                Arc::clone(&shared),
                settings.clone(),
                left,
                around.started.clone(),
                decided,
            )),
            workers: Vec::new(),
            admin: None,
            serves: around.heir.is_none(),
        };
        // Whoever takes over lets nobody in before it can serve: another one still does.
        if around.heir.is_none() {
            running.open()?;
        }
        let mut ready = Some(ready);
        let departure = loop {
            match running.serve(&mut ready, &reload).await? {
                Departure::Succeeded(mut by) => match running.stand_by(&mut by).await {
                    Some(relapse) => running.serve_again(by, relapse).await?,
                    None => break Departure::Succeeded(by),
                },
                departure => break departure,
            }
        };
        let replaced = matches!(departure, Departure::Succeeded(_));
        if !replaced {
            // That one which has not come to serve goes is nothing to systemd: it would end the one that does.
            if running.serves {
                log::notify_stopping();
            }
            running.drain(false).await;
        }
        let Running { app, admin, .. } = running;
        let outcome = match departure {
            Departure::AppEnded(ended) => came_to(ended),
            departure => {
                let end = fate.borrow().with_its_gateway();
                fate.send_replace(end);
                // One that has fallen over already has left nothing to be looked after.
                if !app.is_finished() {
                    let _ = app.await;
                }
                match departure {
                    Departure::Fallen(what) => Err(Error::Fallen(what)),
                    _ => Ok(stopped(replaced)),
                }
            }
        };
        if replaced {
            // Its tasks are the last to write.
            reports::pass_on(around).await;
        }
        upkeep.answered().await;
        background.iter().chain(&admin).for_each(Task::abort);
        outcome
    }

    /// Begins what is to be done whichever gateway serves.
    fn beside(&self, shared: &Arc<Shared>, mut reports: mpsc::Receiver<Received>) -> [Task<()>; 3] {
        let around = &self.around;
        let (kept, watcher) = (Arc::clone(&around.reports), around.watcher.clone());
        let (clock, ours) = (Arc::clone(&around.clock), Arc::clone(shared));
        // What is known of them outlives a fall, or they would be counted twice.
        let (alone, mut lost) = (around.program.is_some(), background::Lost::default());
        [
            steady("the upkeep of reports", shared, async move || {
                reports::keep(&mut reports, &kept, &watcher, &clock).await;
            }),
            steady("the upkeep of metrics", shared, async move || {
                background::upkeep(&ours, &mut lost).await;
            }),
            steady("the look for orphans", shared, async move || {
                orphans::reap(alone).await;
            }),
        ]
    }
}

const fn stopped(replaced: bool) -> Outcome {
    if replaced {
        Outcome::HandedOver
    } else {
        Outcome::Stopped
    }
}

impl<'a> Running<'a> {
    /// Lets clients in, and whoever asks for metrics and health.
    fn open(&mut self) -> Result<(), Error> {
        let admin = match self.listeners.admin.first() {
            Some(listener) => {
                let listener = listener.try_clone().map_err(system("a socket"))?;
                let (shared, around) = (Arc::clone(self.shared), self.around.clone());
                Some(admin::Admin::new(listener, shared, around)?)
            }
            None => None,
        };
        // The last that can fail: nobody would end them.
        let workers = workers::start(self.shared, &self.listeners, self.settings)?;
        self.workers.extend(workers);
        self.admin = admin.map(|admin| {
            steady("the admin listener", self.shared, async move || {
                admin.answer().await;
            })
        });
        Ok(())
    }

    /// The app is up: from now on this gateway is the one, unless it is told to stop before.
    async fn begin(&mut self, ready: impl FnOnce()) -> Result<(), Error> {
        if let Some(heir) = &self.around.heir {
            self.tell_of_what_is_down();
            self.upkeep.open_ahead().await?;
            let counters = tokio::select! {
                biased;
                () = self.signals.stop() => return Ok(()),
                counters = heir.prepared() => counters.map_err(Error::Handover)?,
            };
            self.upkeep.open(counters).await?;
            // The last moment at which the other one can go on as if nothing had been.
            if self.signals.stop().now_or_never().is_some() {
                return Ok(());
            }
            self.upkeep.take_up().await;
            self.open()?;
            self.upkeep.answer();
            let apps = heir.ready(self.took_app);
            self.serves = true;
            if !apps.is_empty() {
                let (heir, grace) = (heir.clone(), self.settings.drain);
                let started = self.around.started.clone();
                tokio::task::spawn_local(async move {
                    // The other gateway ends them with itself, unless it is killed before, or took them for ours.
                    if heir.alone().await.is_ok() {
                        let end = |app| app::end(app, grace, &started);
                        join_all(apps.into_iter().map(end)).await;
                    }
                });
            }
            // From now on the app is this gateway's to end.
            self.fate.send_if_modified(|fate| {
                let borrowed = *fate == Fate::Borrowed;
                if borrowed {
                    *fate = Fate::Runs;
                }
                borrowed
            });
            self.upkeep.stay();
            ready();
        } else {
            ready();
            log::notify_ready();
        }
        Ok(())
    }

    /// Serves, reloads and hands over as it is asked to, until there is a reason to stop.
    async fn serve(
        &mut self,
        ready: &mut Option<impl FnOnce()>,
        reload: &impl Fn() -> Result<Loaded, ConfigError>,
    ) -> Result<Departure, Error> {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let mut upgrading: Option<Upgrading<'a>> = None;
        let mut outdated = false;
        let mut given_up = std::pin::pin!(self.shared.given_up());
        // One for the whole time: the looks would begin its pauses anew until the app is up.
        let mut control = std::pin::pin!(self.upkeep.have_control());
        let is_heir = self.around.heir.is_some();
        let departure = loop {
            let asked = tokio::select! {
                ended = &mut self.app => break match ended {
                    Ok(ended) => Departure::AppEnded(ended),
                    Err(_) => Departure::Fallen("what looks after the app"),
                },
                () = self.around.stop.notified() => break Departure::Asked,
                () = given_up.as_mut() => {
                    break Departure::Fallen("every worker, as often as it was begun,");
                }
                _ = looks.tick(), if ready.is_some() => {
                    if self.is_app_there()
                        && let Some(ready) = ready.take()
                    {
                        self.begin(ready).await?;
                        if !self.serves {
                            break Departure::Asked;
                        }
                    }
                    continue;
                }
                signal = self.signals.next() => (signal, None),
                // Whoever takes over answers once it is the one.
                () = control.as_mut(), if ready.is_none() || !is_heir => continue,
                Some(asker) = self.upgrades.recv() => (Asked::Upgrade, Some(asker)),
                done = finished(upgrading.as_mut()) => {
                    match told(done, upgrading.take().and_then(|ended| ended.asker)) {
                        Some(by) => {
                            if outdated {
                                by.successor.asking()(Asked::Reload);
                            }
                            break Departure::Succeeded(by);
                        }
                        None => continue,
                    }
                }
            };
            match asked {
                (Asked::Stop, _) => break Departure::Asked,
                (Asked::Reload, _) => {
                    // Whoever is to take over may have read what was there before.
                    outdated = upgrading.is_some();
                    apply(self.shared, self.settings, self.around, reload).await;
                }
                (Asked::Upgrade, answer_to) => {
                    match self.may_upgrade(ready.is_none(), upgrading.is_some()) {
                        Ok(alone) => {
                            outdated = false;
                            upgrading = Some(self.upgrade(answer_to, alone));
                        }
                        Err(why) => refuse(&why, answer_to),
                    }
                }
            }
        };
        if let Some(Upgrading {
            steps, asker, stop, ..
        }) = upgrading
        {
            // What was begun is taken back: what is in flight needs the store.
            let _ = stop.send(());
            let done = steps.await.map(|done| done.successor.process());
            let _ = asker.map(|asker| asker.send(done));
        }
        Ok(departure)
    }

    fn upgrade(&self, asker: Option<Asker>, alone: Alone) -> Upgrading<'a> {
        let (upkeep, settings) = (self.upkeep, self.settings);
        let listeners = Rc::clone(&self.listeners);
        let (stop, stopped) = oneshot::channel();
        Upgrading {
            steps: Box::pin(upgrade::hand_over(upkeep, settings, listeners, stopped)),
            asker,
            stop,
            _alone: alone,
        }
    }
}

/// What an app's end means for the gateway.
fn came_to(ended: Ended) -> Result<Outcome, Error> {
    match ended {
        Ended::Stopped => Ok(Outcome::Stopped),
        Ended::Died(status) => Ok(Outcome::AppDied(status.code())),
        Ended::NotStarted(program, source) => Err(Error::App { program, source }),
    }
}
