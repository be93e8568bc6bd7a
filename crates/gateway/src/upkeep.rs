//! What one gateway at a time does for a state directory: the store, the evidence of reports,
//! certificates, the control socket. It can be laid down and taken up again, for another gateway to have it.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use panoply_store_sqlite::SqliteStore;
use panoply_tls::Nodes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle as Task;

use crate::background::{self, steady};
use crate::control::{self, Asker, Desk, Socket};
use crate::error::{Error, system};
use crate::handover::Entrance;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::store::{self, Awaited, Opened};
use crate::surroundings::Surroundings;

mod home;

#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) shared: Arc<Shared>,
    pub(crate) around: Surroundings,
    plan: store::Plan,
    drain: Duration,
    /// The store, and what nodes share in it; none while another gateway may have it.
    opened: RefCell<Option<(Opened, Option<Arc<Nodes>>)>>,
    control: RefCell<Option<Arc<Socket>>>,
    upgrades: mpsc::Sender<Asker>,
    tasks: RefCell<Vec<Task<()>>>,
    answers: RefCell<Option<Task<()>>>,
    /// Closed while nobody is being answered.
    exchanges: watch::Sender<()>,
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.lay_down();
        self.fall_silent();
        if let Some(acme) = &self.shared.live.load().acme {
            // Whoever starts it anew may have made room for that.
            let _ = acme.write_down();
        }
    }
}

impl Upkeep {
    /// Takes the control socket over, where another gateway hands it over; nothing is done yet.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        settings: &Settings,
        around: &Surroundings,
        upgrades: mpsc::Sender<Asker>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            around: around.clone(),
            plan: settings.store.clone(),
            drain: settings.drain,
            opened: RefCell::default(),
            control: RefCell::new(
                { around.heir.as_ref() }
                    .and_then(|_| control::find(around))
                    .map(Arc::new),
            ),
            upgrades,
            tasks: RefCell::default(),
            answers: RefCell::default(),
            exchanges: watch::Sender::default(),
        }
    }

    /// Opens a store that nodes share, while another gateway still serves, and reads whom it blocks: with many
    /// locks at a distance that takes longer than anybody may wait between two gateways.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open).
    pub(crate) async fn open_ahead(&self) -> Result<(), Error> {
        if !self.plan.url.is_shared() {
            return Ok(());
        }
        self.open_by(&self.plan, None).await?;
        self.read_blocks().await;
        Ok(())
    }

    /// Opens the store, with what another gateway has counted in memory, unless it is open.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or the system has no random bytes.
    pub(crate) async fn open(&self, counters: Option<OwnedFd>) -> Result<(), Error> {
        if self.opened.borrow().is_some() {
            store::warn_of_lost(counters.as_ref());
            return Ok(());
        }
        self.open_by(&self.plan, counters).await?;
        if self.around.heir.is_none() {
            // Whoever has the store has the socket, or what is blocked at one gateway would not be at the other.
            if self.has_store() {
                *self.control.borrow_mut() = control::find(&self.around).map(Arc::new);
            } else {
                control::tell_of_another(&self.around);
            }
        }
        Ok(())
    }

    /// Whether no other gateway has the store that this one is to have.
    fn has_store(&self) -> bool {
        let opened = self.opened.borrow();
        let awaited = { opened.as_ref() }.and_then(|(opened, _)| opened.awaited.as_ref());
        awaited.is_none_or(Awaited::is_decided)
    }

    async fn open_by(&self, plan: &store::Plan, counters: Option<OwnedFd>) -> Result<(), Error> {
        let opened = store::open(plan, &self.around.clock, counters).await?;
        let nodes = nodes(&opened, &self.plan)?;
        if let Some(awaited) = opened.awaited.as_ref().filter(|_| self.socket().is_some()) {
            awaited.lead();
        }
        self.around.store.fill(Arc::clone(&opened.store));
        *self.opened.borrow_mut() = Some((opened, nodes));
        Ok(())
    }

    /// Begins, or begins again. Before the first request: whoever is blocked stays blocked.
    pub(crate) async fn take_up(&self) {
        self.shared.home.begin(&self.around.state);
        self.shared
            .metrics
            .state_directory(self.shared.home.lost().is_none());
        self.around.reports.open(self.around.clock.wall());
        self.read_blocks().await;
        let (opened, nodes) = self.opened.borrow().clone().unzip();
        let nodes = nodes.flatten();
        let shared = || Arc::clone(&self.shared);
        let (of_files, of_keys, keys) = (shared(), shared(), self.around.keys.clone());
        let mut tasks = vec![
            steady(
                "the upkeep of certificates",
                &self.shared,
                async move || {
                    background::keep_certificates(&of_files).await;
                },
            ),
            background::order_certificates(&self.shared, nodes.clone()),
            steady("the upkeep of keys", &self.shared, async move || {
                background::keep_keys(&of_keys, &keys).await;
            }),
        ];
        tasks.extend(nodes.map(|nodes| {
            let ours = shared();
            steady(
                "the sharing of session tickets",
                &self.shared,
                async move || {
                    background::share_tickets(&ours, &nodes).await;
                },
            )
        }));
        let awaited = opened.as_ref().and_then(|opened| opened.awaited.clone());
        tasks.extend(awaited.map(|file| {
            steady("the wait for the store", &self.shared, async move || {
                file.have().await;
            })
        }));
        tasks.extend(opened.map(|opened| {
            let (ours, secret) = (shared(), self.plan.secret.clone());
            steady("the upkeep of blocks", &self.shared, async move || {
                background::keep_blocks(&ours, &opened, &secret).await;
            })
        }));
        self.tasks.borrow_mut().append(&mut tasks);
    }

    async fn read_blocks(&self) {
        let live = self.shared.live.load_full();
        if let Err(error) = live.suit.blocklist().refresh().await {
            tracing::warn!(%error, "the blocks could not be looked at");
        }
    }

    /// Answers at the control socket.
    pub(crate) fn answer(&self) {
        let Some(socket) = self.socket() else { return };
        let desk = Desk {
            shared: Arc::clone(&self.shared),
            around: self.around.clone(),
            upgrades: self.upgrades.clone(),
            _open: self.exchanges.subscribe(),
        };
        self.fall_silent();
        let answers = steady("the control socket", &self.shared, async move || {
            control::serve(&socket, &desk).await;
        });
        *self.answers.borrow_mut() = Some(answers);
    }

    /// Ends what was begun, but for the store and the control socket.
    fn lay_down(&self) {
        self.tasks
            .borrow_mut()
            .drain(..)
            .for_each(|task| task.abort());
    }

    /// Answers at the control socket no more; what was asked already is answered.
    fn fall_silent(&self) {
        if let Some(task) = self.answers.borrow_mut().take() {
            task.abort();
        }
    }

    /// Answers no more, once those who have asked are answered, a second at most.
    pub(crate) async fn answered(&self) {
        self.fall_silent();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.exchanges.closed()).await;
    }

    /// Lays everything down and gives the store back, written down whole; decisions wait, and so does
    /// whoever comes to the control socket. Gives what was counted in memory, which is kept as well.
    ///
    /// # Errors
    ///
    /// Why that cannot be.
    pub(crate) async fn pause(&self) -> Result<Option<OwnedFd>, String> {
        let (opened, _) = self.opened.borrow().clone().unzip();
        let (file, memory) = { opened }
            .map(|opened| (opened.file().cloned(), opened.memory))
            .unzip();
        let file = file.flatten();
        if let Some(file) = &file {
            // Most of it, while nobody waits yet.
            flush(file).await?;
        }
        self.fall_silent();
        self.lay_down();
        let (reports, now) = (Arc::clone(&self.around.reports), self.around.clock.wall());
        // Whether it could be written is told where it is; no upgrade fails for that.
        let _ = tokio::task::spawn_blocking(move || reports.close(now)).await;
        if let Some(memory) = memory.flatten() {
            self.around.store.hold();
            self.shared.round().await;
            let carried = tokio::task::spawn_blocking(move || store::carry_over(&memory)).await;
            return match carried.map_err(io::Error::other).flatten() {
                Ok(counters) => Ok(Some(counters)),
                Err(error) => {
                    tracing::error!(%error, "what was counted in memory cannot be handed over, and begins anew");
                    Ok(None)
                }
            };
        }
        let Some(file) = file else {
            // Nodes share the store.
            return Ok(None);
        };
        self.around.store.hold();
        // Whoever was asking the store has been answered, or waits for the disk.
        self.shared.round().await;
        *self.opened.borrow_mut() = None;
        let flushed = flush(&file).await;
        let closed = tokio::task::spawn_blocking(move || file.close()).await;
        flushed
            .and(closed.map_err(|error| error.to_string()))
            .map(|()| None)
    }

    /// The one that takes over answers and decides from now on, and has the control socket.
    pub(crate) fn leave(&self) {
        if self.has_given() {
            self.around.store.hand_over(self.around.state.clone());
        }
        if let Some(control) = self.socket() {
            control.leave();
        }
    }

    /// The one that had taken over has ended: decisions wait for this one again.
    pub(crate) fn return_to(&self) {
        self.stay();
        if self.has_given() {
            self.around.store.hold();
        }
    }

    /// Whether the store is one process's own, and another one has it, or a copy of what is in it.
    fn has_given(&self) -> bool {
        let opened = self.opened.borrow();
        { opened.as_ref() }.is_none_or(|(opened, _)| opened.memory.is_some())
    }

    /// This gateway is the one that has the control socket.
    pub(crate) fn stay(&self) {
        if let Some(control) = self.socket() {
            control.stay();
        }
    }

    /// Takes everything up again that another did not come to take over.
    pub(crate) async fn resume(&self) {
        if !self.tasks.borrow().is_empty() {
            return;
        }
        let (opened, _) = self.opened.borrow().clone().unzip();
        let memory = opened.map(|opened| opened.memory);
        match memory {
            None => self.have_back().await,
            // What another one has counted since has ended with it.
            Some(Some(memory)) => self.around.store.fill(Arc::new(memory)),
            Some(None) => {}
        }
        self.take_up().await;
        self.answer();
    }

    /// Opens the store again, as soon as it can be; meanwhile it is away.
    async fn have_back(&self) {
        // Another store in its place would not know what is locked.
        let plan = store::Plan {
            asked: true,
            ..self.plan.clone()
        };
        for _ in 0..ATTEMPTS {
            let Err(error) = self.open_by(&plan, None).await else {
                return;
            };
            self.around.store.lose();
            tracing::error!(%error, "the store cannot be had back");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The control socket, for the one that takes over.
    pub(crate) fn control(&self) -> Option<(Entrance, Arc<Socket>)> {
        Some((Entrance::Control, self.socket()?))
    }

    fn socket(&self) -> Option<Arc<Socket>> {
        self.control.borrow().clone()
    }
}

/// How often it is tried to have the store back, a second between.
const ATTEMPTS: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// Longest for what has been counted to be written down.
const FLUSH: Duration = Duration::from_secs(5);

async fn flush(file: &SqliteStore) -> Result<(), String> {
    match tokio::time::timeout(FLUSH, file.flush()).await {
        Ok(flushed) => flushed.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        }),
        Err(_) => Err(format!("the store is not written down within {FLUSH:?}")),
    }
}

/// What nodes share, where they have a store in common.
fn nodes(opened: &Opened, plan: &store::Plan) -> Result<Option<Arc<Nodes>>, Error> {
    let nodes = |store| Nodes::new(Arc::clone(store), &plan.secret).map(Arc::new);
    let unsealed = |error| system("random bytes")(io::Error::other(error));
    { opened.sessions.as_ref() }
        .map(nodes)
        .transpose()
        .map_err(unsealed)
}
