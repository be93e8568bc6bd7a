//! The end of the one that runs.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::ioctl_fionbio;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, PidfdFlags, kill_process, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

use super::channel::{MOST, receive, send};
use super::{AppLeft, AppShort, Entrance, Session, TicketKeys, VARIABLE, VERSION, Word};
use crate::control::Pulse;
use crate::signals::Asked;
use crate::{descriptors, pages};

/// How this program was started, to start what is in its place later.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// By the name that was typed, so that a link that leads elsewhere by then is followed.
    ///
    /// To be called before the current directory changes.
    ///
    /// # Errors
    ///
    /// When the program cannot be found.
    pub fn this() -> io::Result<Self> {
        let mut arguments = std::env::args_os();
        let name = PathBuf::from(arguments.next().unwrap_or_default());
        let path = if name.components().count() > 1 {
            std::path::absolute(name)?
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut found = std::env::split_paths(&path).map(|directory| directory.join(&name));
            match found.find(|path| !name.as_os_str().is_empty() && path.is_file()) {
                Some(found) => found,
                None => std::env::current_exe()?,
            }
        };
        Ok(Self {
            path,
            arguments: arguments.collect(),
        })
    }

    /// Where it is looked for.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// What the next one has taken of what was left to it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) app: bool,
    /// Where it does not listen.
    pub(crate) unused: Vec<Entrance>,
}

/// How a gateway serves no more that did.
#[derive(Debug)]
pub(crate) enum End {
    /// Of itself, or by another's hand: somebody has to serve in its place.
    Died(ExitStatus),
    /// It is there, and does not answer.
    Hangs,
    /// As it was told to: nobody is to serve any more.
    InOrder,
    /// In order, once it had been replaced itself.
    Replaced,
    /// Dead, while it was being replaced itself: the next one may be at it.
    DiedBefore(ExitStatus, Next),
}

/// The one that replaces a successor; not known where that is an older program.
#[derive(Debug)]
pub(crate) struct Next {
    process: Option<OwnedFd>,
    id: Option<Pid>,
}

impl Next {
    /// Resolves once it has ended, and gives the session of what it has started.
    #[expect(
        deprecated,
        reason = "what took its place wants `unsafe` for what an `OwnedFd` guarantees"
    )]
    pub(crate) async fn ended(self) -> Option<Session> {
        let Some(process) = self.process else {
            return std::future::pending().await;
        };
        match AsyncFd::new(process) {
            Ok(process) if process.readable().await.is_ok() => self.id.map(Session::of),
            _ => std::future::pending().await,
        }
    }

    fn of(process: Option<OwnedFd>) -> Self {
        // Soon: of one that has ended it is not said any more.
        let id = process.as_ref().and_then(process_of);
        Self { process, id }
    }
}

/// The process that a descriptor is of, by what `proc_pid_fdinfo(5)` says of it.
fn process_of(process: &OwnedFd) -> Option<Pid> {
    use std::os::fd::AsRawFd as _;
    let info =
        std::fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    Pid::from_raw(id.trim().parse().ok().filter(|id| *id > 0)?)
}

/// Who replaces it, after it has said something.
fn replaced_by(said: (Word, Vec<OwnedFd>), before: Option<Next>) -> Option<Next> {
    match said.0 {
        Word::Passing => Some(Next::of(said.1.into_iter().next())),
        Word::Kept => None,
        _ => before,
    }
}

/// What a gateway leaves to the next.
#[derive(Debug)]
pub(crate) struct Estate<'a> {
    pub(crate) sockets: Vec<(Entrance, Option<SocketAddr>, Vec<BorrowedFd<'a>>)>,
    pub(crate) apps: Vec<(AppLeft, OwnedFd)>,
    /// The apps of which not everything is up.
    pub(crate) short: Vec<AppShort>,
    pub(crate) placeholder: Option<String>,
    pub(crate) tickets: TicketKeys,
}

/// The program that is to come. It does not outlive its being given up.
#[derive(Debug)]
pub(crate) struct Successor {
    child: Child,
    line: AsyncFd<OwnedFd>,
    process: Pid,
    serves: bool,
}

impl Drop for Successor {
    fn drop(&mut self) {
        if !self.serves {
            // It may have ended by itself.
            let _ = self.child.start_kill();
        }
    }
}

impl Successor {
    /// Starts it.
    #[expect(
        deprecated,
        reason = "what took its place wants `unsafe` for what an `OwnedFd` guarantees"
    )]
    pub(crate) fn start(program: &Program) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, its) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        ioctl_fionbio(&ours, true)?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .env(VARIABLE, "1")
            // They are for the process that systemd has started.
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::from(its));
        let child = pages::as_found(|| command.spawn())?;
        let process = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let process = process.ok_or(io::ErrorKind::NotFound)?;
        // It waits to be introduced before it looks how many it may have, and clients here need not wait for it.
        descriptors::set_as_found(process);
        Ok(Self {
            process,
            child,
            line: AsyncFd::new(ours)?,
            serves: false,
        })
    }

    /// Asks it for what this gateway was asked for, until it is known to have ended.
    pub(crate) fn asking(&self) -> impl Fn(Asked) + use<> {
        let process = self.process;
        move |what| {
            // Nobody has waited for it yet: the process is its own, even where it has ended.
            let _ = kill_process(process, what.signal());
        }
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.as_raw_nonzero().get().cast_unsigned()
    }

    /// Hands everything over that can be had by both for a while.
    pub(crate) async fn introduce(&self, estate: &Estate<'_>) -> io::Result<()> {
        let input = io::stdin();
        let hello = Word::Hello { version: VERSION };
        self.say(&hello, &[input.as_fd()]).await?;
        for (entrance, address, sockets) in &estate.sockets {
            let (entrance, address) = (*entrance, *address);
            for some in sockets.chunks(MOST) {
                self.say(&Word::Sockets { entrance, address }, some).await?;
            }
        }
        for (app, process) in &estate.apps {
            self.say(&Word::App(app.clone()), &[process.as_fd()])
                .await?;
        }
        let (placeholder, tickets) = (estate.placeholder.clone(), estate.tickets.clone());
        let begin = Word::Begin {
            placeholder,
            tickets,
            short: estate.short.clone(),
        };
        self.say(&begin, &[]).await
    }

    /// Waits until it has checked everything.
    pub(crate) async fn prepared(&mut self) -> Result<(), String> {
        self.expect(|word| (*word == Word::Prepared).then_some(()))
            .await
    }

    /// Says that the store is free, or what it has counted in memory, and waits until the other serves.
    pub(crate) async fn go(&mut self, counters: Option<OwnedFd>) -> Result<Taken, String> {
        let counters: Vec<_> = counters.iter().map(|counters| counters.as_fd()).collect();
        // Should it have ended meanwhile, it is asked why below.
        let _ = self.say(&Word::Go, &counters).await;
        let ready = |word: &Word| match word {
            Word::Ready { took_app, unused } => Some(Taken {
                app: *took_app,
                unused: unused.clone(),
            }),
            _ => None,
        };
        let taken = self.expect(ready).await?;
        self.serves = true;
        Ok(taken)
    }

    /// Resolves once it has ended, or its `pulse` stops, and says how.
    pub(crate) async fn ended(&mut self, pulse: &Pulse) -> End {
        let mut next = None;
        let status = loop {
            tokio::select! {
                said = self.line.async_io(Interest::READABLE, |line| receive(line)) => match said {
                    Ok(Some(said)) => next = replaced_by(said, next),
                    // Its end is behind it.
                    Ok(None) | Err(_) => break self.child.wait().await,
                },
                status = self.child.wait() => break status,
                // Between two gateways nobody answers.
                () = pulse.stops(), if next.is_none() => return End::Hangs,
            }
        };
        while let Ok(Some(said)) = receive(self.line.get_ref()) {
            next = replaced_by(said, next);
        }
        match (status, next) {
            (Ok(status), Some(next)) if !status.success() => End::DiedBefore(status, next),
            (_, Some(_)) => End::Replaced,
            (Ok(status), None) if !status.success() => End::Died(status),
            _ => End::InOrder,
        }
    }

    /// Of its process; it may have ended.
    pub(super) fn descriptor(&self) -> Option<OwnedFd> {
        pidfd_open(self.process, PidfdFlags::empty()).ok()
    }

    /// Ends it, and waits for its end: what it holds is free then. Gives the session of whatever it has
    /// started.
    pub(crate) async fn end(mut self) -> Session {
        let _ = self.child.start_kill();
        // Nothing keeps a process that was killed, but for a disk that does not answer.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        Session::of(self.process)
    }

    async fn say(&self, word: &Word, with: &[BorrowedFd<'_>]) -> io::Result<()> {
        let send = |line: &OwnedFd| send(line, word, with);
        self.line.async_io(Interest::WRITABLE, send).await
    }

    async fn expect<T>(&mut self, wanted: impl Fn(&Word) -> Option<T>) -> Result<T, String> {
        let said = self.line.async_io(Interest::READABLE, |line| receive(line));
        match said.await {
            Ok(Some((Word::Failed { why }, _))) => Err(why),
            Ok(Some((word, _))) => wanted(&word).ok_or_else(|| "it speaks another language".into()),
            Ok(None) | Err(_) => Err(self.died().await),
        }
    }

    /// Why it says nothing any more.
    async fn died(&mut self) -> String {
        let ended = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        match ended {
            Ok(Ok(status)) => format!("it has ended ({status}); what it said is in the log"),
            _ => "it does not answer".to_owned(),
        }
    }
}
