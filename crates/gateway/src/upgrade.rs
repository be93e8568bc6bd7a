//! An upgrade, as the gateway that runs goes through it.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::process::{PidfdFlags, pidfd_open};

use crate::handover::{AppLeft, Entrance, Estate, Successor};
use crate::settings::{App, Settings};
use crate::shared::AppState;
use crate::upkeep::Upkeep;

/// Longest for the new program to come to serve, its app included where that has changed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Longest for it to open the store, which nobody has meanwhile.
const OPENING: Duration = Duration::from_secs(8);

/// The sockets that clients come to.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) http: Vec<TcpListener>,
    pub(crate) https: Vec<TcpListener>,
    pub(crate) admin: Option<TcpListener>,
}

/// Who serves from now on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Succeeded {
    pub(crate) process: u32,
    /// The app's process, if the new one looks after it.
    pub(crate) app: Option<i32>,
}

/// Has the program that is installed now take over.
///
/// # Errors
///
/// Why it has not come to that; everything is as it was then.
pub(crate) async fn hand_over(
    upkeep: &Upkeep,
    settings: &Settings,
    listeners: &Listeners,
    workers: usize,
) -> Result<Succeeded, String> {
    let Some(program) = &upkeep.around.program else {
        return Err("this gateway is part of another program".to_owned());
    };
    let Some((entrance, control)) = upkeep.control() else {
        return Err("another gateway runs on this state directory".to_owned());
    };
    let [http, https, admin]: [Option<SocketAddr>; 3] = settings.listeners();
    let estate = Estate {
        sockets: vec![
            (Entrance::Https, https, sockets(&listeners.https)),
            (Entrance::Http, http, sockets(&listeners.http)),
            (Entrance::Admin, admin, sockets(listeners.admin.as_slice())),
            (entrance, None, vec![control.listener()]),
        ],
        app: app(upkeep, settings),
        placeholder: upkeep.around.placeholder().map(str::to_owned),
    };
    let path = program.path().display();
    tracing::info!(program = %path, "another program is to take over");
    let mut successor =
        Successor::start(program).map_err(|error| format!("{path} cannot be started: {error}"))?;
    let steps = proceed(&mut successor, upkeep, &estate, workers);
    let done = tokio::time::timeout(PATIENCE, steps).await;
    let done = done.unwrap_or_else(|_| Err(format!("it does not serve after {PATIENCE:?}")));
    match done {
        Ok(took_app) => {
            upkeep.leave_for_good();
            let app = estate.app.as_ref().map(|(app, _)| app.process);
            Ok(Succeeded {
                process: successor.process(),
                app: app.filter(|_| took_app),
            })
        }
        Err(why) => {
            // What it holds, the store above all, is free after its end.
            successor.end().await;
            upkeep.resume().await;
            Err(why)
        }
    }
}

async fn proceed(
    successor: &mut Successor,
    upkeep: &Upkeep,
    estate: &Estate<'_>,
    workers: usize,
) -> Result<bool, String> {
    // Should it have ended meanwhile, it is asked why below.
    let _ = successor.introduce(estate).await;
    successor.prepared().await?;
    upkeep.pause(workers).await?;
    // Decisions wait meanwhile: whoever opens a store does so soon, or not at all.
    let opened = tokio::time::timeout(OPENING, successor.go()).await;
    opened.unwrap_or_else(|_| Err(format!("it does not open the store within {OPENING:?}")))?;
    upkeep.leave();
    successor.ready().await
}

fn sockets(of: &[TcpListener]) -> Vec<BorrowedFd<'_>> {
    of.iter().map(|socket| socket.as_fd()).collect()
}

/// The app, where it is ours and accepts connections; another start it is cheaper to leave to the
/// new one.
fn app(upkeep: &Upkeep, settings: &Settings) -> Option<(AppLeft, OwnedFd)> {
    let App::Command { command, .. } = &settings.app else {
        return None;
    };
    let (process, port) = upkeep.shared.process()?;
    if !matches!(**upkeep.shared.app.load(), AppState::Up(_)) {
        return None;
    }
    let descriptor = pidfd_open(process, PidfdFlags::empty()).ok()?;
    let left = AppLeft {
        process: process.as_raw_nonzero().get(),
        port,
        command: command.clone(),
        user: settings.account.as_ref().map(ToString::to_string),
    };
    Some((left, descriptor))
}
