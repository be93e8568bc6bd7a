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
mod print;
mod reload;
mod restart;
mod run;
mod source;
mod status;
mod upgrade;

use std::process::ExitCode;

use crate::args::{Command, InitArgs};
use crate::print::{fail, note, say};

/// A sixth of the gateway's time went to the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    print::ended(carried_out(args::parse().command))
}

fn carried_out(command: Command) -> ExitCode {
    match command {
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
