//! The app of the configuration: a command that is watched over, or a server that is followed, in each instance.

use std::collections::HashMap;
use std::future::pending;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::command::{Ended, Fate, Of, Plan, decided, supervise};
use super::state::AppState;
use super::upstream::follow;
use super::{health, rolling};
use crate::handover::AppLeft;
use crate::settings::{App, Settings};
use crate::shared::Shared;
use crate::surroundings::Surroundings;

/// The instances that the gateway before this one has started, if they are to be started the same way.
pub(crate) fn left(settings: &Settings, around: &Surroundings) -> Vec<(AppLeft, OwnedFd)> {
    let (App::Command { command, .. }, Some(heir)) = (&settings.app, &around.heir) else {
        return Vec::new();
    };
    let user = settings.account.as_ref().map(ToString::to_string);
    let told = settings.tells_of_nonces(around);
    heir.apps(command, user.as_deref(), told, settings.app.instances())
}

/// Runs the app, or follows it; resolves when a command of ours has ended for good.
pub(crate) async fn run(
    shared: Arc<Shared>,
    settings: Settings,
    left: Vec<(AppLeft, OwnedFd)>,
    mut fate: watch::Receiver<Fate>,
) -> Ended {
    let listeners = settings.listeners();
    match settings.app {
        App::Own(_) => {
            for instance in shared.app.instances() {
                instance.set(AppState::Own);
                instance.accepts();
            }
            tokio::select! {
                _ = decided(&mut fate) => {}
                () = refuse_restarts(&shared, OWN) => {}
            }
            Ended::Stopped
        }
        App::Command {
            command,
            start_timeout,
            ..
        } => {
            let plan = Plan {
                command,
                start_timeout,
                placeholder: settings.live.placeholder,
                account: settings.account,
                grace: settings.drain,
            };
            tokio::select! {
                ended = supervise_all(&shared, &plan, left, fate) => ended,
                () = health::watch(&shared) => Ended::Stopped,
                () = rolling::restart_as_asked(&shared) => Ended::Stopped,
            }
        }
        App::Upstream { upstreams, .. } => {
            // One name may have several.
            let of_each = shared.app.instances().len() / upstreams.len().max(1);
            let each = shared.app.instances().chunks(of_each.max(1));
            let follows = { each.zip(&upstreams) }.map(|(instances, (upstream, tls))| {
                follow(instances, upstream, tls.clone(), listeners)
            });
            tokio::select! {
                _ = decided(&mut fate) => {}
                () = refuse_restarts(&shared, ELSEWHERE) => {}
                () = health::watch(&shared) => {}
                // A name is followed for as long as the gateway runs, an address until it is known.
                () = async {
                    join_all(follows).await;
                    pending::<()>().await;
                } => {}
            }
            Ended::Stopped
        }
    }
}

/// Looks after all instances, until the last has ended.
///
/// The others are started once the first accepts connections: what an app does at its start, such as a migration, is
/// done by one, and an app that cannot start says so once.
async fn supervise_all(
    shared: &Arc<Shared>,
    plan: &Plan,
    left: Vec<(AppLeft, OwnedFd)>,
    fate: watch::Receiver<Fate>,
) -> Ended {
    let has_been_up = !left.is_empty();
    let mut left: HashMap<usize, _> = { left.into_iter() }
        .map(|left| (left.0.instance, left))
        .collect();
    let mut each = shared.app.instances().iter().map(|instance| {
        let number = instance.number();
        let adopted = left.remove(&number);
        let is_tried = has_been_up || number > 0;
        let of = Of {
            shared,
            instance,
            plan,
        };
        supervise(of, adopted, is_tried, fate.clone())
    });
    let Some(first) = each.next() else {
        return Ended::Stopped;
    };
    let others: Vec<_> = each.collect();
    let mut until = fate.clone();
    let others = async {
        let begin = tokio::select! {
            _ = decided(&mut until), if !has_been_up => false,
            () = shared.app.has_been_seen(), if !has_been_up => true,
            else => true,
        };
        if begin {
            join_all(others).await;
        }
    };
    let mut others = std::pin::pin!(others);
    let mut first = std::pin::pin!(first);
    let ended = tokio::select! {
        ended = first.as_mut() => ended,
        () = others.as_mut() => return first.await,
    };
    if matches!(ended, Ended::Stopped) {
        others.await;
    }
    ended
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
