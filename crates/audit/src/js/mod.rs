//! Express apps, in JavaScript or TypeScript.
//!
//! `parse` reads the files, `run` executes what they say with values as far as they are known, and writes
//! down in `facts` what Express and other packages are told; `rules` judge that.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "Node minds the case of names"
)]
#![expect(
    clippy::match_same_arms,
    clippy::too_many_lines,
    reason = "tables of what a name means, an arm each"
)]
#![expect(
    clippy::single_match_else,
    clippy::needless_pass_by_value,
    clippy::struct_excessive_bools,
    reason = "it reads better so"
)]

mod facts;
mod files;
mod ir;
mod parse;
mod rules;
mod run;
#[cfg(test)]
mod tests;

use std::thread;

pub(crate) use self::parse::comments;

use crate::options::Options;
use crate::project::Project;
use crate::report::Report;
use files::Files;

/// Expressions nest, and so does the interpreter; only what is used of it is ever touched.
const STACK: usize = 512 << 20;

/// Adds what is found.
pub(crate) fn check(project: &Project, options: &Options, report: &mut Report) {
    let work = || {
        let files = Files::load(project);
        let mut found = Report::new("");
        found.files = files.all.len();
        let program = run::run(&files);
        rules::apply(&program, &files, project, options, &mut found);
        found
    };
    let found = thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK);
        let thread = builder.spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    });
    match found {
        Some(found) => report.merge(found),
        None => {
            let reason = "the analysis of JavaScript failed; this is a fault of the audit's";
            for rule in [
                &crate::rules::headers::HELMET_MISSING,
                &crate::rules::auth::NO_RATE_LIMIT,
            ] {
                report.not_checked(rule, reason);
            }
        }
    }
}
