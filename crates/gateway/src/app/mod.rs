//! The app: started and watched over, or only found.

mod command;
mod upstream;

pub(crate) use command::{Ended, supervise};
pub(crate) use upstream::follow;
