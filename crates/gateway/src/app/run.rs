//! The app of the configuration: a command that is watched over, or a server that is followed.

use std::future::pending;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::watch;

use super::command::{Ended, Fate, Plan, decided, supervise};
use super::health;
use super::upstream::follow;
use crate::handover::AppLeft;
use crate::settings::{App, Settings};
use crate::shared::Shared;
use crate::surroundings::Surroundings;

/// The app that the gateway before this one has started, if it is to be started the same way.
pub(crate) fn left(settings: &Settings, around: &Surroundings) -> Option<(AppLeft, OwnedFd)> {
    let App::Command { command, .. } = &settings.app else {
        return None;
    };
    let user = settings.account.as_ref().map(ToString::to_string);
    let told = settings.tells_of_nonces(around);
    around.heir.as_ref()?.app(command, user.as_deref(), told)
}

/// Runs the app, or follows it; resolves when a command of ours has ended for good.
pub(crate) async fn run(
    shared: Arc<Shared>,
    settings: Settings,
    left: Option<(AppLeft, OwnedFd)>,
    mut fate: watch::Receiver<Fate>,
) -> Ended {
    let watched = Arc::clone(&shared);
    let listeners = settings.listeners();
    let runs = async {
        match settings.app {
            App::Command {
                command,
                start_timeout,
            } => {
                let plan = Plan {
                    command,
                    start_timeout,
                    placeholder: settings.live.placeholder,
                    account: settings.account,
                    grace: settings.drain,
                };
                supervise(shared, plan, left, fate).await
            }
            App::Upstream(upstream, tls) => {
                // A name is followed for as long as the gateway runs, an address until it is known.
                let follow = follow(shared, upstream, tls, listeners);
                tokio::select! {
                    _ = decided(&mut fate) => {}
                    () = refuse_restarts(&watched) => {}
                    () = async {
                        follow.await;
                        pending::<()>().await;
                    } => {}
                }
                Ended::Stopped
            }
        }
    };
    tokio::select! {
        ended = runs => ended,
        () = health::watch(&watched) => Ended::Stopped,
    }
}

/// An app that somebody else starts is not the gateway's to start anew.
async fn refuse_restarts(shared: &Shared) {
    loop {
        let asked = shared.restarts.wanted().await;
        drop(asked.answer(Err(
            "the gateway has not started the app (`app.upstream`), and cannot start it anew: restart it where it was \
             started; requests wait for it meanwhile (`app.patience`)"
                .to_owned(),
        )));
    }
}
