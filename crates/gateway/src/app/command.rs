//! An app that is ours to start, and to start again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::shared::{AppState, Shared};

/// The pause before the first restart; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An app that has run this long has got over what ailed it.
const SETTLED: Duration = Duration::from_mins(1);

/// How often it is tried whether the app accepts connections.
const PROBE: Duration = Duration::from_millis(25);

/// How the app came to its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was stopped, as asked.
    Stopped,
    /// It could not be started at all.
    NotStarted(io::Error),
    /// It ended before it had ever accepted a connection.
    Died(ExitStatus),
}

/// Starts the app, says when it accepts connections, and starts it again whenever it ends, until
/// `stop` resolves; then passes the signal on and waits for it.
pub(crate) async fn supervise(
    shared: Arc<Shared>,
    command: Vec<String>,
    start_timeout: Duration,
    placeholder: Option<Arc<str>>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) -> Ended {
    let mut stop = std::pin::pin!(stop);
    let mut pause = FIRST_PAUSE;
    let mut has_been_up = false;
    loop {
        let started = shared.clock.monotonic();
        let (mut child, port) = match start(&command, placeholder.as_deref()) {
            Ok(started) => started,
            Err(error) if has_been_up => {
                tracing::error!(%error, command = command.first(), "the app cannot be started");
                tokio::select! {
                    () = tokio::time::sleep(LONGEST_PAUSE) => continue,
                    () = stop.as_mut() => return Ended::Stopped,
                }
            }
            Err(error) => return Ended::NotStarted(error),
        };
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let status = tokio::select! {
            status = watch(&shared, &mut child, port, start_timeout, &mut has_been_up) => status,
            () = stop.as_mut() => {
                end(&mut child, group, grace).await;
                return Ended::Stopped;
            }
        };
        // `npm start` may have died without what it started.
        signal(group, Signal::TERM);
        shared.app.store(Arc::new(AppState::Starting));
        shared.metrics.app(false);
        let status = match status {
            Ok(status) if !has_been_up => return Ended::Died(status),
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        if shared.clock.monotonic().saturating_sub(started) > SETTLED {
            pause = FIRST_PAUSE;
        }
        tracing::error!(
            status,
            restart_in_ms = pause.as_millis(),
            "the app has ended"
        );
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.as_mut() => return Ended::Stopped,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Starts the app on a free port of its own, in a process group of its own, so that a signal
/// reaches what `npm start` has started as well.
fn start(command: &[String], placeholder: Option<&str>) -> io::Result<(Child, u16)> {
    let port = free_port()?;
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PORT", port.to_string())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(placeholder) = placeholder {
        command.env("PANOPLY_NONCE", placeholder);
    }
    Ok((command.spawn()?, port))
}

fn free_port() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Waits until the app accepts connections, says so, and then until it ends.
async fn watch(
    shared: &Shared,
    child: &mut Child,
    port: u16,
    start_timeout: Duration,
    has_been_up: &mut bool,
) -> io::Result<ExitStatus> {
    let up = async {
        let found = tokio::time::timeout(start_timeout, accepting(port)).await;
        if let Ok(address) = found {
            return address;
        }
        tracing::warn!(
            port,
            waited_s = start_timeout.as_secs(),
            "the app does not accept connections on PORT; does it listen on process.env.PORT, or \
             on a port of its own? Then run it yourself and use --upstream"
        );
        accepting(port).await
    };
    let address = tokio::select! {
        address = up => address,
        status = child.wait() => return status,
    };
    *has_been_up = true;
    shared.app.store(Arc::new(AppState::Up(address)));
    shared.metrics.app(true);
    tracing::info!(%address, "the app accepts connections");
    child.wait().await
}

/// The loopback address on which somebody accepts connections on `port`, sooner or later.
async fn accepting(port: u16) -> SocketAddr {
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    loop {
        for ip in loopback {
            let address = SocketAddr::new(ip, port);
            if TcpStream::connect(address).await.is_ok() {
                return address;
            }
        }
        tokio::time::sleep(PROBE).await;
    }
}

/// Asks the app to end, and after `grace` makes it.
async fn end(child: &mut Child, group: Option<Pid>, grace: Duration) {
    signal(group, Signal::TERM);
    if tokio::time::timeout(grace, child.wait()).await.is_err() {
        tracing::warn!("the app does not end; it is killed");
        signal(group, Signal::KILL);
        let _ = child.wait().await;
    }
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // A group that is gone already needs no signal.
        let _ = kill_process_group(group, signal);
    }
}
