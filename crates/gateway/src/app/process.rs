//! The app's process: a child of ours, or one that the gateway before this one has started.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

use super::command::Plan;
use crate::config::secret_variables;
use crate::handover::{AppLeft, VARIABLE};
use crate::started::{Note, Started};
use crate::{descriptors, pages};

use super::port;

/// What systemd tells the gateway: whether the service is ready is not the app's to say, and the sockets are not
/// there for it.
const OF_SYSTEMD: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];

/// Tells the app which of its instances it is, counted from 0.
pub(crate) const INSTANCE: &str = "PANOPLY_INSTANCE";

/// A process that runs, with all that it has started; it ends with this, unless it is let go.
#[derive(Debug)]
pub(super) struct Process {
    kind: Kind,
    /// A process group of its own, so that a signal reaches what `npm start` has started as well.
    group: Option<Pid>,
    port: u16,
    ends_with_us: bool,
    /// Should nobody be left to end it.
    _note: Note,
}

#[derive(Debug)]
enum Kind {
    Child(Child),
    /// A descriptor that can be read once the process has ended. How, only its parent is told.
    Adopted(AsyncFd<OwnedFd>),
}

impl Process {
    /// Starts the app of this name on a free port of its own, as the instance of this number.
    pub(super) fn start(plan: &Plan, (name, number): (&str, usize)) -> io::Result<Self> {
        let port = port::free()?;
        let (program, arguments) =
            { plan.command.split_first() }.ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("PORT", port.to_string())
            .env(INSTANCE, number.to_string())
            .env_remove(VARIABLE)
            .process_group(0);
        for name in secret_variables() {
            command.env_remove(name);
        }
        for name in OF_SYSTEMD {
            command.env_remove(name);
        }
        if let Some(placeholder) = &plan.placeholder {
            command.env("PANOPLY_NONCE", &**placeholder);
        }
        if let Some((name, home)) = plan.account.as_ref().and_then(|user| user.environment()) {
            command
                .env("USER", name)
                .env("LOGNAME", name)
                .env("HOME", home);
        }
        let child = descriptors::as_found(|| pages::as_found(|| command.spawn()))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = id.and_then(Pid::from_raw);
        Ok(Self {
            group,
            kind: Kind::Child(child),
            port,
            ends_with_us: true,
            _note: plan.started.note((name, number), group, port),
        })
    }

    /// The app that a gateway before this one has started.
    #[expect(
        deprecated,
        reason = "what took its place wants `unsafe` for what an `OwnedFd` guarantees"
    )]
    pub(super) fn adopt(app: &AppLeft, process: OwnedFd, started: &Started) -> io::Result<Self> {
        let group = Pid::from_raw(app.process);
        Ok(Self {
            kind: Kind::Adopted(AsyncFd::new(process)?),
            group,
            port: app.port,
            _note: started.note((&app.app, app.instance), group, app.port),
            // A gateway that fails on its way to take over leaves the app to the one that still serves.
            ends_with_us: false,
        })
    }

    /// It ends with this, whoever has started it.
    pub(super) const fn ends_with_us(mut self) -> Self {
        self.ends_with_us = true;
        self
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// What the system calls it; 0 where that is not known any more.
    pub(super) fn number(&self) -> u32 {
        let group = self.group.map(|group| group.as_raw_nonzero().get());
        group.and_then(|number| number.try_into().ok()).unwrap_or(0)
    }

    pub(super) const fn id(&self) -> Option<Pid> {
        self.group
    }

    /// Whether a gateway before this one has started it.
    pub(super) const fn is_adopted(&self) -> bool {
        matches!(self.kind, Kind::Adopted(_))
    }

    /// Waits for its end; how it ended is not known of one that was adopted.
    pub(super) async fn wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.kind {
            Kind::Child(child) => Some(child.wait().await?),
            Kind::Adopted(process) => {
                let _ = process.readable().await?;
                None
            }
        };
        self.ends_with_us = false;
        Ok(status)
    }

    /// Asks it to end, and after `grace` makes it.
    pub(super) async fn end(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.wait()).await.is_err() {
            let process = self.number();
            tracing::warn!(process, "the app does not end; it is killed");
            self.signal(Signal::KILL);
            let _ = self.wait().await;
        }
    }

    /// Somebody else sees to it from now on.
    pub(super) fn let_go(&mut self) {
        self.ends_with_us = false;
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // A group that is gone already needs no signal.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ends_with_us {
            self.signal(Signal::KILL);
        }
    }
}
