//! File descriptors: as many as the system lets this process have, and who waits when there are none.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit, which is 1,024 in most places and there for programs of another time, to the
/// hard one, and tells when that is too low for `connections`: each may take one, and one to the app.
pub(crate) fn raise(connections: u32) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit on file descriptors stays as it is");
        }
    }
    let most = getrlimit(Resource::Nofile).current;
    let wanted = u64::from(connections) * 2;
    if let Some(most) = most.filter(|most| *most < wanted) {
        tracing::warn!(
            "`limits.connections` is {connections}, which may take {wanted} file descriptors, and this \
             process may have {most}: idle connections will have to make room. Raise the limit \
             (`LimitNOFILE=` in a unit, `ulimit -Hn`), or lower `limits.connections`"
        );
    }
}

/// Whether `error` says that there is no file descriptor left, in this process or in the system.
pub(crate) fn have_run_out(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

/// How many requests wait for a file descriptor, in the whole gateway.
///
/// A request that has been let in goes before whoever is only at the door: accepting more would take
/// each descriptor that becomes free, and none would be left to ask the app with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shortage(Arc<AtomicUsize>);

impl Shortage {
    /// One more waits, until this is dropped.
    pub(crate) fn wait(&self) -> Waiting {
        self.0.fetch_add(1, Ordering::AcqRel);
        Waiting(self.clone())
    }

    /// Whether anybody waits.
    pub(crate) fn is_felt(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

/// A request without a file descriptor.
#[derive(Debug)]
pub(crate) struct Waiting(Shortage);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
