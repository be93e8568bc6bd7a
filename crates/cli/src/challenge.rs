//! `panoply challenge`.

use std::process::ExitCode;

use panoply_gateway::config::Span;
use panoply_gateway::{ChallengeStanding, Control, ControlError};

use crate::args::{ChallengeArgs, ChallengeCommand};
use crate::blocks;
use crate::print::{note, say};

/// Asks the gateway that runs on the state directory.
pub(crate) fn run(args: &ChallengeArgs) -> ExitCode {
    let control = args.running.control();
    let done = match &args.what {
        ChallengeCommand::On(on) => begin(&control, on.time),
        ChallengeCommand::Off => end(&control),
        ChallengeCommand::Show => control.challenge().map(|standing| show(&standing)),
    };
    blocks::finished(done)
}

fn begin(control: &Control, time: Option<Span>) -> Result<(), ControlError> {
    let id = control.begin_challenge(time.map(Span::get))?;
    let span = blocks::until(time, "panoply challenge off");
    say(format_args!(
        "only browsers that have solved a task are let in {span} (block {id})"
    ));
    if control
        .challenge()
        .is_ok_and(|standing| standing.proxies_need_one)
    {
        note(
            "what your proxies ask in their own name, such as whether the gateway is well, needs a pass as well, except at \
             `/health` and the like: `challenge.exempt` in panoply.toml spares them by their addresses",
        );
    }
    Ok(())
}

fn end(control: &Control) -> Result<(), ControlError> {
    if !control.end_challenge()? {
        note("it was not on");
    }
    match &*control.challenge()?.paths {
        [] => say("no pass is asked for"),
        paths => say(format_args!(
            "passes are asked for below {}, as panoply.toml says",
            paths.join(", ")
        )),
    }
    Ok(())
}

fn show(standing: &ChallengeStanding) {
    let left = standing.seconds_left.map(Span::seconds);
    let paths = standing.paths.join(", ");
    match (standing.everywhere, left) {
        (true, Some(left)) => say(format_args!(
            "passes are asked for everywhere, for {left} more"
        )),
        (true, None) => say("passes are asked for everywhere, until `panoply challenge off`"),
        (false, _) if paths.is_empty() => say("no pass is asked for"),
        (false, _) => say(format_args!("passes are asked for below {paths}")),
    }
    say(format_args!(
        "a task has {} bits; passes given since the start: {}",
        standing.work, standing.passes_given
    ));
}
