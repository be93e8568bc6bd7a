//! Log lines, and what systemd is told.

use std::io::{self, IsTerminal as _};

use panoply_tls::Refresh;
use sd_notify::NotifyState;
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Whether lines are JSON: where nobody reads them as they come.
pub(crate) fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    }
}

/// Sends events to standard error from now on, as `config` says; a second call changes nothing.
pub fn start(config: &LogConfig) {
    let level = match config.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "panoply=debug,panoply_gateway=debug,panoply_tls=debug,info",
        LogLevel::Trace => "trace",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(io::stderr);
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

pub(crate) fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}
