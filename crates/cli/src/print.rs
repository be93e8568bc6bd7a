//! What a command prints, and whether there was room for it.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something of what was asked for is lost.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints to standard output, what was asked for: half of it in a file would be taken for the whole, so that a command
/// for which there is no room fails ([`ended`]). Whoever has closed it does not want it.
pub(crate) fn say(message: impl Display) {
    noted(writeln!(io::stdout(), "{message}"));
}

/// The same as it is, without an end of line.
pub(crate) fn put(text: &[u8]) {
    let mut out = io::stdout().lock();
    noted(out.write_all(text).and_then(|()| out.flush()));
}

/// Prints to standard output that something serves, which it does whoever reads that.
pub(crate) fn announce(message: impl Display) {
    let _ = writeln!(io::stdout(), "{message}");
}

/// Prints to standard error, as the last thing that is done.
pub(crate) fn fail(message: impl Display) -> ExitCode {
    note(message);
    ExitCode::from(2)
}

/// Prints to standard error, beside what was asked for; whoever has closed it, or has no room for it, goes without.
pub(crate) fn note(message: impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// How a command ends that is `done`.
pub(crate) fn ended(done: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) {
        return ExitCode::from(2);
    }
    done
}

fn noted(printed: io::Result<()>) {
    let lost = printed.err();
    let lost = lost.filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
    if let Some(error) = lost
        && !LOST.swap(true, Ordering::Relaxed)
    {
        note(format_args!(
            "error: standard output cannot be written: {error}"
        ));
    }
}
