//! The gateway as a whole: bound, run, reloaded, drained.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;

use crate::access::AccessLog;
use crate::config::{ConfigError, Loaded};
use crate::error::{Error, system};
use crate::handover::Entrance;
use crate::settings::Settings;
use crate::surroundings::Surroundings;
use crate::{listen, log};

/// Longest for the last lines of the access log to be written, in steps of 5 ms.
const LAST_LINES: u32 = 400;

/// How a gateway came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was told to stop, and what was in flight has been finished or given up.
    Stopped,
    /// Another gateway has taken over, and what was in flight has been finished or given up.
    HandedOver,
    /// The app ended before it had ever accepted a connection, with this status.
    AppDied(Option<i32>),
}

/// A gateway that holds its ports and serves nobody yet.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) around: Surroundings,
    pub(crate) http: Vec<TcpListener>,
    pub(crate) https: Vec<TcpListener>,
    pub(crate) admin: Option<TcpListener>,
}

/// Where a gateway can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addresses {
    /// The plain listener.
    pub http: Option<SocketAddr>,
    /// The TLS listener.
    pub https: Option<SocketAddr>,
    /// The listener for metrics and health.
    pub admin: Option<SocketAddr>,
}

impl Gateway {
    /// Binds every port that `settings` name, or takes the sockets that the gateway before this one
    /// hands over, or those that systemd passed: the first for HTTPS when TLS is on, the next for
    /// plain HTTP.
    ///
    /// # Errors
    ///
    /// When a port cannot be had, or certificates would be lost with the state directory.
    pub fn bind(settings: Settings, around: Surroundings) -> Result<Self, Error> {
        if let Some(acme) = &settings.live.acme {
            acme.ensure_lasting()?;
        }
        let mut passed = listen::inherited()
            .map_err(system("a socket passed to it"))?
            .into_iter();
        let mut open = |entrance, address: Option<SocketAddr>, sockets| {
            let Some(address) = address else {
                return Ok(Vec::new());
            };
            let heir = around.heir.as_ref();
            if let Some(left) = heir.and_then(|heir| heir.sockets(entrance, Some(address))) {
                return listen::taken_over(left).map_err(system("a socket handed over to it"));
            }
            match passed.next().filter(|_| entrance != Entrance::Admin) {
                Some(socket) => Ok(vec![socket]),
                None => Ok(listen::bind(address, sockets).map_err(|error| {
                    let ours = heir.and_then(|heir| heir.left_on(error.port()));
                    error.ours(ours)
                })?),
            }
        };
        let workers = settings.workers;
        let https = open(Entrance::Https, settings.https, workers)?;
        let http = open(Entrance::Http, settings.http, workers)?;
        let admin = open(Entrance::Admin, settings.admin, 1)?.pop();
        Ok(Self {
            settings,
            around,
            http,
            https,
            admin,
        })
    }

    /// The addresses that were bound, with the ports that were found for port 0.
    pub fn addresses(&self) -> Addresses {
        let of = |listener: Option<&TcpListener>| listener?.local_addr().ok();
        Addresses {
            http: of(self.http.first()),
            https: of(self.https.first()),
            admin: of(self.admin.as_ref()),
        }
    }

    /// Serves until a signal says stop, or until the app turns out not to start.
    ///
    /// `ready` is called once clients will be answered by the app; `reload` is called on SIGHUP
    /// and gives the configuration as it is then.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started, or the app's program is not there.
    pub fn run(
        self,
        ready: impl FnOnce(),
        reload: impl Fn() -> Result<Loaded, ConfigError>,
    ) -> Result<Outcome, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("a runtime"))?;
        let json = log::is_json(self.settings.log.format);
        let clock = Arc::clone(&self.around.clock);
        // Its own, not the library's: that one is locked while it is written, and somebody may not read.
        let output = io::stderr().as_fd().try_clone_to_owned().map(File::from);
        let (access, writer) = { output }
            .and_then(|output| AccessLog::start(output, json, clock))
            .map_err(system("a thread"))?;
        let outcome = runtime.block_on(LocalSet::new().run_until(self.live(access, ready, reload)));
        drop(runtime);
        // All writing ends are gone with the runtime and the workers; the last lines go out, if anybody reads.
        for _ in 0..LAST_LINES {
            if writer.is_finished() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        outcome
    }
}
