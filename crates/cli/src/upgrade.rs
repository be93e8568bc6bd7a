//! `panoply upgrade`.

use std::process::ExitCode;

use crate::args::UpgradeArgs;
use crate::blocks;
use crate::print::say;

/// Has the gateway that runs on the state directory hand over to the program that is installed now.
pub(crate) fn run(args: &UpgradeArgs) -> ExitCode {
    let control = args.running.control();
    match control.upgrade() {
        Ok(process) => {
            say(format_args!(
                "process {process} serves; the one before finishes what it has and ends"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => blocks::failed(&error),
    }
}
