//! What the operating system is asked to tell us.

use std::future::{pending, poll_fn};
use std::io;
use std::task::Poll;

use rustix::process::Signal as Kernel;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is said to whoever asks for what nginx does at SIGUSR1.
const NOT_REOPENED: &str = "SIGUSR1 changes nothing: the log goes to standard error, which is not opened again; if that is \
                            a file, write `copytruncate` in the configuration of logrotate";

/// What a signal asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    Stop,
    Reload,
    Upgrade,
}

impl Asked {
    /// The signal that asks for it.
    pub(crate) const fn signal(self) -> Kernel {
        match self {
            Self::Stop => Kernel::TERM,
            Self::Reload => Kernel::HUP,
            Self::Upgrade => Kernel::USR2,
        }
    }
}

/// What would end the process without a word, and nobody means for it: a timer that whoever has started it had set, what
/// is told of files and power, a mistake in `kill`.
const UNMEANT: &[(&str, Kernel)] = &[
    ("SIGALRM", Kernel::ALARM),
    ("SIGVTALRM", Kernel::VTALARM),
    ("SIGPROF", Kernel::PROF),
    #[cfg(target_os = "linux")]
    ("SIGIO", Kernel::IO),
    #[cfg(target_os = "linux")]
    ("SIGPWR", Kernel::POWER),
    #[cfg(target_os = "linux")]
    ("SIGSTKFLT", Kernel::STKFLT),
];

#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `Ctrl-\`, and how nginx and its image are stopped.
    quit: Signal,
    /// Which has nginx open its log again, and would end this process.
    user_1: Signal,
    /// None where it is nothing to this process.
    hangup: Option<Signal>,
    user_2: Signal,
    /// Of a file that may not grow, which would end the process: whoever writes is told, as of a disk that is full.
    _too_large: Signal,
    /// Of [`UNMEANT`] those that have not come yet.
    unmeant: Vec<(&'static str, Signal)>,
    /// What a terminal that is closed asks for.
    hung_up: Asked,
}

impl Signals {
    /// Those of a gateway that may end with its terminal.
    ///
    /// Who is started by `nohup`, which has SIGHUP ignored, is to outlive it. A reload by it is asked for on purpose,
    /// and ends nobody.
    pub(crate) fn new(ends_with_terminal: bool) -> io::Result<Self> {
        let outlives = ends_with_terminal && is_ignored(Asked::Reload.signal());
        let hangup = (!outlives).then(|| signal(SignalKind::hangup()));
        let unmeant = UNMEANT.iter().map(|(name, kernel)| {
            let kind = SignalKind::from_raw(kernel.as_raw());
            Ok((*name, signal(kind)?))
        });
        Ok(Self {
            unmeant: unmeant.collect::<io::Result<_>>()?,
            hung_up: if ends_with_terminal {
                Asked::Stop
            } else {
                Asked::Reload
            },
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            user_1: signal(SignalKind::user_defined1())?,
            hangup: hangup.transpose()?,
            _too_large: signal(SignalKind::from_raw(Kernel::XFSZ.as_raw()))?,
            // As nginx.
            user_2: signal(SignalKind::user_defined2())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Asked {
        loop {
            return tokio::select! {
                _ = self.terminate.recv() => Asked::Stop,
                _ = self.interrupt.recv() => Asked::Stop,
                _ = self.quit.recv() => Asked::Stop,
                () = received(self.hangup.as_mut()) => self.hung_up,
                _ = self.user_2.recv() => Asked::Upgrade,
                _ = self.user_1.recv() => {
                    tracing::warn!("{NOT_REOPENED}");
                    continue;
                }
                signal = first(&mut self.unmeant) => {
                    tracing::warn!(signal, "a signal that asks for nothing here: it changes nothing, however often it comes");
                    continue;
                }
            };
        }
    }

    /// Resolves once it is asked to stop; whatever else it is asked for waits.
    pub(crate) async fn stop(&mut self) {
        let stops = matches!(self.hung_up, Asked::Stop);
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
            () = received(self.hangup.as_mut().filter(|_| stops)) => {}
        }
    }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => pending().await,
    }
}

/// The first of them to come, which is ignored from then on: a timer would have a line written each time.
async fn first(all: &mut Vec<(&'static str, Signal)>) -> &'static str {
    poll_fn(|context| {
        let mut waiting = all.iter_mut();
        match waiting.position(|(_, signal)| signal.poll_recv(context).is_ready()) {
            Some(at) => Poll::Ready(all.swap_remove(at).0),
            None => Poll::Pending,
        }
    })
    .await
}

/// Whether whoever has started this process has it ignore `signal`; not known but on Linux.
fn is_ignored(signal: Kernel) -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    status.is_ok_and(|status| ignores(&status, signal))
}

/// By what `proc_pid_status(5)` says of a process.
fn ignores(status: &str, signal: Kernel) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(signal.as_raw() - 1).ok();
    let bit = bit.and_then(|bit| 1_u64.checked_shl(bit));
    ignored
        .zip(bit)
        .is_some_and(|(ignored, bit)| ignored & bit != 0)
}

#[cfg(test)]
mod tests {
    use rustix::process::{getpid, kill_process};

    use super::*;

    #[test]
    fn what_nginx_is_stopped_by_stops_and_what_opens_its_log_again_does_not() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let mut signals = Signals::new(true).unwrap();
            // Each of these would have ended this process.
            for (name, kernel) in UNMEANT {
                kill_process(getpid(), *kernel).unwrap();
                assert_eq!(first(&mut signals.unmeant).await, *name);
                kill_process(getpid(), *kernel).unwrap();
            }
            assert!(signals.unmeant.is_empty(), "told each time");
            kill_process(getpid(), Kernel::USR1).unwrap();
            kill_process(getpid(), Kernel::QUIT).unwrap();
            assert!(matches!(signals.next().await, Asked::Stop));
        });
    }

    #[test]
    fn what_is_ignored_is_read_off_the_status() {
        let status =
            "SigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(ignores(status, Kernel::HUP) && ignores(status, Kernel::PIPE));
        assert!(!ignores(status, Kernel::INT) && !ignores("", Kernel::HUP));
    }
}
