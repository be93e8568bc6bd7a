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
        let shown = std::io::stderr().is_terminal();
        let progress = Self { shown };
        progress.say(&format!("auditing {target}"));
        progress
    }

    /// Says what is being done now.
    pub(super) fn say(&self, step: &str) {
        if self.shown {
            let step = step.chars().filter(|c| !c.is_control());
            let step: String = step.take(70).collect();
            // Whoever has closed it does not want it.
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{step} …");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}
