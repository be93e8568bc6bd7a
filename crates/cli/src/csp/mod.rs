//! `panoply csp`: from reports to a policy that is in force.

mod apply;
mod diff;
mod edit;
mod show;

use std::process::ExitCode;
use std::sync::Arc;

use panoply_core::SystemClock;
use panoply_gateway::config::{ConfigError, Loaded};
use panoply_gateway::{Control, ControlError, CspEvidence, CspProposal, Settings, Surroundings};

use crate::args::{CspArgs, CspCommand, SettingArgs};
use crate::print::{fail, say};
use crate::{blocks, source};

/// Asks the gateway that runs, or reads what one has left.
pub(crate) fn run(args: &CspArgs) -> ExitCode {
    let done = match &args.what {
        CspCommand::Learn { yes } => apply::learn(args, *yes),
        CspCommand::Suggest { with, json } => suggest(args, with, *json),
        CspCommand::Enforce { with, without, yes } => apply::enforce(args, with, without, *yes),
        CspCommand::Forget => return forget(args),
    };
    done.unwrap_or_else(fail)
}

fn suggest(args: &CspArgs, with: &[String], json: bool) -> Result<ExitCode, String> {
    let evidence = evidence(args)?;
    let settings = settings(args)?;
    let headers = settings.suit().headers();
    let proposal = CspProposal::new(&evidence, headers, with);
    if json {
        let both = serde_json::json!({ "evidence": evidence, "proposal": proposal });
        say(serde_json::to_string_pretty(&both).unwrap_or_default());
    } else {
        say(show::suggestion(&evidence, &proposal, headers).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn forget(args: &CspArgs) -> ExitCode {
    let state = source::state(args.state.as_deref());
    match Control::of(&state).forget_reports() {
        Ok(()) => {
            say("what browsers have reported so far is forgotten");
            ExitCode::SUCCESS
        }
        Err(error) => blocks::failed(&error),
    }
}

/// What was reported: as the gateway knows it, or as it has left it.
fn evidence(args: &CspArgs) -> Result<CspEvidence, String> {
    let state = source::state(args.state.as_deref());
    let nobody = match Control::of(&state).reports() {
        Ok(reports) => return Ok(reports.evidence),
        Err(error @ (ControlError::Nobody(_) | ControlError::NoState(_))) => error,
        Err(error) => return Err(format!("error: {error}")),
    };
    match CspEvidence::read(&state) {
        Ok(Some(evidence)) => Ok(evidence),
        Ok(None) => Err(format!(
            "error: {nobody}, and none that ran there has left any reports"
        )),
        Err(error) => Err(format!(
            "error: what a gateway has left in {} cannot be read: {error}",
            state.display()
        )),
    }
}

fn setting_args(args: &CspArgs) -> SettingArgs {
    SettingArgs {
        config: args.config.clone(),
        state: args.state.clone(),
        ..SettingArgs::default()
    }
}

/// What is in force by the configuration as it is.
fn settings(args: &CspArgs) -> Result<Settings, String> {
    source::load(&setting_args(args))
        .and_then(|loaded| build(args, loaded))
        .map_err(|error| error.for_stderr())
}

/// Checks a configuration as `panoply check` does.
fn build(args: &CspArgs, loaded: Loaded) -> Result<Settings, ConfigError> {
    // Looking must not make an authority where there is none.
    let scratch = tempfile::tempdir()
        .map_err(|error| ConfigError::plain(format!("no temporary directory: {error}")))?;
    let state = source::state(args.state.as_deref());
    let state = if state.exists() {
        state
    } else {
        scratch.path().to_owned()
    };
    let around = Surroundings::new(&state, Arc::new(SystemClock::new()));
    let loaded = if loaded.config.app.is_missing() {
        loaded.with_flag("csp", "app.upstream", "http://127.0.0.1:1")?
    } else {
        loaded
    };
    let settings = Settings::build(&loaded, &around)?;
    crate::audit::check(&loaded)?;
    Ok(settings)
}
