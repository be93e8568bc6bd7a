//! Log lines, and what systemd is told.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use panoply_tls::Refresh;
use sd_notify::NotifyState;
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat, LogLevel};

mod stderr;

use stderr::Stderr;
pub(crate) use stderr::{AT_ONCE, add_lost, lost};

/// Whether lines are JSON: where nobody reads them as they come.
pub(crate) fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    }
}

/// Which events are logged.
///
/// What rustls and h2 warn of is what strangers send: who lets them write would let anybody fill the
/// log. A handshake or a connection that has failed is told at `debug`, by the gateway itself.
const fn filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn,rustls=error,h2=error",
        LogLevel::Info => "info,rustls=error,h2=error",
        LogLevel::Debug => {
            "panoply=debug,panoply_gateway=debug,panoply_tls=debug,info,rustls=error,h2=error"
        }
        LogLevel::Trace => "trace",
    }
}

/// Sends events to standard error from now on, as `config` says; a second call changes nothing. Those that cannot be
/// written at once follow, and are lost where a MiB of them waits already.
pub fn start(config: &LogConfig) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter(config.level)))
        .with_writer(|| Stderr);
    // Whoever has set up a subscriber of his own keeps it.
    let _ = if is_json(config.format) {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_target(false)
            .try_init()
    } else {
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        builder.with_target(false).with_ansi(colour).try_init()
    };
}

/// Gives what waits to be written half a second to be so, before the program ends.
pub fn settle() {
    stderr::settle(Duration::from_millis(500));
}

pub(crate) fn refreshed(refresh: &Refresh) {
    if !matches!(refresh, Refresh::Unchanged) {
        tracing::info!("new certificates are in force");
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

pub(crate) fn notify_ready() {
    notify(&[NotifyState::Ready]);
}

pub(crate) fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// From now on another process is the service. systemd believes that of nobody but the one before.
pub(crate) fn notify_successor(process: u32) {
    notify(&[NotifyState::MainPid(process), NotifyState::Ready]);
}

/// From now on this process is the service again, where systemd believes that of others than the one that is
/// (`NotifyAccess=all`).
pub(crate) fn notify_again() {
    notify_successor(std::process::id());
}

pub(crate) fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn strangers_do_not_write_the_log() {
        for level in [LogLevel::Warn, LogLevel::Info, LogLevel::Debug] {
            let lines = Lines::default();
            let into = lines.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new(filter(level)))
                .with_writer(move || into.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::warn!(target: "rustls::msgs::handshake", "Illegal SNI hostname");
                tracing::error!(target: "rustls::x", "kept");
                tracing::warn!(target: "panoply_gateway::x", "kept");
            });
            let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert_eq!(said.matches("kept").count(), 2, "{level:?}: {said}");
            assert!(!said.contains("Illegal"), "{level:?}: {said}");
        }
    }
}
