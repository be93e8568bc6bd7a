//! What is being looked at, on a terminal alone.

use std::io::{IsTerminal as _, Write as _};

/// A line on standard error that goes away when the work is done.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    /// Says which target is looked at.
    pub(super) fn on(target: &str) -> Self {
        let shown = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        if shown {
            let target: String = target
                .chars()
                .filter(|c| !c.is_control())
                .take(60)
                .collect();
            // Who has closed it does not want it.
            let _ = write!(std::io::stderr(), "auditing {target} …");
        }
        Self { shown }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}
