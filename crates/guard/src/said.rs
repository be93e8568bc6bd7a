//! What the log is told while something runs.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::Level;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line for each event.
pub(crate) fn said(run: impl FnOnce()) -> String {
    let lines = Lines::default();
    let into = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(Level::TRACE)
        .with_writer(move || into.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, run);
    let said = lines.0.lock().unwrap().clone();
    String::from_utf8(said).unwrap()
}
