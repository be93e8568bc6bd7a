//! Standard error, for lines that nobody waits for.
//!
//! Whoever reads the log may stand still or be gone, and the disk that it is written to may be full. A worker that
//! waited for that would serve nobody, and one that made a panic of it, as `eprintln!` does, would end. So what
//! cannot be written at once is left to a thread of its own: a burst is late, and not lost.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// A pipe that says that it can be written takes as much at once, and in one piece.
pub(crate) const AT_ONCE: usize = 4096;

/// The most that waits; beyond, lines are lost.
const MOST: usize = 1 << 20;

/// How many lines could not be written since the program began.
pub(crate) fn lost() -> u64 {
    STDERR.state().lost
}

/// So many more lines could not be written, by somebody else who writes there.
pub(crate) fn add_lost(lines: u64) {
    STDERR.state().lost += lines;
}

/// Gives what waits to be written `patience` to be so: the program is about to end.
pub(crate) fn settle(patience: Duration) {
    STDERR.settle(patience);
}

static STDERR: Backlog = Backlog::new();

/// Takes lines, and writes those that can be written at once; the others follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        STDERR.take(line, io::stderr);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines that wait for whoever reads them.
#[derive(Debug)]
struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
    /// Whether there is a thread that writes them.
    is_served: bool,
    /// Whether that one has a line in hand.
    is_writing: bool,
}

impl Backlog {
    const fn new() -> Self {
        let state = State {
            lines: VecDeque::new(),
            bytes: 0,
            lost: 0,
            is_served: false,
            is_writing: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take<T: AsFd>(&'static self, mut line: &[u8], to: impl Fn() -> T + Send + 'static) {
        let mut state = self.state();
        // One line after the other.
        if state.lines.is_empty() && !state.is_writing {
            match put(to(), &mut line, Some(&Timespec::default())) {
                Ok(()) => return,
                Err(Errno::AGAIN) => {}
                Err(_) => {
                    // There is no telling when it could be written.
                    state.lost += 1;
                    return;
                }
            }
        }
        if state.bytes + line.len() > MOST || !self.serve(&mut state, to) {
            state.lost += 1;
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line.to_vec());
        self.changed.notify_all();
    }

    /// Whether there is a thread that writes what waits.
    fn serve<T: AsFd>(
        &'static self,
        state: &mut State,
        to: impl Fn() -> T + Send + 'static,
    ) -> bool {
        if !state.is_served {
            let thread = std::thread::Builder::new().name("log".to_owned());
            state.is_served = thread.spawn(move || self.write(&to)).is_ok();
        }
        state.is_served
    }

    fn write<T: AsFd>(&self, to: &impl Fn() -> T) {
        let mut state = self.state();
        loop {
            let Some(line) = state.lines.pop_front() else {
                state.is_writing = false;
                self.changed.notify_all();
                state = { self.changed.wait(state) }.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.is_writing = true;
            state.bytes -= line.len();
            drop(state);
            // However long that takes.
            let written = put(to(), &mut &*line, None);
            state = self.state();
            state.lost += u64::from(written.is_err());
        }
    }

    fn settle(&self, patience: Duration) {
        let waits = |state: &mut State| state.is_writing || !state.lines.is_empty();
        // Whoever has not read it by then has had his time.
        drop({
            self.changed
                .wait_timeout_while(self.state(), patience, waits)
        });
    }
}

/// Writes `bytes`, and leaves of them what `to` does not take within `patience`, of each piece, without which it waits
/// for as long as it takes.
fn put(to: impl AsFd, bytes: &mut &[u8], patience: Option<&Timespec>) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let mut polled = [PollFd::new(&to, PollFlags::OUT)];
        let ready = rustix::io::retry_on_intr(|| poll(&mut polled, patience))?;
        if ready == 0 {
            return Err(Errno::AGAIN);
        }
        let piece = bytes.get(..AT_ONCE).unwrap_or(bytes);
        match rustix::io::retry_on_intr(|| rustix::io::write(&to, piece)) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => *bytes = bytes.get(written..).unwrap_or_default(),
            // The other end has said that nobody is to wait, and somebody else was faster.
            Err(Errno::AGAIN) if patience.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Arc;

    use super::*;

    fn backlog() -> &'static Backlog {
        Box::leak(Box::new(Backlog::new()))
    }

    /// Takes lines until one is lost; how many were taken.
    fn fill(backlog: &'static Backlog, to: &Arc<io::PipeWriter>) -> usize {
        let mut taken = 0;
        loop {
            let to = Arc::clone(to);
            let line = format!("line {taken} {}\n", "x".repeat(300));
            backlog.take(line.as_bytes(), move || Arc::clone(&to));
            if backlog.state().lost > 0 {
                return taken;
            }
            taken += 1;
            assert!(taken < 100_000, "it takes everything");
        }
    }

    #[test]
    fn a_burst_is_late_and_not_lost() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (backlog, writer) = (backlog(), Arc::new(writer));
        let taken = fill(backlog, &writer);
        assert!(taken > MOST / 400, "what waits is {taken}");
        let mut bytes = vec![0; 64 << 10];
        let mut said = Vec::new();
        let last = format!("line {} ", taken - 1);
        while !said.ends_with(b"\n") || !String::from_utf8_lossy(&said).contains(&last) {
            let read = reader.read(&mut bytes).unwrap();
            said.extend_from_slice(&bytes[..read]);
        }
        let said = String::from_utf8(said).unwrap();
        let numbers = said.lines().map(|line| line.split(' ').nth(1).unwrap());
        let expected = (0..taken).map(|number| number.to_string());
        assert!(numbers.eq(expected), "in their order, each once");
        backlog.settle(Duration::from_secs(20));
        assert!(backlog.state().lines.is_empty());
        assert_eq!(backlog.state().bytes, 0);
    }

    #[test]
    fn who_has_gone_is_not_waited_for() {
        let (reader, writer) = io::pipe().unwrap();
        let (backlog, writer) = (backlog(), Arc::new(writer));
        fill(backlog, &writer);
        let before = backlog.state().lost;
        drop(reader);
        backlog.settle(Duration::from_secs(20));
        let state = backlog.state();
        assert!(state.lines.is_empty() && state.lost > before);
    }

    #[test]
    fn what_nobody_can_read_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let (backlog, writer) = (backlog(), Arc::new(writer));
        drop(reader);
        backlog.take(b"lost\n", move || Arc::clone(&writer));
        assert_eq!(backlog.state().lost, 1);
        assert!(backlog.state().lines.is_empty() && !backlog.state().is_served);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "by the real clock, as it waits")]
    fn an_end_waits_for_the_line_in_hand_too() {
        let (_reader, writer) = io::pipe().unwrap();
        let (backlog, writer) = (backlog(), Arc::new(writer));
        // Until one waits, which is taken in hand at once.
        while !backlog.state().is_served {
            let writer = Arc::clone(&writer);
            backlog.take(&[b'x'; 300], move || Arc::clone(&writer));
        }
        let in_hand = |state: &State| state.is_writing && state.lines.is_empty();
        while !in_hand(&backlog.state()) {
            std::thread::yield_now();
        }
        let (begun, patience) = (std::time::Instant::now(), Duration::from_millis(50));
        backlog.settle(patience);
        assert!(begun.elapsed() >= patience);
    }

    #[test]
    fn an_end_waits_no_longer_than_it_is_told() {
        let (_reader, writer) = io::pipe().unwrap();
        let (backlog, writer) = (backlog(), Arc::new(writer));
        fill(backlog, &writer);
        backlog.settle(Duration::from_millis(1));
        assert!(!backlog.state().lines.is_empty());
    }
}
