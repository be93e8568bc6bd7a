//! Express apps, in JavaScript or TypeScript.

mod facts;
mod files;
mod ir;
mod parse;
mod run;

use crate::options::Options;
use crate::project::Project;
use crate::report::Report;

/// Adds what is found.
pub(crate) fn check(_project: &Project, _options: &Options, _report: &mut Report) {}
