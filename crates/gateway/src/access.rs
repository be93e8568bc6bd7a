//! The access log: one line a request, written by a thread of its own.
//!
//! A worker gathers lines and hands them over at each tick, or sooner when there are many. When
//! nobody reads the log, lines are lost and counted; a request never waits for it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;

use panoply::Clock;
use panoply::trace::{Exchange, Observer};
use serde::Serialize;

use crate::metrics::Metrics;

/// Lines are handed over once there are this many bytes of them.
const BATCH: usize = 32 << 10;

/// Batches that may wait to be written.
const WAITING: usize = 64;

/// The writing end, shared by all workers.
#[derive(Debug, Clone)]
pub(crate) struct AccessLog {
    batches: SyncSender<Vec<u8>>,
    json: bool,
    clock: Arc<dyn Clock>,
}

impl AccessLog {
    /// Writes to `output`, as JSON or as text; the thread ends when all writing ends are gone.
    pub(crate) fn start(
        output: impl io::Write + Send + 'static,
        json: bool,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (batches, waiting) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        let writer = thread.spawn(move || write(output, &waiting))?;
        Ok((
            Self {
                batches,
                json,
                clock,
            },
            writer,
        ))
    }

    /// One worker's share.
    pub(crate) fn worker(&self, metrics: Arc<Metrics>) -> WorkerLog {
        WorkerLog(Arc::new(Share {
            log: self.clone(),
            metrics,
            lines: Mutex::default(),
        }))
    }
}

fn write(mut output: impl io::Write, batches: &Receiver<Vec<u8>>) {
    for batch in batches {
        // A log that cannot be written has nowhere to say so.
        let _ = output.write_all(&batch).and_then(|()| output.flush());
    }
}

/// The lines of one worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerLog(Arc<Share>);

#[derive(Debug)]
struct Share {
    log: AccessLog,
    metrics: Arc<Metrics>,
    lines: Mutex<Vec<u8>>,
}

impl WorkerLog {
    /// What the stack reports to; `lines` says whether each request gets one.
    pub(crate) fn observer(&self, lines: bool) -> impl Observer + 'static {
        Watcher {
            share: Arc::clone(&self.0),
            lines,
        }
    }

    /// Hands over what there is.
    pub(crate) fn flush(&self) {
        let lines = std::mem::take(&mut *self.0.lines());
        self.0.hand_over(lines);
    }
}

impl Share {
    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        if let Err(lost) = self.log.batches.try_send(lines) {
            let (std::sync::mpsc::TrySendError::Full(lost)
            | std::sync::mpsc::TrySendError::Disconnected(lost)) = lost;
            for _ in lost.iter().filter(|byte| **byte == b'\n') {
                self.metrics.log_line_lost();
            }
        }
    }

    fn note(&self, exchange: &Exchange) {
        let now = self.log.clock.wall();
        let mut lines = self.lines();
        let line = Line::of(exchange, now);
        if self.log.json {
            // A struct of texts and numbers is always written.
            let _ = serde_json::to_writer(&mut *lines, &line);
        } else {
            let _ = write!(lines, "{}", line.text());
        }
        lines.push(b'\n');
        if lines.len() >= BATCH {
            let batch = std::mem::replace(&mut *lines, Vec::with_capacity(BATCH + 1024));
            self.hand_over(batch);
        }
    }
}

#[derive(Debug)]
struct Watcher {
    share: Arc<Share>,
    lines: bool,
}

impl Observer for Watcher {
    fn answered(&self, exchange: &Exchange) {
        self.share.metrics.answered(exchange);
        if self.lines {
            self.share.note(exchange);
        }
    }
}

/// One line. The query is left out: it may hold a token.
#[derive(Debug, Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    #[serde(rename = "client.ip")]
    client: String,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    version: &'static str,
    status: u16,
    bytes: u64,
    duration_ms: f64,
    user_agent: &'a str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    aborted: bool,
}

impl<'a> Line<'a> {
    fn of(exchange: &'a Exchange, now: SystemTime) -> Self {
        let text = |value: &'a Option<http::HeaderValue>| {
            value
                .as_ref()
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
        };
        let time = jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let host = exchange
            .uri
            .authority()
            .map_or_else(|| text(&exchange.host), |a| a.as_str());
        // A name and a password before it are refused, and nobody else's business either.
        let host = host.rsplit('@').next().unwrap_or_default();
        Self {
            timestamp: format!("{time:.3}"),
            level: "INFO",
            message: "request",
            client: exchange.client.map(|ip| ip.to_string()).unwrap_or_default(),
            method: exchange.method.as_str(),
            host,
            path: exchange.uri.path(),
            version: version(exchange.version),
            status: exchange.status.as_u16(),
            bytes: exchange.bytes,
            duration_ms: (exchange.duration.as_secs_f64() * 1e6).round() / 1e3,
            user_agent: text(&exchange.user_agent),
            request_id: exchange.id.to_string(),
            rule: exchange.rule,
            block: exchange.block.map(|block| block.to_string()),
            aborted: exchange.aborted,
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{} {:>3} {:7} {}{} {:.1} ms {} B {} {}",
            self.timestamp,
            self.status,
            self.method,
            self.host,
            self.path,
            self.duration_ms,
            self.bytes,
            self.client,
            self.request_id,
        );
        if let Some(rule) = self.rule {
            // Writing to a string does not fail.
            let _ = write!(text, " refused by {rule}");
        }
        if let Some(block) = &self.block {
            let _ = write!(text, " (block {block})");
        }
        if self.aborted {
            text.push_str(" (broken off)");
        }
        text
    }
}

const fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        _ => "1.1",
    }
}
