//! Connections: from an accepted socket to requests.

mod ear;
mod framing;
mod held;
mod io;
mod refusal;
mod serve;
mod streams;
mod trailers;
mod tunnel;
mod voice;
mod watch;

#[cfg(any(test, fuzzing))]
pub(crate) use framing::Framing;
#[cfg(any(test, fuzzing))]
pub(crate) use io::Wire;
pub(crate) use serve::serve;
pub(crate) use streams::Streams;
pub(crate) use trailers::{Outlet, Trailers, Trailing, in_chunks, welcome as trailers_welcome};
pub(crate) use watch::{Patience, Sweeper, TICK};
