//! What the log is told while something runs.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use tracing::Level;

thread_local! {
    /// What the log was told on this thread since somebody began to listen.
    static SAID: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct Here;

impl Write for Here {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.with_borrow_mut(|said| {
            if let Some(said) = said {
                said.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line for each event on this thread.
///
/// One subscriber listens for all tests: with one for each, what a test on another thread logs first
/// may be taken for what nobody wants to hear.
pub(crate) fn said(run: impl FnOnce()) -> String {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(Level::TRACE)
            .with_writer(|| Here)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        // Another thread may have logged first while that was going on.
        tracing::callsite::rebuild_interest_cache();
    });
    SAID.set(Some(Vec::new()));
    run();
    String::from_utf8(SAID.take().unwrap()).unwrap()
}
