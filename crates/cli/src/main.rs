#![doc = include_str!("../README.md")]

mod args;
mod audit;
mod blocks;
mod certificates;
mod challenge;
mod check;
mod completions;
mod csp;
mod demo;
mod init;
mod keys;
mod maintenance;
mod password;
mod reload;
mod restart;
mod run;
mod source;
mod status;
mod upgrade;

use std::io::Write as _;
use std::process::ExitCode;

use crate::args::{Command, InitArgs};

/// A sixth of the gateway's time went to the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match args::parse().command {
        Command::Run(args) => run::run(&args.settings),
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => write_config(args),
        Command::Check(args) => check::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Password(args) => password::run(&args),
        Command::Blocks(args) => blocks::run(&args),
        Command::Maintenance(args) => maintenance::run(&args),
        Command::Challenge(args) => challenge::run(&args),
        Command::Certificates(args) => certificates::run(&args),
        Command::Csp(args) => csp::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Health(args) => status::health(&args),
        Command::Upgrade(args) => upgrade::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Restart(args) => restart::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Prints to standard error, as the last thing that is done.
fn fail(message: impl std::fmt::Display) -> ExitCode {
    note(message);
    ExitCode::from(2)
}

/// Prints to standard output, what was asked for; whoever has closed it does not want it.
fn say(message: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{message}");
}

/// Prints to standard output all of what was asked for, and fails where there is no room for it: half of it in a file
/// would be taken for the whole. Whoever has closed it does not want it.
fn show(text: impl std::fmt::Display) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(format!("error: standard output cannot be written: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// `panoply init`.
fn write_config(args: InitArgs) -> ExitCode {
    let output = init::Output::from(args.output);
    let to_stdout = output == init::Output::Stdout;
    match init::run(&args.dir, output, args.force) {
        // The file itself is on standard output then, and may be piped.
        Ok(summary) if to_stdout => note(summary),
        Ok(summary) => say(summary),
        Err(error) => return fail(format!("error: {error}")),
    }
    ExitCode::SUCCESS
}

/// Prints to standard error, beside what was asked for; whoever has closed it, or has no room for it, goes without.
fn note(message: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
