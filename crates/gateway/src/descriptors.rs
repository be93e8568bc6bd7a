//! File descriptors: as many as the system lets this process have, and who waits when there are none.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// How often whoever waits for a file descriptor looks for one.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// The soft limit that this process was started with, where it is another by now.
static FOUND: OnceLock<Option<u64>> = OnceLock::new();

/// Held while the limit is as it was found, for a program that is started.
static LOWERED: Mutex<()> = Mutex::new(());

/// Raises the soft limit, which is 1,024 in most places and there for programs of another time, to the
/// hard one, and tells when that is too low for `connections`: each may take one, and one to the app.
pub(crate) fn raise(connections: u32) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let found = std::mem::replace(&mut limit.current, limit.maximum);
        match setrlimit(Resource::Nofile, limit) {
            Ok(()) => {
                // Of two gateways in one process the first has found it.
                let _ = FOUND.set(found);
            }
            Err(error) => {
                tracing::debug!(%error, "the limit on file descriptors stays as it is");
            }
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

/// Starts a program, which inherits the limit, as if nobody had raised it: `select()` writes beyond its table
/// with a descriptor above 1,023, and there are programs that make room for as many as they may have.
///
/// The limit is the whole process's, and a change of the program's own would come after its first look. So it is
/// lowered here for as long as that takes, and whoever finds no descriptor meanwhile looks again
/// ([`wait_until_raised`]).
pub(crate) fn as_found<T>(start: impl FnOnce() -> T) -> T {
    let Some(found) = FOUND.get() else {
        return start();
    };
    let _lowered = lowered();
    let raised = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: *found,
        maximum: raised.maximum,
    };
    // Best left as it is where it cannot be set back.
    let _ = setrlimit(Resource::Nofile, limit);
    let started = start();
    let _ = setrlimit(Resource::Nofile, raised);
    started
}

/// Sets the limit of a program that was started here, and has not looked at it yet, to what it was found to be.
pub(crate) fn set_as_found(process: Pid) {
    let Some(found) = FOUND.get() else { return };
    let limit = Rlimit {
        current: *found,
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    if let Err(error) = prlimit(Some(process), Resource::Nofile, limit) {
        tracing::debug!(%error, "another program keeps the limit on file descriptors of this one");
    }
}

fn lowered() -> MutexGuard<'static, ()> {
    LOWERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns once the limit is what this process made it: whoever has found no descriptor looks again then.
pub(crate) fn wait_until_raised() {
    drop(lowered());
}

/// Another descriptor of the same: the one that is given next.
fn next(of: &impl AsFd) -> io::Result<OwnedFd> {
    let next = || of.as_fd().try_clone_to_owned();
    next().or_else(|_| {
        wait_until_raised();
        next()
    })
}

/// Whether `error` says that there is no file descriptor left, in this process or in the system.
pub(crate) fn have_run_out(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

/// The one that is given next; the greatest number when there is none.
pub(crate) fn lowest_free() -> RawFd {
    next(&io::stderr()).map_or(RawFd::MAX, |next| next.as_raw_fd())
}

/// Whom a file descriptor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A client's connection.
    Client,
    /// A connection to the app, for a request that has been let in.
    App,
}

/// The most descriptors that are kept back from clients for connections to the app, and as many from both for
/// all else: the app that has to be started again, the store, certificates, the control socket.
const KEPT: RawFd = 64;

/// The file descriptors that this process may have, and who waits for one, in the whole gateway.
///
/// A request that has been let in goes before whoever is only at the door: accepting more would take
/// each descriptor that becomes free, and none would be left to ask the app with.
#[derive(Debug, Clone)]
pub(crate) struct Descriptors(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    waiting: AtomicUsize,
    /// As many as there may be.
    most: AtomicI32,
    /// As many as the gateway itself has before anybody comes.
    own: AtomicI32,
}

impl Default for Descriptors {
    fn default() -> Self {
        let descriptors = Self(Arc::new(Inner {
            waiting: AtomicUsize::new(0),
            most: AtomicI32::new(RawFd::MAX),
            own: AtomicI32::new(0),
        }));
        descriptors.look();
        descriptors
    }
}

impl Descriptors {
    /// Looks how many there may be; it can be changed while the process runs.
    pub(crate) fn look(&self) {
        // What a program is started with is not meant for this one.
        let turn = LOWERED.try_lock();
        if matches!(turn, Err(TryLockError::WouldBlock)) {
            return;
        }
        let most = getrlimit(Resource::Nofile).current;
        let most = most.and_then(|most| RawFd::try_from(most).ok());
        self.0
            .most
            .store(most.unwrap_or(RawFd::MAX), Ordering::Relaxed);
    }

    /// As if there were no more than this, until it is looked at again.
    #[cfg(test)]
    pub(crate) fn leave(&self, most: RawFd) {
        self.0.most.store(most, Ordering::Relaxed);
    }

    /// A worker listens, and nobody has come yet.
    pub(crate) fn begin_with(&self, listener: &impl AsFd) {
        if let Ok(next) = next(listener) {
            self.0.own.fetch_max(next.as_raw_fd(), Ordering::Relaxed);
        }
    }

    /// Whether a client who comes to `listener` now would take one that is kept back; nobody looks before
    /// `highest`, of those that were given of late, says that half of them are gone.
    pub(crate) fn would_be_kept(&self, listener: &impl AsFd, highest: RawFd) -> bool {
        if highest < self.0.most.load(Ordering::Relaxed) / 2 {
            return false;
        }
        next(listener).map_or(true, |next| self.are_kept_from(Use::Client, &next))
    }

    /// Whether `descriptor` is one of the last, which are kept back from this use.
    ///
    /// The kernel gives the lowest number that is free, so a high one says how many are taken.
    pub(crate) fn are_kept_from(&self, what: Use, descriptor: &impl AsRawFd) -> bool {
        let most = self.0.most.load(Ordering::Relaxed);
        // With few, the most of what there is to give is the clients'.
        let own = self.0.own.load(Ordering::Relaxed).min(most / 2);
        let kept = KEPT.min((most - own) / 8);
        let kept = match what {
            Use::Client => 2 * kept,
            Use::App => kept,
        };
        descriptor.as_raw_fd() >= most - kept
    }

    /// One more waits, until this is dropped.
    pub(crate) fn wait(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(self.clone())
    }

    /// Whether anybody waits.
    pub(crate) fn are_short(&self) -> bool {
        self.0.waiting.load(Ordering::Acquire) > 0
    }
}

/// A request without a file descriptor.
#[derive(Debug)]
pub(crate) struct Waiting(Descriptors);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What is said of a kind of trouble once, not each time.
#[derive(Debug, Default)]
pub(crate) struct Once(bool);

impl Once {
    /// Whether to say it: it went well before.
    pub(crate) const fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.0, true)
    }

    /// It goes well.
    pub(crate) const fn is_over(&mut self) {
        self.0 = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_back_from_clients_and_of_those_the_last_from_requests() {
        struct Number(RawFd);
        impl AsRawFd for Number {
            fn as_raw_fd(&self) -> RawFd {
                self.0
            }
        }
        let descriptors = Descriptors::default();
        for (most, own, client, app) in [
            (64, 0, 48, 56),
            (64, 24, 54, 59),
            (32, 40, 28, 30),
            (1024, 40, 896, 960),
            (1 << 20, 40, (1 << 20) - 128, (1 << 20) - 64),
            (RawFd::MAX, 0, RawFd::MAX - 128, RawFd::MAX - 64),
        ] {
            descriptors.0.most.store(most, Ordering::Relaxed);
            descriptors.0.own.store(own, Ordering::Relaxed);
            for (what, first) in [(Use::Client, client), (Use::App, app)] {
                let kept = |number| descriptors.are_kept_from(what, &Number(number));
                assert!(!kept(first - 1) && kept(first), "{most} {what:?}");
            }
        }
    }

    #[test]
    fn a_program_is_started_with_the_limit_that_was_found_and_nobody_else_has_it() {
        let limit = || getrlimit(Resource::Nofile);
        let most = limit().maximum;
        // As high as may be, since it is the whole process's.
        let found = most.map_or(1 << 20, |most| most - 1);
        let low = Rlimit {
            current: Some(found),
            maximum: most,
        };
        setrlimit(Resource::Nofile, low).unwrap();
        raise(1);
        let descriptors = Descriptors::default();
        let known = || descriptors.0.most.load(Ordering::Relaxed);
        let before = known();
        assert_eq!(limit().current, most);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        as_found(|| {
            assert_eq!(limit(), low);
            descriptors.look();
            assert_eq!(known(), before, "it is not this process's");
        });
        assert_eq!(limit().current, most);
        descriptors.look();
        assert_eq!(known(), before);
        assert!(next(&listener).is_ok());
    }

    #[test]
    fn it_is_short_while_somebody_waits() {
        let descriptors = Descriptors::default();
        let two = [descriptors.wait(), descriptors.clone().wait()];
        assert!(descriptors.are_short());
        drop(two);
        assert!(!descriptors.are_short());
    }
}
