//! Where reports go.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use panoply_audit::Report;
use panoply_audit::output::{self, Look};

use super::args::{AuditArgs, Format};
use crate::print::{fail, note, put};

/// Writes reports where they are wanted; says whether that went well.
pub(super) fn reports(args: &AuditArgs, reports: &[Report], look: &Look, fixed: &str) -> bool {
    let mut to_stdout = args.output.is_empty();
    for path in &args.output {
        if is_stdout(path) {
            to_stdout = true;
            continue;
        }
        let format = args.format.unwrap_or_else(|| by_ending(path));
        let mut plain = look.clone();
        plain.colour = false;
        if let Err(error) = std::fs::write(path, rendered(format, reports, &plain)) {
            fail(format_args!(
                "error: `{}` cannot be written: {error}",
                path.display()
            ));
            return false;
        }
        if !to_stdout {
            note(format_args!("wrote {}", path.display()));
        }
    }
    let format = args.format.unwrap_or(Format::Text);
    if !fixed.is_empty() {
        match format {
            Format::Text if to_stdout => put(fixed.as_bytes()),
            _ => note(fixed.trim_end()),
        }
    }
    if !to_stdout {
        note(output::summary(reports, look));
        return true;
    }
    put(rendered(format, reports, look).as_bytes());
    if args.format.is_none() && std::env::var_os("GITHUB_ACTIONS").is_some_and(|on| on == "true") {
        put(output::github(reports, look).as_bytes());
    }
    true
}

/// Writes what is no report to the one place where it is wanted.
pub(super) fn alone(to: &[PathBuf], text: &str) -> ExitCode {
    let files = to.iter().filter(|path| !is_stdout(path));
    for path in files.clone() {
        if let Err(error) = std::fs::write(path, text) {
            return fail(format_args!(
                "error: `{}` cannot be written: {error}",
                path.display()
            ));
        }
    }
    if to.is_empty() || files.count() < to.len() {
        put(text.as_bytes());
    }
    ExitCode::SUCCESS
}

fn rendered(format: Format, reports: &[Report], look: &Look) -> String {
    match format {
        Format::Text => output::text(reports, look),
        Format::Json => output::json(reports, look),
        Format::Sarif => output::sarif(reports, look),
        Format::Github => output::github(reports, look),
        Format::Html => output::html(reports, look),
    }
}

fn by_ending(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Format::Json,
        Some("sarif") => Format::Sarif,
        Some("html" | "htm") => Format::Html,
        _ => Format::Text,
    }
}

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}
