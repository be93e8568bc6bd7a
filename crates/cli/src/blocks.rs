//! `panoply blocks`.

use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::process::ExitCode;

use panoply_core::Network;
use panoply_gateway::config::Span;
use panoply_gateway::{BlockEntry, Control, ControlError};

use crate::args::{BlocksArgs, BlocksCommand};
use crate::print::{fail, note, say};

/// Asks the gateway that runs on the state directory.
pub(crate) fn run(args: &BlocksArgs) -> ExitCode {
    let control = args.running.control();
    let done = match &args.what {
        BlocksCommand::List { json } => list(&control, *json),
        BlocksCommand::Release { key, user } => {
            return match (key, user) {
                (Some(key), _) => released(key, control.release(key)),
                (None, Some(user)) => released(user, control.release_user(user)),
                (None, None) => ExitCode::from(2),
            };
        }
        BlocksCommand::Add { whom, time } => return add_all(&control, whom, *time),
    };
    finished(done)
}

/// Whom to block.
#[derive(Debug, Clone)]
pub(crate) enum Whom {
    Client(IpAddr),
    /// As it is, and as it was written where that is something else.
    Network(Network, Option<String>),
}

/// The address of a client, or a network.
pub(crate) fn whom(text: &str) -> Result<Whom, String> {
    if let Ok(client) = text.parse() {
        return Ok(Whom::Client(client));
    }
    let network = { text.contains('/') }
        .then(|| Network::parse(text))
        .flatten();
    let network = network.ok_or(
        "write an address, such as `203.0.113.9` or `2001:db8::1`, or a network, such as `203.0.113.0/24` or \
         `2001:db8::/32`"
    )?;
    let address: Option<IpAddr> = { text.split_once('/') }.and_then(|(own, _)| own.parse().ok());
    let rest = address.is_some_and(|own| own.to_canonical() != network.address());
    Ok(Whom::Network(network, rest.then(|| text.to_owned())))
}

/// Blocks each; one that cannot be is told of, and keeps none from being blocked.
fn add_all(control: &Control, all: &[Whom], time: Option<Span>) -> ExitCode {
    let mut done = ExitCode::SUCCESS;
    for whom in all {
        match add(control, whom, time) {
            Ok(()) => {}
            Err(error @ ControlError::Failed(_)) => done = failed(&error),
            // Nobody would answer the next time, either.
            Err(error) => return failed(&error),
        }
    }
    done
}

fn add(control: &Control, whom: &Whom, time: Option<Span>) -> Result<(), ControlError> {
    let (id, who) = match whom {
        Whom::Client(client) => (
            control.add(*client, time.map(Span::get))?,
            client.to_string(),
        ),
        Whom::Network(network, _) => {
            let id = control.add_network(*network, time.map(Span::get))?;
            (id, network.to_string())
        }
    };
    let span = time.map(|time| format!("for {time}"));
    let span = span.unwrap_or_else(|| "until it is released".to_owned());
    say(format_args!("blocked {who} {span} (block {id})"));
    if let Whom::Network(network, Some(written)) = whom {
        note(format_args!(
            "{written} is the network {network}: for one client, leave the length out"
        ));
    }
    Ok(())
}

/// Tells why a gateway could not do what was asked, if it could not.
pub(crate) fn finished(done: Result<(), ControlError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// How long it is that something holds for everybody.
pub(crate) fn until(time: Option<Span>, end: &str) -> String {
    let time = time
        .map(|time| format!("for {time}, or "))
        .unwrap_or_default();
    format!("{time}until `{end}`")
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
    let count = if block.is_by_hand() {
        "-".to_owned()
    } else {
        block.count.to_string()
    };
    row([&block.id, &block.rule, &block.who(), &count, &left])
}

fn row([id, rule, who, count, left]: [&str; 5]) -> String {
    format!("{id:<16}  {rule:<13}  {who:<34}  {count:>5}  {left}")
}
