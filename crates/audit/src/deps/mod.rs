//! Lock files, advisories, and the runtime.

mod advisory;
mod doc;
mod elsewhere;
mod express;
mod graph;
mod inventory;
pub(crate) mod lock;
mod lockfile;
pub(crate) mod manager;
pub(crate) mod manifest;
mod registry;
mod runtime;
mod told;
mod vulnerable;

use panoply_core::{Clock, SystemClock};

use self::inventory::Inventory;
use self::registry::npmrc::Surroundings;
use crate::options::Options;
use crate::project::Project;
use crate::report::Report;

/// Adds what is found.
pub(crate) fn check(project: &Project, options: &Options, report: &mut Report) {
    let around = Surroundings::of_process();
    check_with(project, options, &SystemClock::new(), &around, report);
}

fn check_with(
    project: &Project,
    options: &Options,
    clock: &dyn Clock,
    around: &Surroundings<'_>,
    report: &mut Report,
) {
    let inventory = Inventory::read(project);
    lockfile::check(project, &inventory, report);
    express::check(project, &inventory, clock, report);
    vulnerable::check(project, &inventory, options, around, report);
    elsewhere::check(project, report);
    runtime::check(project, &inventory, clock, report);
}

/// Whether a day has ended, by a clock.
fn is_past(day: jiff::civil::Date, clock: &dyn Clock) -> bool {
    today(clock).is_some_and(|today| today > day)
}

fn today(clock: &dyn Clock) -> Option<jiff::civil::Date> {
    let now = jiff::Timestamp::try_from(clock.wall()).ok()?;
    Some(now.to_zoned(jiff::tz::TimeZone::UTC).date())
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

#[cfg(test)]
mod tests;
