//! The app: started and watched over, or only found; in as many instances as it is to have.

mod apps;
mod command;
mod exposed;
mod falls;
mod health;
mod instance;
mod places;
mod port;
mod process;
mod restart;
mod rolling;
mod run;
mod sockets;
mod standing;
mod state;
mod upstream;

pub(crate) use apps::Apps;
pub(crate) use command::{Ended, Fate, end};
pub(crate) use health::Health;
pub(crate) use instance::Instance;
pub(crate) use process::INSTANCE;
pub(crate) use restart::{Alone, Restarts};
pub(crate) use run::{left, run};
pub(crate) use sockets::listens;
pub(crate) use standing::Standing;
pub(crate) use state::{AppState, Rank};
