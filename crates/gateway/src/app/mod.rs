//! The app: started and watched over, or only found.

mod command;
mod exposed;
mod falls;
mod health;
mod port;
mod process;
mod restart;
mod run;
mod sockets;
mod standing;
mod upstream;

pub(crate) use command::{Ended, Fate, end};
pub(crate) use falls::Falls;
pub(crate) use health::Health;
pub(crate) use restart::{Alone, Restarts};
pub(crate) use run::{left, run};
pub(crate) use standing::Standing;
