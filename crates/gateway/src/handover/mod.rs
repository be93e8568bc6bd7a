//! From one program to the next, without a connection that is refused or a request that fails.
//!
//! The gateway that runs starts the program that is installed now and hands it, over a pair of
//! sockets, everything that only one of them can have:
//!
//! ```text
//! the one that runs                        the one that is to come
//! sockets, app, placeholder        ───▶    reads the configuration, checks it whole
//!                                  ◀───    prepared
//! ends its upkeep, gives back
//! the store
//! go                               ───▶    opens the store, answers at the control socket
//!                                  ◀───    opened
//! asks there for every decision
//!                                  ◀───    ready: accepts connections, the app is up
//! accepts no more, finishes
//! what it has, ends
//! ```
//!
//! Up to `ready` the first one goes on serving; whatever the second dies of, it takes everything
//! back. Both accept from the same sockets, so no connection waits in a queue that goes away.

mod channel;
mod heir;
mod successor;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use heir::Heir;
pub use successor::Program;
pub(crate) use successor::{Estate, Successor};

/// Says to a program that its standard input is the end of such a pair. No setting, and not handed
/// on to the app.
pub(crate) const VARIABLE: &str = "PANOPLY_HANDOVER";

/// The version of what is said; another one is refused.
const VERSION: u32 = 1;

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
    /// With a descriptor of the process.
    App(AppLeft),
    /// The last of the introduction.
    Begin { placeholder: Option<String> },
    /// The store has been given back.
    Go,
    /// The configuration is good; nothing has been touched.
    Prepared,
    /// The store is open, the control socket answered.
    Opened,
    /// Clients are served; whether by the app that was handed over.
    Ready { took_app: bool },
    /// It will not come to that.
    Failed { why: String },
}
