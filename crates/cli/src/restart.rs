//! `panoply restart`.

use std::process::ExitCode;

use crate::args::RestartArgs;
use crate::blocks;
use crate::print::say;

/// Has the gateway that runs on the state directory start its apps anew, or one of them.
pub(crate) fn run(args: &RestartArgs) -> ExitCode {
    let control = args.running.control();
    match control.restart(args.app.as_deref()) {
        Ok(process) => {
            say(format_args!(
                "process {process} serves; the app before finishes what it has and ends"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => blocks::failed(&error),
    }
}
