//! An upgrade that a gateway is at, beside serving, and when one that takes over may.

use std::future::{Future, pending};
use std::pin::Pin;

use tokio::sync::oneshot;

use super::Running;
use crate::app::Alone;
use crate::control::Asker;
use crate::handover::Heir;
use crate::upgrade::Succeeded;

/// An upgrade that is under way.
pub(super) struct Upgrading<'a> {
    pub(super) steps: Pin<Box<dyn Future<Output = Result<Succeeded, String>> + 'a>>,
    /// Who is told how it ends.
    pub(super) asker: Option<Asker>,
    pub(super) stop: oneshot::Sender<()>,
    /// Nobody starts the app anew meanwhile.
    pub(super) _alone: Alone,
}

impl Running<'_> {
    /// Whether clients need not wait for the app any longer: whoever takes over from another has all instances first
    /// or, where some do not come up, as many as that one has; should that one have ended, there is nobody else, and
    /// they are told what does not come up.
    pub(super) fn is_app_there(&self) -> bool {
        let heir = self.around.heir.as_ref();
        let is_alone = heir.is_some_and(Heir::is_alone);
        self.shared.apps.iter().all(|app| match heir {
            None => app.is_settled(),
            Some(_) if is_alone => app.is_settled() || app.has(0),
            Some(heir) => {
                let least = usize::from(app.is_main());
                app.has(heir.had(app.name()).clamp(least, app.instances().len()))
            }
        })
    }

    /// Whether an upgrade may begin, and nobody start the app anew meanwhile; or why not.
    pub(super) fn may_upgrade(&self, serves: bool, is_under_way: bool) -> Result<Alone, String> {
        let is_heir = self.around.heir.is_some();
        let apps = self.shared.apps.iter();
        let awaited: Vec<_> = { apps.filter(|app| !app.is_tried()) }
            .map(|app| app.label())
            .collect();
        if !serves && (is_heir || !awaited.is_empty()) {
            return Err(only_just_started(&awaited));
        }
        if is_under_way {
            return Err("an upgrade is under way already: its log says how it ends".to_owned());
        }
        if let Some(lost) = self.shared.home.lost() {
            // The new program would make keys and a secret of its own.
            return Err(lost.to_string());
        }
        self.shared.restarts.keep_out().ok_or_else(|| {
            "the app is being restarted, or the one before still finishes what it has: ask again once that is over"
                .to_owned()
        })
    }

    /// Which apps are not waited for.
    pub(super) fn tell_of_what_is_down(&self) {
        let apps = self.shared.apps.iter();
        let down: Vec<_> = { apps.filter(|app| app.was_down() && !app.is_up()) }
            .map(|app| app.label())
            .collect();
        if !down.is_empty() {
            tracing::warn!(
                apps = down.join(", "),
                "the upgrade goes on without what was down before it as well; it is started all the same"
            );
        }
    }
}

/// Why there is no upgrade while apps are `awaited`, which are called by what they have of the site.
fn only_just_started(awaited: &[&str]) -> String {
    let why = "the gateway has only just been started";
    if awaited.is_empty() {
        return format!("{why}: ask once it serves");
    }
    let (apps, it) = match awaited {
        [_] => ("app", "it accepts"),
        _ => ("apps", "they accept"),
    };
    format!(
        "{why} and waits for the {apps} of {}: ask once {it} connections, or `start_timeout` is over; the log says what \
         an app says that does not come up",
        awaited.join(", ")
    )
}

/// Tells whoever asked for an upgrade, and the log, what came of it.
pub(super) fn told(done: Result<Succeeded, String>, asker: Option<Asker>) -> Option<Succeeded> {
    if let Some(asker) = asker {
        // Who asked may have gone.
        let process = done.as_ref().map(|done| done.successor.process());
        let _ = asker.send(process.map_err(Clone::clone));
    }
    if let Err(why) = &done {
        tracing::error!(why, "the upgrade has failed; this gateway goes on");
    }
    done.ok()
}

/// Tells that no upgrade is begun.
pub(super) fn refuse(why: &str, asker: Option<Asker>) {
    tracing::warn!("{why}");
    // Who asked may have gone.
    let _ = asker.map(|asker| asker.send(Err(why.to_owned())));
}

/// What comes of an upgrade, if one is under way.
pub(super) async fn finished(upgrading: Option<&mut Upgrading<'_>>) -> Result<Succeeded, String> {
    match upgrading {
        Some(upgrading) => upgrading.steps.as_mut().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_named() {
        let told = only_just_started(&["/api"]);
        assert!(
            told.contains("the app of /api: ask once it accepts"),
            "{told}"
        );
        let told = only_just_started(&["/", "/api"]);
        assert!(
            told.contains("the apps of /, /api: ask once they accept"),
            "{told}"
        );
        let told = only_just_started(&[]);
        assert!(told.ends_with("started: ask once it serves"), "{told}");
    }
}
