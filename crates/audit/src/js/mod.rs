//! Express apps, in JavaScript or TypeScript.

use crate::options::Options;
use crate::project::Project;
use crate::report::Report;

/// Adds what is found.
pub(crate) fn check(_project: &Project, _options: &Options, _report: &mut Report) {}
