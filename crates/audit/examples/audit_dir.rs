//! Prints what an audit of a folder finds, a finding a line: place, rule, severity, confidence and
//! message, with tabs between. It is what docs/audit-evaluation.md counts.

use std::process::ExitCode;

use panoply_audit::{Options, Place};

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the terminal"
)]
fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("say which folder: audit_dir FOLDER");
        return ExitCode::from(2);
    };
    let report = match panoply_audit::directory(dir, &Options::new().offline(true)) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    for finding in &report.findings {
        let place = match &finding.place {
            Place::Code(at) => format!("{}:{}", at.source().path(), at.position().0),
            _ => "-".to_owned(),
        };
        let (rule, severity) = (finding.rule.id, finding.severity.as_str());
        let confidence = finding.confidence.as_str();
        println!(
            "{place}\t{rule}\t{severity}\t{confidence}\t{}",
            finding.message
        );
    }
    for missing in &report.not_checked {
        println!("not checked\t{}\t\t\t{}", missing.rule.id, missing.reason);
    }
    ExitCode::SUCCESS
}
