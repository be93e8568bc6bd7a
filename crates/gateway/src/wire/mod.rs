//! Connections: from an accepted socket to requests.

mod ear;
mod framing;
mod gather;
mod held;
mod http1;
mod io;
mod leftover;
mod opening;
mod refusal;
mod serve;
mod streams;
mod texts;
mod trailers;
mod tunnel;
mod unsent;
mod watch;

pub(crate) use http1::{BLOCK, Block, Feed};
#[cfg(any(test, fuzzing))]
pub(crate) use http1::{Stop, replay};
pub(crate) use io::bound_unsent;
pub(crate) use leftover::Upload;
pub(crate) use refusal::TOO_LARGE;
pub(crate) use serve::serve;
pub(crate) use streams::Streams;
pub(crate) use texts::Texts;
pub(crate) use trailers::{
    are_too_long as trailers_are_too_long, pass as pass_trailers, welcome as trailers_welcome,
};
pub(crate) use tunnel::Tunnel;
pub(crate) use watch::{InFlight, Patience, Sweeper, TICK, Watch};
