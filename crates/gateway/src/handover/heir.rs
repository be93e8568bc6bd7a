//! The end of the one that is to come.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use panoply_core::Secret;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::channel::{receive, send};
use super::{AppLeft, AppShort, Entrance, Successor, VARIABLE, VERSION, Word};

/// Longest for the one that runs to say something.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that another one has started in its place.
///
/// Clones are the same.
#[derive(Debug, Clone)]
pub struct Heir(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    line: OwnedFd,
    placeholder: Option<Arc<str>>,
    tickets: Vec<Secret>,
    /// How many instances run, by what their apps have of the site.
    instances: HashMap<String, usize>,
    short: Vec<AppShort>,
    left: Mutex<Left>,
}

/// What was handed over and has not been taken yet.
#[derive(Debug, Default)]
struct Left {
    sockets: Vec<(Entrance, Option<SocketAddr>, Vec<OwnedFd>)>,
    apps: Vec<(AppLeft, OwnedFd)>,
}

/// Listening sockets that were handed over.
type Sockets = Vec<OwnedFd>;

impl Heir {
    /// What the gateway that has started this program hands over, if one has.
    ///
    /// Standard input is afterwards what it was for that gateway. To be called before anything reads it.
    ///
    /// # Errors
    ///
    /// When the gateway has ended, or speaks another language.
    pub fn from_env() -> io::Result<Option<Self>> {
        if std::env::var_os(VARIABLE).is_none() {
            return Ok(None);
        }
        // Whatever is started from here on can be told from all else that runs. Where it cannot be had,
        // this process was not started by a gateway.
        let _ = rustix::process::setsid();
        let line = io::stdin().as_fd().try_clone_to_owned()?;
        set_socket_timeout(&line, Timeout::Recv, Some(PATIENCE))?;
        let mut left = Left::default();
        let (placeholder, tickets, short) = loop {
            let next = receive(&line)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let (word, with) = next;
            match word {
                Word::Hello { version: VERSION } => {
                    if let Some(input) = with.first() {
                        rustix::stdio::dup2_stdin(input)?;
                    }
                }
                Word::Sockets { entrance, address } => left.add(entrance, address, with),
                Word::App(app) => {
                    let process = with.into_iter().next();
                    left.apps.extend(process.map(|process| (app, process)));
                }
                Word::Begin {
                    placeholder,
                    tickets,
                    short,
                } => break (placeholder, tickets, short),
                _ => {
                    return Err(io::Error::other(
                        "the gateway that runs speaks another language",
                    ));
                }
            }
        };
        ioctl_fionbio(&line, true)?;
        Ok(Some(Self(Arc::new(Inner {
            line,
            placeholder: placeholder.map(Arc::from),
            tickets: tickets.into_secrets(),
            instances: left.count(),
            short,
            left: Mutex::new(left),
        }))))
    }

    /// What the app that runs was told to write where a nonce belongs.
    pub(crate) fn placeholder(&self) -> Option<Arc<str>> {
        self.0.placeholder.clone()
    }

    /// Whether an app runs that was told it.
    pub(crate) fn app_was_told(&self) -> bool {
        let left = self.0.left.lock().unwrap_or_else(PoisonError::into_inner);
        !left.apps.is_empty() && left.apps.iter().all(|(app, _)| app.told)
    }

    /// The keys of session tickets that clients of the gateway that runs have.
    pub(crate) fn tickets(&self) -> &[Secret] {
        &self.0.tickets
    }

    /// How many instances of the app of this name the gateway that runs has, all that accept connections; none where it
    /// has not started them.
    pub(crate) fn had(&self, app: &str) -> usize {
        let short = self.0.short.iter().find(|short| short.app == app);
        let all = || self.0.instances.get(app).copied();
        let had = short.map(|short| short.up).or_else(all);
        had.unwrap_or_default()
    }

    /// The apps of which the gateway that runs has to do without something; none where it is an older program.
    pub(crate) fn short(&self) -> &[AppShort] {
        &self.0.short
    }

    /// Whether the gateway that has started this one has ended: nobody else serves.
    pub(crate) fn is_alone(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let said = recv(&self.0.line, &mut [0_u8; 1], flags);
        matches!(said, Ok((_, 0)) | Err(Errno::CONNRESET))
    }

    /// The sockets of an entrance, if it was to listen on the same address.
    pub(crate) fn sockets(
        &self,
        entrance: Entrance,
        address: Option<SocketAddr>,
    ) -> Option<Vec<OwnedFd>> {
        let mut left = self.0.left.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |socket: &(Entrance, Option<SocketAddr>, Sockets)| {
            socket.0 == entrance && socket.1 == address
        };
        let at = left.sockets.iter().position(same)?;
        Some(left.sockets.swap_remove(at).2)
    }

    /// The address at `port` that the gateway that runs listens on, and that nobody has taken over.
    pub(crate) fn left_on(&self, port: u16) -> Option<SocketAddr> {
        let left = self.0.left.lock().unwrap_or_else(PoisonError::into_inner);
        let sockets = left.sockets.iter().flat_map(|(_, _, sockets)| sockets);
        let mut addresses = sockets.filter_map(|socket| {
            let address = rustix::net::getsockname(socket).ok()?;
            SocketAddr::try_from(address).ok()
        });
        addresses.find(|address| address.port() == port)
    }

    /// Up to so many `instances` that run of the app of this `name`, if they were started the same way, and `told` where
    /// a nonce belongs if they are to be.
    pub(crate) fn apps(
        &self,
        (name, command): (&str, &[String]),
        user: Option<&str>,
        told: bool,
        instances: usize,
    ) -> Vec<(AppLeft, OwnedFd)> {
        let mut left = self.0.left.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |app: &AppLeft| {
            app.app == name
                && app.command == command
                && app.user.as_deref() == user
                && (app.told || !told)
                && app.instance < instances
        };
        left.apps.extract_if(.., |app| same(&app.0)).collect()
    }

    /// Everything is checked, and the app is up. Waits until the store is free: until the other gateway
    /// says so, or has ended. Gives what it has counted in memory.
    #[expect(
        deprecated,
        reason = "what took its place wants `unsafe` for what an `OwnedFd` guarantees"
    )]
    pub(crate) async fn prepared(&self) -> io::Result<Option<OwnedFd>> {
        if !self.say(&Word::Prepared)? {
            return Ok(None);
        }
        let line = AsyncFd::new(self.0.line.as_fd())?;
        let said = line.async_io(Interest::READABLE, |line| receive(line));
        match tokio::time::timeout(PATIENCE, said).await {
            Ok(Ok(Some((Word::Go, with)))) => Ok(with.into_iter().next()),
            Ok(Ok(None)) => Ok(None),
            Ok(Err(error)) if is_end(&error) => Ok(None),
            Ok(Err(error)) => Err(error),
            Ok(Ok(Some(_))) | Err(_) => {
                Err(io::Error::other("the gateway that runs goes on by itself"))
            }
        }
    }

    /// Clients are served; the sockets that nobody wants any more are closed. Gives what was not
    /// taken of the app.
    pub(crate) fn ready(&self, took_app: bool) -> Vec<(AppLeft, OwnedFd)> {
        let left = std::mem::take(&mut *self.0.left.lock().unwrap_or_else(PoisonError::into_inner));
        let unused = left.sockets.iter().map(|socket| socket.0).collect();
        // Where nobody listens, this gateway does not depend on anybody any more.
        let _ = self.say(&Word::Ready { took_app, unused });
        left.apps
    }

    /// Another program takes over from this one: whatever this one dies of, the gateway before it is not to
    /// serve again, unless that one dies too.
    pub(crate) fn passes_on(&self, to: &Successor) {
        let process = to.descriptor();
        let with: Vec<_> = process.iter().map(|process| process.as_fd()).collect();
        // It may have ended long ago.
        let _ = send(&self.0.line, &Word::Passing, &with);
    }

    /// No other program has taken over, or none any more.
    pub(crate) fn stays(&self) {
        let _ = self.say(&Word::Kept);
    }

    /// Waits until the other gateway has ended.
    #[expect(
        deprecated,
        reason = "what took its place wants `unsafe` for what an `OwnedFd` guarantees"
    )]
    pub(crate) async fn alone(&self) -> io::Result<()> {
        let line = AsyncFd::new(self.0.line.as_fd())?;
        loop {
            let said = line.async_io(Interest::READABLE, |line| receive(line));
            match said.await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) if is_end(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the gateway that runs why this one will not come to serve.
    pub fn give_up(&self, why: &str) {
        // Too long to be sent is too long to be read.
        let why = why.chars().take(4096).collect();
        // Where nobody listens nobody waits either.
        let _ = self.say(&Word::Failed { why });
    }

    /// Whether anybody is there to hear it.
    fn say(&self, word: &Word) -> io::Result<bool> {
        match send(&self.0.line, word, &[]) {
            Ok(()) => Ok(true),
            Err(error) if is_end(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether the other end is no more.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl Left {
    fn count(&self) -> HashMap<String, usize> {
        let mut all = HashMap::new();
        for (app, _) in &self.apps {
            *all.entry(app.app.clone()).or_default() += 1;
        }
        all
    }

    /// More sockets of an entrance than fit into one message come in several.
    fn add(&mut self, entrance: Entrance, address: Option<SocketAddr>, with: Sockets) {
        let known = self.sockets.iter_mut();
        match known
            .into_iter()
            .find(|known| known.0 == entrance && known.1 == address)
        {
            Some(known) => known.2.extend(with),
            None => self.sockets.push((entrance, address, with)),
        }
    }
}
