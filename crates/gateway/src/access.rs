//! The access log: one line a request, written by a thread of its own.
//!
//! A worker gathers lines and hands them over at each tick, or sooner when there are many. When
//! nobody reads the log, lines are lost and counted; a request never waits for it.

mod line;

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use panoply::Clock;
use panoply::limits::PathRules;
use panoply::trace::{Exchange, Observer};

use crate::log::{self, AT_ONCE};
use crate::metrics::Metrics;
use line::Lines;

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
        let writer = thread.spawn(move || write(output, &waiting, log::add_lost))?;
        Ok((
            Self {
                batches,
                json,
                clock,
            },
            writer,
        ))
    }

    /// One worker's share; its lines tell of `apps` by these names, by their numbers.
    pub(crate) fn worker(&self, metrics: Arc<Metrics>, apps: Box<[Box<str>]>) -> WorkerLog {
        WorkerLog(Arc::new(Share {
            log: self.clone(),
            metrics,
            lines: Mutex::new(Lines::of(apps)),
        }))
    }
}

fn write(mut output: impl io::Write, batches: &Receiver<Vec<u8>>, lost: impl Fn(u64)) {
    for batch in batches {
        for piece in pieces(&batch) {
            // A log that cannot be written has nowhere to say so, but they are counted.
            if output.write_all(piece).is_err() {
                lost(count(piece));
            }
        }
        let _ = output.flush();
    }
}

/// How many lines end there.
fn count(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Whole lines, as many as a pipe takes in one piece: others write there, too.
fn pieces(mut batch: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let most = batch.get(..AT_ONCE).unwrap_or(batch);
        let whole = most.iter().rposition(|byte| *byte == b'\n');
        // A line that is longer has to go in parts.
        let (next, rest) = batch.split_at_checked(whole.map_or(most.len(), |last| last + 1))?;
        batch = rest;
        (!next.is_empty()).then_some(next)
    })
}

/// The lines of one worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerLog(Arc<Share>);

#[derive(Debug)]
struct Share {
    log: AccessLog,
    metrics: Arc<Metrics>,
    lines: Mutex<Lines>,
}

impl WorkerLog {
    /// What the stack reports to; `lines` says whether each request gets one, but for those that it is to `skip`.
    pub(crate) fn observer(&self, lines: bool, skip: &Arc<PathRules>) -> impl Observer + 'static {
        Watcher {
            share: Arc::clone(&self.0),
            lines,
            skip: Arc::clone(skip),
        }
    }

    /// Hands over what there is.
    pub(crate) fn flush(&self) {
        let batch = self.0.lines().take(0);
        self.0.hand_over(batch);
    }
}

impl Share {
    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        if let Err(lost) = self.log.batches.try_send(lines) {
            let (std::sync::mpsc::TrySendError::Full(lost)
            | std::sync::mpsc::TrySendError::Disconnected(lost)) = lost;
            self.metrics.log_lines_lost(count(&lost));
        }
    }

    fn note(&self, exchange: &Exchange) {
        let now = self.log.clock.wall();
        let mut lines = self.lines();
        if self.log.json {
            lines.json(exchange, now);
        } else {
            lines.text(exchange, now);
        }
        if lines.len() >= BATCH {
            let batch = lines.take(BATCH + 1024);
            drop(lines);
            self.hand_over(batch);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // What was under way when its worker ended is told of as that ends.
        let rest = self.lines().take(0);
        self.hand_over(rest);
    }
}

#[derive(Debug)]
struct Watcher {
    share: Arc<Share>,
    lines: bool,
    skip: Arc<PathRules>,
}

/// Whether nobody wants to read of it: it is for such a path, as it is spelled, and all went well.
fn is_skipped(skip: &PathRules, exchange: &Exchange) -> bool {
    !skip.is_empty()
        && exchange.rule.is_none()
        && exchange.status.as_u16() < 400
        && !exchange.aborted
        && skip.certain(exchange.uri.path()).is_some()
}

impl Observer for Watcher {
    fn answered(&self, exchange: &Exchange) {
        self.share.metrics.answered(exchange);
        if exchange.rule.is_some() {
            let now = self.share.log.clock.wall();
            self.share.metrics.recent.note(exchange, now);
        }
        if self.lines && !is_skipped(&self.skip, exchange) {
            self.share.note(exchange);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A disk that is full once it holds so many bytes.
    struct Disk(usize);

    impl io::Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.min(bytes.len()) {
                0 => Err(io::ErrorKind::StorageFull.into()),
                taken => {
                    self.0 -= taken;
                    Ok(taken)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_a_disk_does_not_take_are_counted() {
        let (batches, waiting) = sync_channel(3);
        for _ in 0..3 {
            batches.send(b"one\ntwo\n".to_vec()).unwrap();
        }
        drop(batches);
        let lost = AtomicU64::new(0);
        write(Disk(8), &waiting, |lines| {
            lost.fetch_add(lines, Ordering::Relaxed);
        });
        assert_eq!(lost.into_inner(), 4);
    }

    #[test]
    fn pieces_are_whole_lines() {
        let batch: Vec<u8> = (0..3000_usize)
            .flat_map(|number| format!("{number}{}\n", "x".repeat(number % 300)).into_bytes())
            .collect();
        let all: Vec<&[u8]> = pieces(&batch).collect();
        assert!(all.len() > 100);
        assert!(
            all.iter()
                .all(|piece| piece.len() <= AT_ONCE && piece.ends_with(b"\n"))
        );
        assert_eq!(all.concat(), batch);
        let long = "y".repeat(AT_ONCE * 2 + 5) + "\n";
        let parts: Vec<&[u8]> = pieces(long.as_bytes()).collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts.concat(), long.as_bytes());
        assert_eq!(pieces(b"").count(), 0);
    }
}
