//! The bounds of `[limits]` and of the store's deadline, checked.

use std::fmt::Display;
use std::time::Duration;

use panoply::limits::Insured;

use super::Limits;
use crate::config::{ConfigError, Loaded, Span};
use crate::wire::Patience;

/// As many as a map of headers has room for, with some to spare for our own.
const MOST_HEADERS: u32 = 20_000;

pub(super) fn limits(loaded: &Loaded) -> Result<Limits, ConfigError> {
    let limits = &loaded.config.limits;
    let count = |n: std::num::NonZeroU32| usize::try_from(n.get()).unwrap_or(usize::MAX);
    let header_bytes = usize::try_from(limits.header_bytes.get()).unwrap_or(usize::MAX);
    // hyper reads heads in buffers of 8 KiB; beyond a megabyte nobody means it.
    if !(8 << 10..=1 << 20).contains(&header_bytes) {
        let help = "write a size from `8KiB` to `1MiB`";
        let size = &limits.header_bytes;
        return Err(out_of_range(loaded, "limits.header_bytes", size, help));
    }
    if limits.header_count.get() > MOST_HEADERS {
        let help = format!("write a number from `1` to `{MOST_HEADERS}`");
        let count = &limits.header_count;
        return Err(out_of_range(loaded, "limits.header_count", count, &help));
    }
    for (key, span) in [
        ("head_timeout", limits.head_timeout),
        ("idle_timeout", limits.idle_timeout),
        ("stall_timeout", limits.stall_timeout),
        ("response_timeout", limits.response_timeout),
    ] {
        check_timeout(loaded, &format!("limits.{key}"), span)?;
    }
    Ok(Limits {
        header_bytes,
        header_count: count(limits.header_count),
        body_bytes: limits.body_bytes.get(),
        patience: Patience {
            head: limits.head_timeout.get(),
            quiet: limits.idle_timeout.get(),
            stall: limits.stall_timeout.get(),
        },
        connections: limits.connections.get(),
        connections_per_client: limits.connections_per_client.get(),
        streams: limits.streams.get(),
        stream_resets: count(limits.stream_resets),
    })
}

/// What is waited for is waited for a second at least.
pub(super) fn check_timeout(loaded: &Loaded, path: &str, span: Span) -> Result<(), ConfigError> {
    if span.get() >= Duration::from_secs(1) {
        return Ok(());
    }
    let error = loaded.error(path, format!("{path}: {span} is too short"));
    Err(error.with_help("write at least `1s`"))
}

/// How long a store in common may be silent.
pub(super) fn store_deadline(loaded: &Loaded) -> Result<Duration, ConfigError> {
    let Some(span) = loaded.config.store.deadline else {
        return Ok(Insured::DEADLINE);
    };
    if !(Duration::from_millis(1)..=Duration::from_secs(5)).contains(&span.get()) {
        let help = "write a time from `1ms` to `5s`";
        return Err(out_of_range(loaded, "store.deadline", &span, help));
    }
    Ok(span.get())
}

fn out_of_range(loaded: &Loaded, path: &str, value: &dyn Display, help: &str) -> ConfigError {
    let error = loaded.error(path, format!("{path}: {value} is out of range"));
    error.with_help(help)
}
