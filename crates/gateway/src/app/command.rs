//! An instance of an app that is ours to start, and to start again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::exposed;
use super::instance::Instance;
use super::port;
use super::process::Process;
use super::restart::{self, After, SHORT, Wish};
use super::standing::Standing;
use super::state::AppState;
use crate::handover::AppLeft;
use crate::privilege::Account;
use crate::proxy::AppAddress;
use crate::shared::Shared;
use crate::started::Started;

/// The pause before the first restart; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An app that has run this long has got over what ailed it.
const SETTLED: Duration = Duration::from_mins(1);

/// How often an app is given another port that has ended before it listened on its own.
const PORTS: u32 = 3;

/// How often it is tried whether the app accepts connections.
const PROBE: Duration = Duration::from_millis(25);

/// When it is looked whether an app that is not up yet listens elsewhere.
const SOON: Duration = Duration::from_secs(10);

/// How the app came to its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was stopped, as asked.
    Stopped,
    /// The program could not be started at all.
    NotStarted(String, io::Error),
    /// It ended before it had ever accepted a connection.
    Died(ExitStatus),
}

/// How the app is started.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(crate) command: Vec<String>,
    pub(crate) start_timeout: Duration,
    pub(crate) placeholder: Option<Arc<str>>,
    pub(crate) account: Option<Account>,
    /// How long it may take to end.
    pub(crate) grace: Duration,
    /// Where it is written down.
    pub(crate) started: Started,
}

impl Plan {
    fn not_started(&self, error: io::Error) -> Ended {
        let program = self.command.first().cloned();
        Ended::NotStarted(program.unwrap_or_default(), error)
    }
}

/// Ends an app that nobody looks after any more; at the latest when this is dropped.
pub(crate) async fn end((app, process): (AppLeft, OwnedFd), grace: Duration, started: &Started) {
    // Once it has ended, its number may be another's.
    if pidfd_send_signal(&process, Signal::CONT).is_err() {
        return;
    }
    if let Ok(process) = Process::adopt(&app, process, started) {
        process.ends_with_us().end(grace).await;
    }
}

/// The one that is looked after, and how it is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) app: &'a Standing,
    pub(super) instance: &'a Instance,
    pub(super) plan: &'a Plan,
}

impl Of<'_> {
    pub(super) fn start(self) -> io::Result<Process> {
        Process::start(self.plan, (self.app.name(), self.instance.number()))
    }
}

/// What is to become of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The gateway that has started it can still take it back.
    Borrowed,
    /// It runs, and is started again whenever it ends.
    Runs,
    /// It ends with this gateway.
    Ends,
    /// It goes on; another gateway looks after it.
    GoesOn,
    /// The gateway that has started it, and looks after it still, keeps it; what this one has started itself ends.
    GivenBack,
}

impl Fate {
    /// Of an app that a gateway before this one has started, or that this one starts.
    pub(crate) const fn of(is_borrowed: bool) -> Self {
        if is_borrowed {
            Self::Borrowed
        } else {
            Self::Runs
        }
    }

    /// What becomes of it when its gateway ends.
    pub(crate) const fn with_its_gateway(self) -> Self {
        match self {
            Self::Borrowed | Self::GivenBack => Self::GivenBack,
            Self::GoesOn => Self::GoesOn,
            Self::Runs | Self::Ends => Self::Ends,
        }
    }
}

/// Starts the app, or takes the one that runs, says when it accepts connections, and starts it again
/// whenever it ends, until `fate` says otherwise. One that ends before it `has_been_up` is not worth another try, unless
/// it has but a part of the site.
pub(super) async fn supervise(
    of: Of<'_>,
    mut adopted: Option<(AppLeft, OwnedFd)>,
    mut has_been_up: bool,
    mut fate: watch::Receiver<Fate>,
) -> Ended {
    let Of {
        shared,
        app,
        instance,
        plan,
    } = of;
    let mut pause = FIRST_PAUSE;
    let mut robbed = 0;
    let mut after = After::default();
    loop {
        let started = shared.clock.monotonic();
        let process = match (after.next.take(), adopted.take()) {
            (Some(process), _) => Ok(process),
            (None, Some((left, process))) => Process::adopt(&left, process, &plan.started),
            (None, None) => of.start(),
        };
        let mut process = match process {
            Ok(process) => process,
            Err(error) if has_been_up => {
                tracing::error!(
                    %error,
                    command = plan.command.first(),
                    app = instance.app(),
                    instance = instance.told(),
                    again_in_ms = pause.as_millis(),
                    "the app cannot be started"
                );
                after.tell(Err(format!("it cannot be started: {error}")));
                if !after.rest(instance, pause, &mut fate).await {
                    return Ended::Stopped;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            }
            Err(error) => return plan.not_started(error),
        };
        instance.set_process(process.id().map(|id| (id, process.port())));
        let status = match begin(of, &mut process, &mut fate, &mut after).await {
            Begun::Up => {
                has_been_up = true;
                restart::serve(of, &mut process, &mut fate, &mut after).await
            }
            Begun::Anew(wish) => {
                tracing::info!(
                    app = instance.app(),
                    instance = instance.told(),
                    "the app is started anew, in place of one that has not come up"
                );
                process.end(plan.grace.min(SHORT)).await;
                instance.set_process(None);
                after.wish(wish);
                continue;
            }
            Begun::Ended(status) => Ok(status),
            Begun::Decided(fate) => Err(fate),
        };
        let status = match status {
            Ok(status) => status,
            Err(fate) => return leave(of, &mut process, fate).await,
        };
        // `npm start` may have died without what it started.
        process.signal(Signal::TERM);
        instance.set_process(None);
        instance.set(AppState::Starting);
        let in_order = matches!(&status, Ok(Some(status)) if status.success());
        let is_robbed = robbed < PORTS && port::is_taken(process.port());
        let status = match status {
            Ok(Some(status)) if !has_been_up && is_robbed => {
                robbed += 1;
                format!("{status}; somebody else has its port, it is given another one")
            }
            Ok(Some(status)) if !has_been_up && app.is_main() => return Ended::Died(status),
            status => {
                // The others serve meanwhile.
                has_been_up = true;
                told(&status)
            }
        };
        let said = status.split(';').next().unwrap_or_default();
        app.note_fall(said, shared.clock.wall());
        if shared.clock.monotonic().saturating_sub(started) > SETTLED {
            pause = FIRST_PAUSE;
        }
        tell_end(instance, &status, pause);
        if after.next.is_none() {
            after.tell(Err(format!("it has ended before it was up ({said})")));
        }
        if !after.rest(instance, pause, &mut fate).await {
            return Ended::Stopped;
        }
        // What ends with it has had the pause to do so.
        if in_order && port::is_taken(process.port()) {
            tracing::error!(
                port = process.port(),
                "what the app has started still listens: an app that puts itself in the background cannot be \
                 looked after, and each start leaves another one behind. Have it stay in the foreground"
            );
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn tell_end(instance: &Instance, status: &str, pause: Duration) {
    tracing::error!(
        status,
        app = instance.app(),
        instance = instance.told(),
        restart_in_ms = pause.as_millis(),
        "the app has ended"
    );
}

/// How it has ended, and who may have had it end.
fn told(status: &io::Result<Option<ExitStatus>>) -> String {
    match status {
        Ok(Some(status)) if status.signal() == Some(Signal::KILL.as_raw()) => format!(
            "{status}; if nobody here did that, the kernel may have, for want of memory: `journalctl -k` says so"
        ),
        Ok(Some(status)) => status.to_string(),
        Ok(None) => "not known: another gateway has started it".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// How a start goes.
enum Begun {
    /// The app accepts connections.
    Up,
    /// It has ended before that.
    Ended(io::Result<Option<ExitStatus>>),
    /// It has not come up yet, and somebody asks for another start.
    Anew(Wish),
    /// It is not to run, or not here.
    Decided(Fate),
}

/// Waits until the app accepts connections, for as long as nobody wants something else.
async fn begin(
    of: Of<'_>,
    process: &mut Process,
    fate: &mut watch::Receiver<Fate>,
    after: &mut After,
) -> Begun {
    let Of { instance, plan, .. } = of;
    let mut up = std::pin::pin!(come_up(of, process));
    loop {
        let is_wished = after.is_wished();
        tokio::select! {
            up = up.as_mut() => return up.map_or(Begun::Up, Begun::Ended),
            wish = instance.restarts.wanted(), if !is_wished => return Begun::Anew(wish),
            () = tokio::time::sleep(plan.start_timeout), if is_wished => after.tell(Err(format!(
                "the app is not up after {:?}, and goes on starting: mend it, and ask again",
                plan.start_timeout
            ))),
            fate = decided(fate) => return Begun::Decided(fate),
        }
    }
}

/// What becomes of an app that is not to run, or not here.
async fn leave(of: Of<'_>, process: &mut Process, fate: Fate) -> Ended {
    match fate {
        Fate::GoesOn if of.instance.is_taken() => process.let_go(),
        Fate::GivenBack if process.is_adopted() => process.let_go(),
        _ => process.end(of.plan.grace).await,
    }
    Ended::Stopped
}

/// Resolves once the app is not to run, or not here.
pub(super) async fn decided(fate: &mut watch::Receiver<Fate>) -> Fate {
    let settled = |fate: &Fate| matches!(fate, Fate::Ends | Fate::GoesOn | Fate::GivenBack);
    if let Ok(fate) = fate.wait_for(settled).await {
        return *fate;
    }
    // Nobody is there to decide any more.
    fate.borrow().with_its_gateway()
}

/// Waits until the app accepts connections, and says so; gives how it has ended if it ends before that.
async fn come_up(of: Of<'_>, process: &mut Process) -> Option<io::Result<Option<ExitStatus>>> {
    let Of {
        shared,
        app,
        instance,
        ..
    } = of;
    let start_timeout = of.plan.start_timeout;
    let (id, port) = (process.id(), process.port());
    let up = async {
        let soon = start_timeout.min(SOON);
        let mut told = false;
        for wait in [soon, start_timeout.saturating_sub(soon)] {
            let found = tokio::time::timeout(wait, accepting(port)).await;
            if let Ok(address) = found {
                return address;
            }
            instance.fails();
            told = told || exposed::warn_of_another_port(id, port);
        }
        if !told {
            tracing::warn!(
                port,
                app = instance.app(),
                instance = instance.told(),
                waited_s = start_timeout.as_secs(),
                "the app does not accept connections on PORT; does it listen on process.env.PORT? If it \
                 takes longer to start, say so with app.start_timeout"
            );
        }
        accepting(port).await
    };
    let address = tokio::select! {
        address = up => address,
        status = process.wait() => return Some(status),
    };
    instance.found(
        AppAddress::Tcp(address),
        shared.live.load().manner(app.number()).health.is_none(),
    );
    tracing::info!(%address, app = instance.app(), instance = instance.told(), "the app accepts connections");
    // The others do as the first does.
    if instance.number() == 0 {
        exposed::warn(port);
    }
    None
}

/// The loopback address on which somebody accepts connections on `port`, sooner or later.
pub(super) async fn accepting(port: u16) -> SocketAddr {
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
