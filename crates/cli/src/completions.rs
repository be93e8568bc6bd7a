//! `panoply completions`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::args::{Cli, CompletionsArgs};
use crate::print::{fail, put};

pub(crate) const EXAMPLES: &str = "\
Examples:
  source <(panoply completions bash)                                    in this shell, and in ~/.bashrc
  panoply completions zsh > ~/.zfunc/_panoply                           where fpath has ~/.zfunc
  panoply completions fish > ~/.config/fish/completions/panoply.fish    for good";

/// Prints them, for the shell that is named or in use.
pub(crate) fn run(args: &CompletionsArgs) -> ExitCode {
    let Some(shell) = args.shell.or_else(Shell::from_env) else {
        return fail("error: which shell? For instance: panoply completions bash");
    };
    let mut command = Cli::command();
    let mut text = Vec::new();
    generate(shell, &mut command, "panoply", &mut text);
    if shell == Shell::Fish {
        text.extend(words_for_fish(&command).into_bytes());
    }
    put(&text);
    ExitCode::SUCCESS
}

/// The words that a command takes in place of a flag, which what is generated for fish leaves out.
fn words_for_fish(command: &Command) -> String {
    let mut text = String::new();
    for one in command.get_subcommands() {
        for argument in one.get_positionals() {
            let values = argument.get_possible_values();
            let words: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
            if !words.is_empty() {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "complete -c panoply -n \"__fish_panoply_using_subcommand {}\" -f -a \"{}\"",
                    one.get_name(),
                    words.join(" ")
                );
            }
        }
    }
    text
}
