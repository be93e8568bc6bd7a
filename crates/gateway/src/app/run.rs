//! The app of the configuration: a command that is watched over, or a server that is followed.

use std::future::pending;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::watch;

use super::command::{Ended, Fate, Plan, decided, supervise};
use super::health;
use super::standing::AppState;
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
    if settings.app.own().is_some() {
        shared.app.set(AppState::Own);
        shared.app.accepts();
        tokio::select! {
            _ = decided(&mut fate) => {}
            () = refuse_restarts(&shared, OWN) => {}
        }
        return Ended::Stopped;
    }
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
            // Whoever has one of those has returned.
            App::Own(_) => Ended::Stopped,
            App::Upstream(upstream, tls) => {
                // A name is followed for as long as the gateway runs, an address until it is known.
                let follow = follow(shared, upstream, tls, listeners);
                tokio::select! {
                    _ = decided(&mut fate) => {}
                    () = refuse_restarts(&watched, ELSEWHERE) => {}
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

/// Why an app is not started anew that somebody else starts.
const ELSEWHERE: &str = "the gateway has not started the app (`app.upstream`), and cannot start it anew: restart it \
                         where it was started; requests wait for it meanwhile (`app.patience`)";

/// Why one is not that is a part of this program.
const OWN: &str = "the app is a service of the very program that serves, and does not restart without it: `panoply \
                   upgrade` has the program that is installed take over, without a request lost";

/// An app that is not the gateway's to start is not its to start anew.
async fn refuse_restarts(shared: &Shared, why: &str) {
    loop {
        let asked = shared.restarts.wanted().await;
        drop(asked.answer(Err(why.to_owned())));
    }
}
