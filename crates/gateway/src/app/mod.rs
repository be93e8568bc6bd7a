//! The app: started and watched over, or only found.

mod command;
mod process;
mod upstream;

pub(crate) use command::{Ended, Fate, Plan, decided, supervise};
pub(crate) use upstream::follow;
