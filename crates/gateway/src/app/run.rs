//! The apps of the configuration: commands that are watched over, or servers that are followed, in each instance.

use std::collections::HashMap;
use std::future::pending;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use super::command::{Ended, Fate, Of, Plan, decided, supervise};
use super::rolling::Starter;
use super::standing::Standing;
use super::state::AppState;
use super::upstream::follow;
use super::{health, rolling};
use crate::handover::AppLeft;
use crate::settings::{App, Settings};
use crate::shared::Shared;
use crate::started::Started;
use crate::surroundings::Surroundings;

/// The instances that the gateway before this one has started, if they are to be started the same way.
pub(crate) fn left(settings: &Settings, around: &Surroundings) -> Vec<(AppLeft, OwnedFd)> {
    let Some(heir) = &around.heir else {
        return Vec::new();
    };
    let user = settings.account.as_ref().map(ToString::to_string);
    let told = settings.tells_of_nonces(around);
    let of = |(name, app): (&str, &App)| match app {
        App::Command {
            command, instances, ..
        } => heir.apps((name, command), user.as_deref(), told, *instances),
        App::Upstream { .. } | App::Own(_) => Vec::new(),
    };
    settings.apps().flat_map(of).collect()
}

/// Runs all apps, or follows them; resolves when a command of ours has ended for good.
pub(crate) async fn run(
    shared: Arc<Shared>,
    settings: Settings,
    left: Vec<(AppLeft, OwnedFd)>,
    started: Started,
    mut fate: watch::Receiver<Fate>,
) -> Ended {
    let mut left: HashMap<String, Vec<_>> =
        { left.into_iter() }.fold(HashMap::new(), |mut all, (app, process)| {
            all.entry(app.app.clone()).or_default().push((app, process));
            all
        });
    // Where one cannot be started, the others come to their end in order.
    let (end, common) = watch::channel(*fate.borrow_and_update());
    let apps: FuturesUnordered<_> = { shared.apps.iter().zip(settings.apps()) }
        .map(|(standing, (name, app))| {
            let left = left.remove(name).unwrap_or_default();
            let of = (&settings, &started, app);
            run_one((&shared, standing), of, left, common.clone())
        })
        .collect();
    drop(common);
    let starters: Vec<Starter> = { settings.apps() }
        .map(|(_, app)| match app {
            App::Command { .. } => Starter::Gateway,
            App::Upstream { .. } => Starter::Elsewhere,
            App::Own(_) => Starter::Program,
        })
        .collect();
    let decides = async {
        while fate.changed().await.is_ok() {
            end.send_replace(*fate.borrow_and_update());
        }
        end.send_replace(fate.borrow().with_its_gateway());
        pending::<()>().await;
    };
    tokio::select! {
        ended = all(apps, || end.send_modify(|fate| *fate = fate.with_its_gateway())) => ended,
        () = decides => Ended::Stopped,
        () = health::watch(&shared) => Ended::Stopped,
        () = rolling::restart_as_asked(&shared, &starters) => Ended::Stopped,
    }
}

/// Waits until all apps have ended; once one has that is not to, the others are told by `end`.
async fn all(mut apps: FuturesUnordered<impl Future<Output = Ended>>, end: impl Fn()) -> Ended {
    let mut came_to = Ended::Stopped;
    while let Some(ended) = apps.next().await {
        if matches!(came_to, Ended::Stopped) && !matches!(ended, Ended::Stopped) {
            came_to = ended;
            end();
        }
    }
    came_to
}

/// Runs one app, or follows it.
async fn run_one(
    (shared, standing): (&Arc<Shared>, &Arc<Standing>),
    (settings, started, app): (&Settings, &Started, &App),
    left: Vec<(AppLeft, OwnedFd)>,
    mut fate: watch::Receiver<Fate>,
) -> Ended {
    match app {
        App::Own(_) => {
            for instance in standing.instances() {
                instance.set(AppState::Own);
                instance.accepts();
            }
            decided(&mut fate).await;
            Ended::Stopped
        }
        App::Command {
            command,
            start_timeout,
            ..
        } => {
            let plan = Plan {
                command: command.clone(),
                start_timeout: *start_timeout,
                placeholder: settings.live.placeholder.clone(),
                account: settings.account.clone(),
                grace: settings.drain,
                started: started.clone(),
            };
            supervise_all((shared, standing), &plan, left, fate).await
        }
        App::Upstream { upstreams, .. } => {
            let listeners = settings.listeners();
            // One name may have several.
            let of_each = standing.instances().len() / upstreams.len().max(1);
            let each = standing.instances().chunks(of_each.max(1));
            let follows = { each.zip(upstreams) }.map(|(instances, (upstream, tls))| {
                follow(instances, upstream, tls.clone(), listeners)
            });
            tokio::select! {
                _ = decided(&mut fate) => {}
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
    (shared, app): (&Arc<Shared>, &Standing),
    plan: &Plan,
    left: Vec<(AppLeft, OwnedFd)>,
    fate: watch::Receiver<Fate>,
) -> Ended {
    let is_left = !left.is_empty();
    let mut left: HashMap<usize, _> = { left.into_iter() }
        .map(|left| (left.0.instance, left))
        .collect();
    let mut each = app.instances().iter().map(|instance| {
        let number = instance.number();
        let adopted = left.remove(&number);
        let is_tried = is_left || number > 0 || app.is_worth_a_try();
        let of = Of {
            shared,
            app,
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
            _ = decided(&mut until), if !is_left => false,
            () = app.has_been_seen(), if !is_left => true,
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
