//! What a running site answers.

mod checks;
mod client;
mod domain;
mod grade;
pub(crate) mod handshake;
pub(crate) mod jar;
mod login;
mod options;
pub(crate) mod page;
mod scene;
mod target;
pub(crate) mod values;
mod visit;

pub use options::{LiveOptions, LoginProbe, Progress};

use client::Client;
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
    login::allowed(&target, options)?;
    let preload = Preload::read(options.preloaded.as_deref())?;
    let client = Client::new(options)?;
    let mut report = Report::new(url);
    let set = Scene::set(&client, target.clone(), &preload, options).await;
    let listens = set.as_ref().map_or(true, |scene| !scene.is_https_closed());
    let scan = if listens {
        options
            .progress
            .say("asking for old protocols and weak ciphers");
        Some(handshake::scan(&client.dialer, &target.https).await)
    } else {
        None
    };
    let scene = match (set, &scan) {
        (Ok(scene), _) => scene,
        (Err(error), Some(scan)) if scan.speaks() => {
            checks::old_alone(&target, scan, &error, &mut report);
            report.sort();
            return Ok(report);
        }
        (Err(error), _) => return Err(error),
    };
    report.grade = scene.grade();
    checks::run(&scene, scan.as_ref(), &mut report);
    if let Some(visit) = scene.visit() {
        let (start, page) = (&visit.page().url, scene.page.as_ref());
        login::probe(&client, start, page, options, &mut report).await;
    }
    report.sort();
    Ok(report)
}
