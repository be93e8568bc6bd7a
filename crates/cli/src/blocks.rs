//! `panoply blocks`.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use panoply_gateway::config::Span;
use panoply_gateway::{BlockEntry, Control, ControlError};

use crate::args::{BlocksArgs, BlocksCommand};
use crate::{fail, note, say, source};

/// Asks the gateway that runs on the state directory.
pub(crate) fn run(args: &BlocksArgs) -> ExitCode {
    let control = Control::of(&source::state(args.state.as_deref()));
    let done = match &args.what {
        BlocksCommand::List { json } => list(&control, *json),
        BlocksCommand::Release { key, user } => {
            return match (key, user) {
                (Some(key), _) => released(key, control.release(key)),
                (None, Some(user)) => released(user, control.release_user(user)),
                (None, None) => ExitCode::from(2),
            };
        }
        BlocksCommand::Add { address, time } => {
            let id = control.add(*address, time.map(Span::get));
            id.map(|id| {
                let span = time.map(|time| format!("for {time}"));
                let span = span.unwrap_or_else(|| "until it is released".to_owned());
                say(format_args!("blocked {address} {span} (block {id})"));
            })
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Tells why a gateway could not be asked.
pub(crate) fn failed(error: &ControlError) -> ExitCode {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    fail(format_args!("error: {error}{}", cause.unwrap_or_default()))
}

fn released(key: &str, count: Result<usize, ControlError>) -> ExitCode {
    match count {
        Ok(0) => fail(format_args!(
            "error: nothing is blocked by the name of `{key}`; `panoply blocks list` says what is"
        )),
        Ok(1) => {
            say(format_args!("released {key}"));
            ExitCode::SUCCESS
        }
        // What was counted and had not locked yet is forgotten with it, and was no block on any list.
        Ok(_) => {
            say(format_args!(
                "released {key}, and whatever was counted by that name"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn list(control: &Control, json: bool) -> Result<(), ControlError> {
    // As they come: there may be a million.
    let mut any = false;
    control.each_block(|block| {
        if json {
            say(serde_json::to_string(&block).unwrap_or_default());
        } else {
            if !any {
                say(row(["BLOCK", "RULE", "WHO", "COUNT", "ENDS IN"]));
            }
            say(line(&block));
        }
        any = true;
    })?;
    // A pipe gets nothing, which is what there is.
    if !any && !json && std::io::stdout().is_terminal() {
        note("nothing is blocked");
    }
    Ok(())
}

fn line(block: &BlockEntry) -> String {
    let left = block
        .seconds_left
        .map(|seconds| Span::seconds(seconds).to_string());
    let left = left.unwrap_or_else(|| "(when released)".to_owned());
    // Whoever is blocked by hand was not counted.
    let counted = block.rule != "block/client";
    let count = if counted {
        block.count.to_string()
    } else {
        "-".to_owned()
    };
    row([&block.id, &block.rule, &block.who(), &count, &left])
}

fn row([id, rule, who, count, left]: [&str; 5]) -> String {
    format!("{id:<16}  {rule:<13}  {who:<34}  {count:>5}  {left}")
}
