//! A changed policy: shown, checked, written, and taken up by the gateway that runs.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use panoply_gateway::{Control, ControlError, CspProposal, Settings};
use toml_edit::DocumentMut;

use super::diff::diff;
use super::{build, edit, evidence, setting_args, settings, show};
use crate::args::CspArgs;
use crate::print::{note, say};
use crate::source;

/// `panoply csp learn`.
pub(super) fn learn(args: &CspArgs, yes: bool) -> Result<ExitCode, String> {
    let changed = change(args, edit::learn)?;
    if changed.before == changed.after {
        say("the policy is only reported already");
        return Ok(ExitCode::SUCCESS);
    }
    note(
        "From now on nothing is blocked, and an injected script runs, until `panoply csp enforce`. \
         Click through every part of the site meanwhile.",
    );
    finish(args, &changed, yes)
}

/// `panoply csp enforce`.
pub(super) fn enforce(
    args: &CspArgs,
    with: &[String],
    without: &[String],
    yes: bool,
) -> Result<ExitCode, String> {
    let evidence = evidence(args)?;
    let settings = settings(args)?;
    let mut proposal = CspProposal::new(&evidence, settings.suit().headers(), with);
    let known = |source: &String| proposal.allow.iter().any(|one| one.source == *source);
    if let Some(unknown) = with.iter().chain(without).find(|source| !known(source)) {
        return Err(format!(
            "error: nothing was reported that `{unknown}` would allow; `panoply csp suggest` says what \
             was, and what is allowed already"
        ));
    }
    proposal.allow.retain(|one| !without.contains(&one.source));
    let changed = change(args, |document| {
        edit::allow(document, &proposal.additions())?;
        edit::enforce(document);
        Ok(())
    })?;
    let left = CspProposal::new(&evidence, changed.settings.suit().headers(), with);
    let lost = |one: &&panoply_gateway::CspSource| left.allow.contains(one);
    if let Some(lost) = proposal.allow.iter().find(lost) {
        return Err(format!(
            "error: `{}` would not be allowed by what was written; this is a fault of Panoply's",
            lost.source
        ));
    }
    // Before anybody is asked: these pages will lack something.
    let blocked = show::blocked(&left);
    if !blocked.is_empty() {
        note(blocked.trim_end());
    }
    if changed.before == changed.after {
        say("the policy is in force, and nothing is to be added to it");
        return Ok(ExitCode::SUCCESS);
    }
    finish(args, &changed, yes)
}

/// A file before and after, and what the latter puts in force.
struct Changed {
    path: PathBuf,
    before: String,
    after: String,
    settings: Settings,
}

/// Changes the file's text and checks what came of it; writes nothing.
fn change(
    args: &CspArgs,
    edit: impl FnOnce(&mut DocumentMut) -> Result<(), String>,
) -> Result<Changed, String> {
    let Some(path) = source::file(args.config.as_deref()) else {
        return Err(
            "error: there is no panoply.toml here: `panoply init` writes one, or name it with \
             `--config FILE`"
                .to_owned(),
        );
    };
    let name = path.display();
    let before = fs::read_to_string(&path)
        .map_err(|error| format!("error: {name} cannot be read: {error}"))?;
    let mut document: DocumentMut = before
        .parse()
        .map_err(|error| format!("error: {name} is not TOML: {error}"))?;
    edit(&mut document).map_err(|why| format!("error: {name} was left as it is: {why}"))?;
    let after = document.to_string();
    let settings = source::load_text(&setting_args(args), &path, &after)
        .and_then(|loaded| build(args, loaded))
        .map_err(|error| format!("{}\n{name} was left as it is.", error.for_stderr()))?;
    Ok(Changed {
        path,
        before,
        after,
        settings,
    })
}

/// Shows, asks, writes, and has the gateway read it.
fn finish(args: &CspArgs, changed: &Changed, yes: bool) -> Result<ExitCode, String> {
    let name = changed.path.display();
    say(format_args!(
        "{name}:\n{}",
        diff(&changed.before, &changed.after).trim_end()
    ));
    if !yes {
        if !io::stdin().is_terminal() {
            return Err(
                "error: nothing was written, since nobody can be asked here: say `--yes`"
                    .to_owned(),
            );
        }
        if !asked(&format!("Write this to {name}? [y/N] ")) {
            note("nothing was written");
            return Ok(ExitCode::from(1));
        }
    }
    write(changed).map_err(|error| format!("error: {name} could not be written: {error}"))?;
    let state = source::state(args.state.as_deref());
    let control = Control::of(&state);
    match control.reload() {
        Ok(()) if is_in_force(&control, &changed.settings) => {
            say("written, and in force in the gateway that runs");
            Ok(ExitCode::SUCCESS)
        }
        Ok(()) => Err(format!(
            "error: {name} was written, but the gateway that runs on {} has another policy in force: \
             was it started with this file?",
            state.display()
        )),
        Err(ControlError::Nobody(_) | ControlError::NoState(_)) => {
            say(format_args!(
                "written; no gateway runs on the state directory {}: `panoply run` puts it in force, \
                 and `kill -HUP` where one runs on another (`--state DIR`)",
                state.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(format!(
            "error: {name} was written, but the gateway that runs has not taken it up: {error}"
        )),
    }
}

/// Whether the gateway that runs sends the policies that these settings ask for.
fn is_in_force(control: &Control, settings: &Settings) -> bool {
    let reports = control.reports();
    reports.is_ok_and(|reports| reports.are_under(settings.suit().headers()))
}

#[expect(clippy::print_stderr, reason = "a question to a person")]
fn asked(question: &str) -> bool {
    eprint!("{question}");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Whole or not at all, with the owner and rights that the file has; where it is a link, what it
/// points to.
fn write(changed: &Changed) -> io::Result<()> {
    let path = fs::canonicalize(&changed.path)?;
    if fs::read_to_string(&path)? != changed.before {
        return Err(io::Error::other("somebody else has changed it meanwhile"));
    }
    let there = fs::metadata(&path)?;
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(changed.after.as_bytes())?;
    file.as_file().set_permissions(there.permissions())?;
    let made = file.as_file().metadata()?;
    if (made.uid(), made.gid()) != (there.uid(), there.gid()) {
        std::os::unix::fs::fchown(file.as_file(), Some(there.uid()), Some(there.gid()))?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
