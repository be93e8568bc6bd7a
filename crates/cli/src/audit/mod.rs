//! `panoply audit`: what an app lacks, in whatever form it is wanted.

mod args;
mod gateway;
mod progress;
mod settings;
mod write;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use panoply_audit::output::{self, Look, Verdict};
use panoply_audit::{Baseline, Change, Error, Patch, Report};
use panoply_core::{Clock as _, SystemClock};

pub(crate) use self::args::{AuditArgs, EXAMPLES};
use self::progress::Progress;
use self::settings::Settings;
pub(crate) use self::settings::check;
use crate::print::{fail, note, say};

/// Audits, reports, and ends with the status that says how it went.
pub(crate) fn run(args: &AuditArgs) -> ExitCode {
    if args.rules {
        say(output::list().trim_end());
        return ExitCode::SUCCESS;
    }
    if let Some(name) = &args.explain {
        return explain(name);
    }
    let settings = match Settings::read(args) {
        Ok(settings) => settings,
        Err(error) => return fail(error),
    };
    match audit(args, &settings) {
        Ok(code) => code,
        Err(error) => {
            let source = std::error::Error::source(&error);
            let cause = source.map(|cause| format!(": {cause}")).unwrap_or_default();
            fail(format_args!("error: {error}{cause}"))
        }
    }
}

/// Rounds of fixes: what overlapped in one is written in the next.
const ROUNDS: usize = 8;

fn audit(args: &AuditArgs, settings: &Settings) -> Result<ExitCode, Error> {
    let clock = SystemClock::new();
    // What is written anew holds all that there is, also what the old one knew.
    let known = settings
        .baseline
        .as_deref()
        .filter(|_| args.write_baseline.is_none());
    let baseline = known.map(Baseline::read).transpose()?;
    let mut reports = look(settings, baseline.as_ref())?;
    let mut changes = Vec::new();
    let mut refused = Vec::new();
    for _ in 0..ROUNDS {
        if !args.fix || !fix(&reports, &mut changes, &mut refused) {
            break;
        }
        reports = look(settings, baseline.as_ref())?;
    }
    if args.fix_with_gateway {
        let toml = gateway::config(&reports, &settings.targets);
        return Ok(write::alone(&args.output, &toml));
    }
    if let Some(path) = &args.write_baseline {
        let known = Baseline::of(&reports);
        known.write(path)?;
        known.apply(&mut reports);
        note(format_args!(
            "wrote {} known findings to {}",
            known.len(),
            path.display()
        ));
    }
    let look = appearance(clock.monotonic());
    let fixed = fixed(&changes);
    let verdict = Verdict::of(&reports, settings.fail_on, &settings.required);
    if !write::reports(args, &reports, &look, &fixed) {
        return Ok(ExitCode::from(2));
    }
    for error in &refused {
        fail(format_args!("error: {error}"));
    }
    if let Verdict::Unmade(checks) = &verdict {
        for (rule, reason) in checks {
            let id = rule.id;
            fail(format_args!(
                "error: {id} was asked for and could not be checked: {reason}"
            ));
        }
    }
    Ok(if refused.is_empty() {
        ExitCode::from(verdict.code())
    } else {
        ExitCode::from(2)
    })
}

/// Looks at each target; what is known or not wanted is taken away.
fn look(settings: &Settings, baseline: Option<&Baseline>) -> Result<Vec<Report>, Error> {
    let mut reports = Vec::new();
    for target in &settings.targets {
        let progress = Progress::on(target);
        reports.push(if is_url(target) {
            let live = settings.live.clone();
            let live = live.progress(move |step| progress.say(step));
            block_on(panoply_audit::live(target, &live))?
        } else {
            panoply_audit::directory(target, &settings.options)?
        });
    }
    if let Some(baseline) = baseline {
        baseline.apply(&mut reports);
    }
    for report in &mut reports {
        settings.selection.apply(report);
    }
    Ok(reports)
}

/// Waits for what has to wait for a site.
fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(work),
        Err(source) => Err(Error::Runtime { source }),
    }
}

/// Writes what the findings offer; says whether anything was written.
fn fix(
    reports: &[Report],
    changes: &mut Vec<Change>,
    refused: &mut Vec<panoply_audit::NotFixed>,
) -> bool {
    let before = changes.len();
    for report in reports {
        for patch in Patch::all(report) {
            match patch.apply(report) {
                Ok(change) => changes.push(change),
                Err(error) => refused.push(error),
            }
        }
    }
    changes.len() > before && refused.is_empty()
}

/// What was written, for whoever reads along.
fn fixed(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "fixed {}: {}",
            change.path.display(),
            change.titles.join(", ")
        );
        for line in change.diff.lines() {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    text
}

fn appearance(elapsed: Duration) -> Look {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let mut look = Look::default();
    look.colour = colour && std::io::stdout().is_terminal();
    look.width = columns.unwrap_or(look.width).clamp(60, 140);
    look.elapsed = Some(elapsed);
    look.base = std::env::current_dir().ok();
    look
}

fn explain(name: &str) -> ExitCode {
    match panoply_audit::rule(name) {
        Some(rule) => say(output::explain(rule).trim_end()),
        None => match name.parse::<panoply_audit::Pick>() {
            // A group: all that is in it.
            Ok(group) => {
                let rules: Vec<String> = group.rules().map(output::explain).collect();
                say(rules.join("\n").trim_end());
            }
            Err(error) => return fail(format_args!("error: {error}")),
        },
    }
    ExitCode::SUCCESS
}

/// Whether a target is the address of a site.
fn is_url(target: &str) -> bool {
    Report::new(target).is_site()
}

/// The folder of the first target that is one.
fn folder(targets: &[String]) -> Option<PathBuf> {
    let folder = targets.iter().find(|target| !is_url(target));
    folder.map(|folder| Path::new(folder).to_owned())
}
