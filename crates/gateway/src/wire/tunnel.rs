//! Connections that have become something other than HTTP.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::worker::Slot;

/// Passes bytes both ways until both sides have said all, holding the connection's `slot`.
pub(super) fn open(client: OnUpgrade, app: OnUpgrade, slot: Slot) {
    tokio::task::spawn_local(async move {
        let (client, app) = match tokio::try_join!(client, app) {
            Ok(both) => both,
            Err(error) => return tracing::debug!(%error, "an upgrade was not completed"),
        };
        let mut client = TokioIo::new(client);
        let mut app = TokioIo::new(app);
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut app).await {
            tracing::trace!(%error, "a tunnel broke off");
        }
        drop(slot);
    });
}
