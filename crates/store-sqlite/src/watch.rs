//! A disk that does not answer.

use std::thread;

use crate::queue::{Journal, PATIENCE};
use crate::sessions::Sessions;
use crate::writer::TROUBLE;

/// Sees to it that nobody waits for a disk that hangs: an I/O error comes back to the writer,
/// which can say so itself, but a volume that stalls keeps it.
pub(crate) fn watch(journal: &Journal, sessions: &Sessions) {
    while !journal.is_over() {
        thread::park_timeout(PATIENCE / 2);
        let error = "the disk has not answered for a second";
        if journal.stalls() && journal.fail(error) {
            tracing::error!(store = "sqlite", error, "{TROUBLE}");
        }
        if sessions.give_up() {
            tracing::error!(
                store = "sqlite",
                "the disk has not answered for two seconds: whoever needs a session from it gets \
                 an error until it does"
            );
        }
    }
}
