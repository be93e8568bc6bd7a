//! An upgrade that a gateway is at, beside serving.

use std::future::{Future, pending};
use std::pin::Pin;

use tokio::sync::oneshot;

use crate::app::Alone;
use crate::control::Asker;
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
