#![doc = include_str!("../README.md")]

mod baseline;
mod deps;
mod error;
mod finding;
mod fix;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod js;
mod live;
mod options;
pub mod output;
mod project;
mod report;
mod rule;
mod rules;
mod rust;
mod select;
mod source;
mod suppress;
mod write;

pub use baseline::Baseline;
pub use error::Error;
pub use finding::{Confidence, Edit, Finding, Fix, Place, Related};
pub use fix::{Change, NotFixed, Patch};
pub use live::{LiveOptions, LoginProbe, Progress, live};
pub use options::Options;
pub use project::{Project, is_sample};
pub use report::{Grade, NotChecked, Report, Suppressed, SuppressedBy};
pub use rule::{Article, Rule, Seen, Severity};
pub use rules::{RULES, rule};
pub use select::{Pick, Selection, UnknownRule};
pub use source::{Location, Source};

/// Audits the source of an app in a folder.
///
/// # Errors
///
/// When the folder cannot be read or holds no app; whatever else goes wrong is in the report as
/// `not checked`.
pub fn directory(root: impl Into<std::path::PathBuf>, options: &Options) -> Result<Report, Error> {
    let root = root.into();
    let mut report = Report::new(root.display().to_string());
    let project = Project::open(root)?;
    for (path, why) in project.left_out() {
        let reason = format!("not all files were looked at: {why} (`{path}`)");
        report.not_checked(&rules::headers::HELMET_MISSING, reason);
    }
    js::check(&project, options, &mut report);
    rust::check(&project, options, &mut report);
    deps::check(&project, options, &mut report);
    suppress::apply(&project, &mut report, options.date());
    report.sort();
    Ok(report)
}
