//! The control socket and the directory that it is in, for as long as the gateway serves.

use std::sync::Arc;

use super::{PAUSE, Upkeep};
use crate::control::{self, Lost, Socket};
use crate::started;

impl Upkeep {
    /// Has the control socket, once another gateway that ran on the state directory has ended, and keeps it; tells of
    /// a directory that is taken away.
    pub(crate) async fn have_control(&self) {
        let mut told = None;
        loop {
            tokio::time::sleep(PAUSE).await;
            let gone = self.look_at_home(&mut told).await;
            match self.socket() {
                None if self.has_store() => self.take_control().await,
                Some(socket) if !gone && !socket.is_there() => self.bind_again(&socket),
                _ => {}
            }
        }
    }

    async fn take_control(&self) {
        let Ok(Some(socket)) = control::bind_in(&self.around.state) else {
            return;
        };
        *self.control.borrow_mut() = Some(Arc::new(socket));
        let opened = self.opened.borrow().clone();
        if let Some(awaited) = opened.and_then(|(opened, _)| opened.awaited) {
            awaited.lead();
        }
        self.answer();
        tracing::info!(
            "the other gateway has ended: `panoply status` and `panoply blocks` speak to this one"
        );
        started::end_left(&self.around.state, self.drain).await;
    }

    /// Listens anew where somebody has removed the socket, or the directory with it.
    fn bind_again(&self, before: &Socket) {
        let Ok(Some(socket)) = control::bind_in(&self.around.state) else {
            return;
        };
        before.leave();
        *self.control.borrow_mut() = Some(Arc::new(socket));
        self.answer();
        tracing::warn!(
            state = %self.around.state.display(),
            "the control socket was removed while it was in use: there is another one now, and `panoply status` and \
             `panoply blocks` speak to this gateway as before"
        );
    }

    /// Whether the state directory is gone; each change is `told` of.
    async fn look_at_home(&self, told: &mut Option<Lost>) -> bool {
        let home = Arc::clone(&self.shared.home);
        // It may be at the other end of a network.
        let looked = tokio::task::spawn_blocking(move || home.lost()).await;
        let lost = looked.unwrap_or_default();
        self.shared.metrics.state_directory(lost.is_none());
        let gone = matches!(lost, Some(Lost::Gone(_)));
        if lost != *told {
            let state = self.around.state.display();
            if let Some(lost) = &lost {
                tracing::error!("{lost}");
            } else {
                tracing::info!(%state, "the state directory is back where it was");
            }
            *told = lost;
        }
        gone
    }
}
