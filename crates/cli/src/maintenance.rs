//! `panoply maintenance`.

use std::process::ExitCode;

use panoply_gateway::config::Span;
use panoply_gateway::{Control, ControlError};

use crate::args::{MaintenanceArgs, MaintenanceCommand};
use crate::blocks;
use crate::print::{note, say};

/// Asks the gateway that runs on the state directory.
pub(crate) fn run(args: &MaintenanceArgs) -> ExitCode {
    let control = args.running.control();
    let done = match &args.what {
        MaintenanceCommand::On(on) => begin(&control, on.time),
        MaintenanceCommand::Off => end(&control),
    };
    blocks::finished(done)
}

fn begin(control: &Control, time: Option<Span>) -> Result<(), ControlError> {
    let id = control.begin_maintenance(time.map(Span::get))?;
    let span = blocks::until(time, "panoply maintenance off");
    say(format_args!(
        "everybody is answered 503 {span} (block {id})"
    ));
    Ok(())
}

fn end(control: &Control) -> Result<(), ControlError> {
    if control.end_maintenance()? {
        say("everybody is let in again");
    } else {
        note("the site was not closed");
    }
    Ok(())
}
