//! An upgrade, as the gateway that runs goes through it.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::app::Standing;
use crate::handover::{AppLeft, Entrance, Estate, Successor, Taken, TicketKeys};
use crate::listen::Listeners;
use crate::settings::{App, Settings};
use crate::upkeep::Upkeep;

/// Longest for the new program to be ready to serve, its app included where that has changed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Longest for it to serve once it may: decisions wait meanwhile, and whoever opens a store does so
/// soon, or not at all.
const GAP: Duration = Duration::from_secs(8);

/// Apps that are named as not up: a message has room for so many, and the new one waits for the others.
const NAMED: usize = 256;

/// Who serves from now on.
#[derive(Debug)]
pub(crate) struct Succeeded {
    /// To be kept to the end: it sees by that whether this gateway could end its app.
    pub(crate) successor: Box<Successor>,
    /// The instances of the app, if the new one looks after them.
    pub(crate) apps: Vec<(AppLeft, OwnedFd)>,
    /// Where the new one does not listen.
    pub(crate) unused: Vec<Entrance>,
}

/// Has the program that is installed now take over, unless `stop` comes before.
///
/// To be polled to its end: until then not everything is as it was.
///
/// # Errors
///
/// Why it has not come to that; everything is as it was then.
pub(crate) async fn hand_over(
    upkeep: &Upkeep,
    settings: &Settings,
    listeners: Rc<Listeners>,
    mut stop: oneshot::Receiver<()>,
) -> Result<Succeeded, String> {
    let Some(program) = &upkeep.around.program else {
        return Err("this gateway is part of another program".to_owned());
    };
    let Some((entrance, control)) = upkeep.control() else {
        return Err(
            "another gateway runs on this state directory, or has not ended yet: wait until the log says that it \
             has, which this one sees within a second or two, and try again"
                .to_owned(),
        );
    };
    if let Some(acme) = &upkeep.shared.live.load().acme
        && let Err(error) = acme.write_down()
    {
        return Err(format!(
            "what came of an order of a certificate is in memory alone, and would be ordered anew: the state directory \
             does not take it: {error}. Make room there, or give the directory back to its owner, and try again"
        ));
    }
    let [http, https, admin]: [Option<SocketAddr>; 3] = settings.listeners();
    let estate = Estate {
        sockets: vec![
            (Entrance::Https, https, sockets(&listeners.https)),
            (Entrance::Http, http, sockets(&listeners.http)),
            (Entrance::Admin, admin, sockets(&listeners.admin)),
            (entrance, None, vec![control.listener()]),
        ],
        apps: running(upkeep, settings),
        short: { upkeep.shared.apps.iter() }
            .filter_map(|app| app.short())
            .take(NAMED)
            .collect(),
        placeholder: upkeep.around.placeholder().map(str::to_owned),
        tickets: TicketKeys::of(&upkeep.around.lasting.tickets.hand_over()),
    };
    let path = program.path().display();
    tracing::info!(program = %path, "another program is to take over");
    let mut successor =
        Successor::start(program).map_err(|error| format!("{path} cannot be started: {error}"))?;
    let before = upkeep.around.heir.as_ref();
    // Beforehand: from the introduction on, the new one needs nobody.
    before.inspect(|heir| heir.passes_on(&successor));
    match proceed(&mut successor, upkeep, &estate, &mut stop).await {
        Ok(taken) => {
            upkeep.leave();
            Ok(Succeeded {
                successor: Box::new(successor),
                apps: if taken.app { estate.apps } else { Vec::new() },
                unused: taken.unused,
            })
        }
        Err(why) => {
            // What it holds, the store above all, is free after its end.
            let started = successor.end().await;
            upkeep.resume().await;
            before.inspect(|heir| heir.stays());
            tokio::task::spawn_local(started.end(settings.drain));
            Err(why)
        }
    }
}

async fn proceed(
    successor: &mut Successor,
    upkeep: &Upkeep,
    estate: &Estate<'_>,
    stop: &mut oneshot::Receiver<()>,
) -> Result<Taken, String> {
    let prepared = async {
        // Should it have ended meanwhile, it is asked why below.
        let _ = successor.introduce(estate).await;
        successor.prepared().await
    };
    within(PATIENCE, prepared, stop).await?;
    let counters = upkeep.pause().await?;
    within(GAP, successor.go(counters), stop).await
}

/// What comes of `what`, if it comes soon enough.
async fn within<T>(
    most: Duration,
    what: impl Future<Output = Result<T, String>>,
    stop: &mut oneshot::Receiver<()>,
) -> Result<T, String> {
    tokio::select! {
        // Whoever stops must not find afterwards that another serves.
        biased;
        _ = stop => Err("the gateway that runs has been told to stop".to_owned()),
        done = tokio::time::timeout(most, what) => {
            done.unwrap_or_else(|_| Err(format!("it is not ready after {most:?}")))
        }
    }
}

fn sockets(of: &[TcpListener]) -> Vec<BorrowedFd<'_>> {
    of.iter().map(|socket| socket.as_fd()).collect()
}

/// The instances of apps that are ours and accept connections; another start it is cheaper to leave to the
/// new one.
fn running(upkeep: &Upkeep, settings: &Settings) -> Vec<(AppLeft, OwnedFd)> {
    let user = settings.account.as_ref().map(ToString::to_string);
    let told = settings.tells_of_nonces(&upkeep.around);
    let of = |(standing, (name, app)): (&Arc<Standing>, (&str, &App))| {
        let App::Command { command, .. } = app else {
            return Vec::new();
        };
        let running = standing.instances().iter().filter_map(|instance| {
            let (process, port) = instance.process()?;
            instance.load().address()?;
            let of = (instance.number(), process, port);
            AppLeft::of((name, command), of, user.clone(), told).ok()
        });
        running.collect()
    };
    let apps = upkeep.shared.apps.iter().zip(settings.apps());
    apps.flat_map(of).collect()
}
