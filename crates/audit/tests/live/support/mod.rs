//! The servers that the tests start, and what they read in a report.

pub(crate) mod generate;
mod lists;
pub(crate) mod node;
#[path = "../../../../cli/tests/support/npm.rs"]
mod npm;
pub(crate) mod pki;
pub(crate) mod report;
pub(crate) mod site;
