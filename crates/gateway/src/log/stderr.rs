//! Standard error, for lines that nobody waits for.
//!
//! Whoever reads the log may stand still or be gone, and the disk that it is written to may be full. A worker that
//! waited for that would serve nobody, and one that made a panic of it, as `eprintln!` does, would end.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A pipe that says that it can be written takes as much at once, and in one piece.
pub(crate) const AT_ONCE: usize = 4096;

/// Lines that could not be written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// One line after the other.
static TURN: Mutex<()> = Mutex::new(());

/// How many lines could not be written since the program began.
pub(crate) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Takes lines, and writes those that can be written at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Not the library's own lock: whoever holds that may wait.
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.chunks(AT_ONCE).all(|piece| put(io::stderr(), piece)) {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether `bytes` could be written at once.
fn put(to: impl AsFd, bytes: &[u8]) -> bool {
    let mut polled = [PollFd::new(&to, PollFlags::OUT)];
    let can = poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
    can && rustix::io::retry_on_intr(|| rustix::io::write(&to, bytes))
        .is_ok_and(|written| written == bytes.len())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_up() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut written = 0;
        while put(&writer, &[b'x'; 300]) {
            written += 300;
            assert!(written < 10 << 20, "it takes everything");
        }
        let mut room = [0; AT_ONCE * 2];
        reader.read_exact(&mut room).unwrap();
        assert!(put(&writer, b"again"));
        drop(reader);
        assert!(!put(&writer, b"to nobody"));
    }
}
