//! `panoply reload`.

use std::process::ExitCode;

use crate::args::ReloadArgs;
use crate::blocks;
use crate::print::say;

/// Has the gateway that runs on the state directory read its configuration again, as SIGHUP does.
pub(crate) fn run(args: &ReloadArgs) -> ExitCode {
    let control = args.running.control();
    match control.reload() {
        Ok(()) => {
            say(
                "the configuration has been read again and is in force; what waits for a restart, or for `panoply upgrade`, is in the log and in `panoply status`",
            );
            ExitCode::SUCCESS
        }
        Err(error) => blocks::failed(&error),
    }
}
