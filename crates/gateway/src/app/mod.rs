//! The app: started and watched over, or only found.

mod command;
mod exposed;
mod falls;
mod port;
mod process;
mod run;
mod sockets;
mod upstream;

pub(crate) use command::{Ended, Fate, end};
pub(crate) use falls::Falls;
pub(crate) use run::{left, run};
