//! `panoply reload`.

use std::process::ExitCode;

use panoply_gateway::Control;

use crate::args::ReloadArgs;
use crate::{blocks, say, source};

/// Has the gateway that runs on the state directory read its configuration again, as SIGHUP does.
pub(crate) fn run(args: &ReloadArgs) -> ExitCode {
    let control = Control::of(&source::state(args.state.as_deref()));
    match control.reload() {
        Ok(()) => {
            say(
                "the configuration has been read again and is in force; what wants a restart is in the log",
            );
            ExitCode::SUCCESS
        }
        Err(error) => blocks::failed(&error),
    }
}
