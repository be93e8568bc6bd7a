//! What a running site answers.

mod checks;
mod client;
mod domain;
mod grade;
mod jar;
mod options;
mod page;
mod scene;
mod target;
mod visit;

pub use options::{LiveOptions, LoginProbe, Progress};

use grade::Preload;
use scene::Scene;
use target::Target;

use crate::error::Error;
use crate::report::Report;

/// Audits a site as it answers, from outside.
///
/// It asks as a visitor does, some twenty times, and changes nothing; only with
/// [`LiveOptions::login`] are wrong logins tried.
///
/// # Errors
///
/// When the address is none, nothing answers there, a file of the options cannot be read, or logins are to
/// be tried at a host that is not one's own. Whatever else goes wrong is in the report as `not checked`.
pub async fn live(url: &str, options: &LiveOptions) -> Result<Report, Error> {
    let target = Target::read(url, options)?;
    let preload = Preload::read(options.preloaded.as_deref())?;
    let client = client::Client::new(options)?;
    let mut report = Report::new(url);
    let scene = Scene::set(&client, target, &preload, options).await?;
    report.grade = scene.grade();
    checks::run(&scene, &mut report);
    report.sort();
    Ok(report)
}
