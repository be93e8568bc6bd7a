//! What the operating system is asked to tell us.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    Stop,
    Reload,
    Upgrade,
}

impl Asked {
    /// The signal that asks for it.
    pub(crate) const fn signal(self) -> rustix::process::Signal {
        match self {
            Self::Stop => rustix::process::Signal::TERM,
            Self::Reload => rustix::process::Signal::HUP,
            Self::Upgrade => rustix::process::Signal::USR2,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user_2: Signal,
    /// What a terminal that is closed asks for.
    hung_up: Asked,
}

impl Signals {
    /// Those of a gateway that may end with its terminal.
    pub(crate) fn new(ends_with_terminal: bool) -> io::Result<Self> {
        Ok(Self {
            hung_up: if ends_with_terminal {
                Asked::Stop
            } else {
                Asked::Reload
            },
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            // As nginx.
            user_2: signal(SignalKind::user_defined2())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => self.hung_up,
            _ = self.user_2.recv() => Asked::Upgrade,
        }
    }
}
