//! Connections: from an accepted socket to requests.

mod framing;
mod io;
mod serve;
mod tunnel;
mod watch;

pub(crate) use serve::serve;
pub(crate) use watch::{Patience, Sweeper, TICK};
