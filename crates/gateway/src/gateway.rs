//! The gateway as a whole: bound, run, reloaded, drained.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use panoply_tls::Nodes;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle as Task, LocalSet};

use crate::access::AccessLog;
use crate::app::{self, Ended};
use crate::config::{ConfigError, Loaded};
use crate::error::{Error, system};
use crate::listen;
use crate::metrics::Metrics;
use crate::settings::{App, Settings};
use crate::shared::{AppState, Shared};
use crate::signals::{Asked, Signals};
use crate::store::{self, Opened};
use crate::surroundings::Surroundings;
use crate::worker::{self, Door};
use crate::{admin, background, control, log, reports};

/// Reports that wait to be explained; more are dropped.
const REPORTS: usize = 256;

/// How a gateway came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was told to stop, and what was in flight has been finished or given up.
    Stopped,
    /// The app ended before it had ever accepted a connection, with this status.
    AppDied(Option<i32>),
}

/// A gateway that holds its ports and serves nobody yet.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
    around: Surroundings,
    http: Vec<std::net::TcpListener>,
    https: Vec<std::net::TcpListener>,
    admin: Option<std::net::TcpListener>,
}

/// Where a gateway can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addresses {
    /// The plain listener.
    pub http: Option<SocketAddr>,
    /// The TLS listener.
    pub https: Option<SocketAddr>,
    /// The listener for metrics and health.
    pub admin: Option<SocketAddr>,
}

impl Gateway {
    /// Binds every port that `settings` name, or takes the sockets that systemd passed: the first
    /// for HTTPS when TLS is on, the next for plain HTTP.
    ///
    /// # Errors
    ///
    /// When a port cannot be had, or certificates would be lost with the state directory.
    pub fn bind(settings: Settings, around: Surroundings) -> Result<Self, Error> {
        if let Some(acme) = &settings.live.acme {
            acme.ensure_lasting()?;
        }
        let workers = settings.workers;
        let mut passed = listen::inherited()
            .map_err(system("a socket passed to it"))?
            .into_iter();
        let shared = |listener: std::net::TcpListener| {
            let clones = (1..workers)
                .map(|_| listener.try_clone())
                .collect::<io::Result<Vec<_>>>();
            clones.map(|mut all| {
                all.push(listener);
                all
            })
        };
        let mut open = |address: Option<SocketAddr>| match (address, passed.next()) {
            (None, _) => Ok(Vec::new()),
            (Some(_), Some(socket)) => shared(socket).map_err(system("to share a socket")),
            (Some(address), None) => Ok(listen::bind(address, workers)?),
        };
        let https = if settings.https.is_some() {
            open(settings.https)?
        } else {
            Vec::new()
        };
        let http = open(settings.http)?;
        let admin = settings
            .admin
            .map(|address| listen::bind(address, 1))
            .transpose()?;
        let admin = admin.and_then(|mut listeners| listeners.pop());
        Ok(Self {
            settings,
            around,
            http,
            https,
            admin,
        })
    }

    /// The addresses that were bound, with the ports that were found for port 0.
    pub fn addresses(&self) -> Addresses {
        let of = |listener: Option<&std::net::TcpListener>| listener?.local_addr().ok();
        Addresses {
            http: of(self.http.first()),
            https: of(self.https.first()),
            admin: of(self.admin.as_ref()),
        }
    }

    /// Serves until a signal says stop, or until the app turns out not to start.
    ///
    /// `ready` is called once clients will be answered by the app; `reload` is called on SIGHUP
    /// and gives the configuration as it is then.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started, or the app's program is not there.
    pub fn run(
        self,
        ready: impl FnOnce(),
        reload: impl Fn() -> Result<Loaded, ConfigError>,
    ) -> Result<Outcome, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("a runtime"))?;
        let json = log::is_json(self.settings.log.format);
        let clock = Arc::clone(&self.around.clock);
        let (access, writer) =
            AccessLog::start(io::stderr(), json, clock).map_err(system("a thread"))?;
        let outcome = runtime.block_on(LocalSet::new().run_until(self.live(access, ready, reload)));
        drop(runtime);
        // All writing ends are gone with the runtime and the workers; the last lines go out.
        let _ = writer.join();
        outcome
    }

    async fn live(
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
            Arc::clone(&clock),
            reports,
            https_port,
        ));
        let opened = store::open(&self.settings.store, &clock).await?;
        self.around.store.fill(Arc::clone(&opened.store));
        let nodes = nodes(&opened, &self.settings)?;
        let mut signals = Signals::new().map_err(system("signals"))?;
        let mut background = vec![
            tokio::task::spawn_local(reports::explain(
                incoming,
                Arc::clone(&shared.clock),
                self.around.reports.clone(),
            )),
            tokio::task::spawn_local(background::keep_certificates(Arc::clone(&shared))),
            tokio::task::spawn_local(background::order_certificates(
                Arc::clone(&shared),
                nodes.clone(),
            )),
            tokio::task::spawn_local(background::keep_keys(Arc::clone(&shared))),
            tokio::task::spawn_local(background::upkeep(metrics.handle())),
        ];
        background.extend(nodes.map(|nodes| {
            let share = background::share_tickets(Arc::clone(&shared), nodes);
            tokio::task::spawn_local(share)
        }));
        // Before the first request: whoever is blocked stays blocked.
        if let Err(error) = shared.live.load_full().suit.blocklist().refresh().await {
            tracing::warn!(%error, "the blocks could not be looked at");
        }
        let secret = self.settings.store.secret.clone();
        let blocks = background::keep_blocks(Arc::clone(&shared), opened, secret);
        background.push(tokio::task::spawn_local(blocks));
        background.extend(start_control(&self.around, &shared));
        if let Some(listener) = self.admin {
            let listener =
                tokio::net::TcpListener::from_std(listener).map_err(system("a socket"))?;
            let serve = admin::serve(listener, Arc::clone(&shared), metrics.handle());
            background.push(tokio::task::spawn_local(serve));
        }
        let workers = start_workers(&shared, self.http, self.https, self.settings.drain)?;
        let stop = Arc::new(tokio::sync::Notify::new());
        let app = start_app(&shared, &self.settings, &stop);
        let mut app = std::pin::pin!(app);
        let mut ready = Some(ready);
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let died = loop {
            tokio::select! {
                ended = app.as_mut() => break Some(ended),
                _ = looks.tick(), if ready.is_some() => {
                    if matches!(**shared.app.load(), AppState::Up(_))
                        && let Some(ready) = ready.take()
                    {
                        ready();
                        log::notify_ready();
                    }
                }
                signal = signals.next() => match signal {
                    Asked::Stop => break None,
                    Asked::Reload => {
                        apply(&shared, &self.settings, &self.around, reload()).await;
                    }
                },
            }
        };
        log::notify_stopping();
        // Stopping has begun: no more is accepted, what is in flight goes on.
        shared.draining.send_replace(true);
        let joined = tokio::task::spawn_blocking(move || join(workers));
        tokio::select! {
            _ = joined => {}
            // Asked a second time, somebody is in a hurry.
            _ = signals.next() => tracing::warn!("stopped before everything was finished"),
        }
        let outcome = match died {
            None => {
                stop.notify_one();
                app.await;
                Ok(Outcome::Stopped)
            }
            Some(Ended::Stopped) => Ok(Outcome::Stopped),
            Some(Ended::Died(status)) => Ok(Outcome::AppDied(status.code())),
            Some(Ended::NotStarted(source)) => {
                let program = match &self.settings.app {
                    App::Command { command, .. } => command.first().cloned().unwrap_or_default(),
                    App::Upstream(upstream) => upstream.to_string(),
                };
                Err(Error::App { program, source })
            }
        };
        background.iter().for_each(Task::abort);
        outcome
    }
}

/// What nodes share, where they have a store in common.
fn nodes(opened: &Opened, settings: &Settings) -> Result<Option<Arc<Nodes>>, Error> {
    let nodes = |store| Nodes::new(Arc::clone(store), &settings.store.secret).map(Arc::new);
    let unsealed = |error| system("random bytes")(io::Error::other(error));
    { opened.sessions.as_ref() }
        .map(nodes)
        .transpose()
        .map_err(unsealed)
}

/// The socket for `panoply blocks` and `panoply status`.
fn start_control(around: &Surroundings, shared: &Arc<Shared>) -> Option<Task<()>> {
    match control::bind(&around.state) {
        Ok(Some(socket)) => {
            let serve = control::serve(socket, Arc::clone(shared), Arc::clone(&around.store));
            return Some(tokio::task::spawn_local(serve));
        }
        Ok(None) => tracing::warn!(
            state = %around.state.display(),
            "another gateway runs on this state directory; `panoply blocks` speaks to that one"
        ),
        Err(error) => tracing::warn!(%error, "`panoply blocks` will find no control socket"),
    }
    None
}

fn start_workers(
    shared: &Arc<Shared>,
    http: Vec<std::net::TcpListener>,
    https: Vec<std::net::TcpListener>,
    grace: Duration,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let door = |tls| move |listener| Door { listener, tls };
    let mut http = http.into_iter().map(door(false));
    let mut https = https.into_iter().map(door(true));
    let mut workers = Vec::new();
    loop {
        let doors: Vec<Door> = http.next().into_iter().chain(https.next()).collect();
        if doors.is_empty() {
            return Ok(workers);
        }
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
}

fn join(workers: Vec<JoinHandle<()>>) {
    for worker in workers {
        if worker.join().is_err() {
            tracing::error!("a worker ended by a panic");
        }
    }
}

/// Runs the app, or follows it; resolves when a command of ours has ended for good.
async fn start_app(shared: &Arc<Shared>, settings: &Settings, stop: &tokio::sync::Notify) -> Ended {
    match settings.app.clone() {
        App::Command {
            command,
            start_timeout,
        } => {
            let placeholder = settings.live.placeholder.clone();
            let grace = settings.drain;
            let stop = stop.notified();
            app::supervise(
                Arc::clone(shared),
                command,
                start_timeout,
                placeholder,
                stop,
                grace,
            )
            .await
        }
        App::Upstream(upstream) => {
            // A name is followed for as long as the gateway runs, an address until it is known.
            let stopped = stop.notified();
            let follow = app::follow(Arc::clone(shared), upstream);
            tokio::select! {
                () = stopped => {}
                () = async {
                    follow.await;
                    std::future::pending::<()>().await;
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
