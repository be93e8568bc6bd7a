//! From one program to the next, without a connection that is refused or a request that fails.
//!
//! The gateway that runs starts the program that is installed now and hands it, over a pair of
//! sockets, everything that only one of them can have:
//!
//! ```text
//! the one that runs                        the one that is to come
//! sockets, app, placeholder,       ───▶    reads the configuration, checks it whole, and has
//! keys of session tickets,                 its app up, where that is to be another one, and
//! what was down before                     was up
//!                                  ◀───    prepared
//! ends its upkeep, gives back
//! the store; decisions wait
//! go, counters in memory           ───▶    opens the store, accepts connections, answers at
//!                                          the control socket
//!                                  ◀───    ready
//! asks there for every decision,
//! accepts no more, finishes
//! what it has, stands by, ends
//! ```
//!
//! Up to `ready` the first one goes on serving; whatever the second dies of, it takes everything
//! back, and ends what the second has started. Both accept from the same sockets, so no connection waits in a queue that goes away.
//! Everything that may take long comes before `prepared`, while nothing has been touched: a store that nodes share,
//! which nobody has to give back, is open by then, and the blocks in it are read. The second has
//! a session of its own (`setsid(2)`), by which the first finds all that it has started.
//!
//! Behind `ready` the first one stands by for a while, with its sockets, and serves again should the second
//! die, or hang (`standby.rs`), unless that one was being replaced itself: `passing`.
//!
//! The second needs the first for nothing but the store: should that one end, at whatever moment after
//! the introduction, its end is a `go`, and the second ends the app that it leaves behind.

mod channel;
mod heir;
mod session;
mod successor;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use panoply_core::Secret;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

pub use heir::Heir;
pub(crate) use session::Session;
pub use successor::Program;
pub(crate) use successor::{End, Estate, Next, Successor, Taken};

/// Says to a program that its standard input is the end of such a pair. No setting, and not handed
/// on to the app.
pub(crate) const VARIABLE: &str = "PANOPLY_HANDOVER";

/// The version of what is said; another one is refused.
const VERSION: u32 = 2;

/// Which listener a socket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entrance {
    Http,
    Https,
    Admin,
    Control,
}

/// The app that runs, and what it was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppLeft {
    pub(crate) process: i32,
    pub(crate) port: u16,
    pub(crate) command: Vec<String>,
    pub(crate) user: Option<String>,
    /// Whether it was told where a nonce belongs; of one that an older program hands over that is not known.
    #[serde(default = "is_taken_for_told")]
    pub(crate) told: bool,
    /// Which of several; an older program has one.
    #[serde(default)]
    pub(crate) instance: usize,
    /// What the app has of the site; an older program has one, which has everything.
    #[serde(default)]
    pub(crate) app: String,
}

const fn is_taken_for_told() -> bool {
    true
}

impl AppLeft {
    /// With a descriptor of its process, which cannot come to mean another one.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub(crate) fn of(
        (app, command): (&str, &[String]),
        (instance, process, port): (usize, Pid, u16),
        user: Option<String>,
        told: bool,
    ) -> io::Result<(Self, OwnedFd)> {
        let descriptor = pidfd_open(process, PidfdFlags::empty())?;
        let left = Self {
            process: process.as_raw_nonzero().get(),
            port,
            command: command.to_vec(),
            user,
            told,
            instance,
            app: app.to_owned(),
        };
        Ok((left, descriptor))
    }
}

/// An app of which not every instance accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppShort {
    /// What it has of the site.
    pub(crate) app: String,
    /// How many do.
    pub(crate) up: usize,
    /// The numbers of those that do not.
    pub(crate) down: Vec<usize>,
}

/// The keys of session tickets, on their way.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TicketKeys(Vec<Vec<u8>>);

impl TicketKeys {
    pub(crate) fn of(keys: &[Secret]) -> Self {
        Self(keys.iter().map(|key| key.expose().to_vec()).collect())
    }

    fn into_secrets(self) -> Vec<Secret> {
        self.0.into_iter().map(Secret::new).collect()
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// One message; file descriptors come with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Word {
    /// The first: with standard input as it was.
    Hello { version: u32 },
    /// With listening sockets, which were to listen on `address` by the configuration.
    Sockets {
        entrance: Entrance,
        address: Option<SocketAddr>,
    },
    /// With a descriptor of the process; one for each instance.
    App(AppLeft),
    /// The last of the introduction; an older program says nothing of tickets, nor of what it has to do without.
    Begin {
        placeholder: Option<String>,
        #[serde(default)]
        tickets: TicketKeys,
        /// Nobody is to wait for what is missing of these.
        #[serde(default)]
        short: Vec<AppShort>,
    },
    /// The configuration is good and the app is up; nothing has been touched.
    Prepared,
    /// The store has been given back; with a descriptor of what was counted, where that was in memory. An older
    /// program leaves it there, and begins anew.
    Go,
    /// Clients are served, the control socket answered; whether by the app that was handed over, and
    /// which sockets are of no use to it.
    Ready {
        took_app: bool,
        #[serde(default)]
        unused: Vec<Entrance>,
    },
    /// Another one is started in its place; with a descriptor of that one's process. Should the sender die now,
    /// the one before it steps in only when that one has died too. An older program sends none.
    Passing,
    /// That one did not come to serve.
    Kept,
    /// It will not come to that.
    Failed { why: String },
}
