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
use rustix::process::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

use super::channel::{MOST, receive, send};
use super::{AppLeft, Entrance, Session, TicketKeys, VARIABLE, VERSION, Word};
use crate::pages;

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

/// How a gateway has ended that served.
#[derive(Debug)]
pub(crate) enum End {
    /// Of itself, or by another's hand: somebody has to serve in its place.
    Died(ExitStatus),
    /// As it was told to: nobody is to serve any more.
    InOrder,
    /// While it was being replaced itself: the next one is at it.
    Replaced,
}

/// Whether it is being replaced, after it has said something.
const fn is_passing(word: &Word, before: bool) -> bool {
    match word {
        Word::Passing => true,
        Word::Kept => false,
        _ => before,
    }
}

/// What a gateway leaves to the next.
#[derive(Debug)]
pub(crate) struct Estate<'a> {
    pub(crate) sockets: Vec<(Entrance, Option<SocketAddr>, Vec<BorrowedFd<'a>>)>,
    pub(crate) app: Option<(AppLeft, OwnedFd)>,
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
        Ok(Self {
            process: process.ok_or(io::ErrorKind::NotFound)?,
            child,
            line: AsyncFd::new(ours)?,
            serves: false,
        })
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
        if let Some((app, process)) = &estate.app {
            self.say(&Word::App(app.clone()), &[process.as_fd()])
                .await?;
        }
        let (placeholder, tickets) = (estate.placeholder.clone(), estate.tickets.clone());
        let begin = Word::Begin {
            placeholder,
            tickets,
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

    /// Resolves once it has ended, and says how.
    pub(crate) async fn ended(&mut self) -> End {
        let mut passes = false;
        let status = loop {
            tokio::select! {
                said = self.line.async_io(Interest::READABLE, |line| receive(line)) => match said {
                    Ok(Some((word, _))) => passes = is_passing(&word, passes),
                    // Its end is behind it.
                    Ok(None) | Err(_) => break self.child.wait().await,
                },
                status = self.child.wait() => break status,
            }
        };
        while let Ok(Some((word, _))) = receive(self.line.get_ref()) {
            passes = is_passing(&word, passes);
        }
        match status {
            _ if passes => End::Replaced,
            Ok(status) if !status.success() => End::Died(status),
            _ => End::InOrder,
        }
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
