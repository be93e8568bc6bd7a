//! Where the control socket is.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FlockOperation, Mode, OFlags, chmod, fchmod, flock};
use socket2::{Domain, SockAddr, Type};

use super::SOCKET;
use super::home::{Identity, identity};
use crate::handover::Entrance;
use crate::surroundings::Surroundings;

/// The socket, removed when the gateway ends, unless another has it by then.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// What is at the path as long as it leads here.
    file: Option<Identity>,
    is_ours: AtomicBool,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_ours.load(Ordering::Relaxed) && self.is_there() {
            // Whoever finds it there and nobody behind it takes its place.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Socket {
    /// The one in `state` that the gateway before this one has listened on.
    pub(crate) fn taken_over(listener: OwnedFd, state: &Path) -> io::Result<Self> {
        let listener = UnixListener::from(listener);
        listener.set_nonblocking(true)?;
        let path = state.join(SOCKET);
        Ok(Self {
            listener,
            file: identity(&path).ok().flatten(),
            path,
            // Should this gateway not come to serve, the other one goes on with it.
            is_ours: AtomicBool::new(false),
        })
    }

    /// Those who have come and have not been answered.
    pub(super) fn waiting(&self) -> impl Iterator<Item = tokio::net::UnixStream> {
        let next = || {
            let (stream, _) = self.listener.accept().ok()?;
            stream.set_nonblocking(true).ok()?;
            tokio::net::UnixStream::from_std(stream).ok()
        };
        std::iter::from_fn(next).take(MOST_WAITING)
    }

    /// Whether whoever looks for it in the state directory finds it.
    pub(crate) fn is_there(&self) -> bool {
        // What cannot be looked at may well be there.
        identity(&self.path).map_or(true, |found| found.is_some() && found == self.file)
    }

    /// It is this gateway's from now on.
    pub(crate) fn stay(&self) {
        self.is_ours.store(true, Ordering::Relaxed);
    }

    /// For the gateway that takes over.
    pub(crate) fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Another gateway has it now.
    pub(crate) fn leave(&self) {
        self.is_ours.store(false, Ordering::Relaxed);
    }
}

/// The socket for `panoply blocks` and `panoply status`: one that is handed over, or one of this gateway's own, unless
/// another one has it.
pub(crate) fn find(around: &Surroundings) -> Option<Socket> {
    let left = around
        .heir
        .as_ref()
        .and_then(|heir| heir.sockets(Entrance::Control, None));
    let bound = match left.and_then(|sockets| sockets.into_iter().next()) {
        Some(socket) => Socket::taken_over(socket, &around.state).map(Some),
        None => bind(&around.state),
    };
    match bound {
        Ok(Some(socket)) => return Some(socket),
        Ok(None) => tell_of_another(around),
        Err(error) => tracing::warn!(%error, "`panoply blocks` will find no control socket"),
    }
    None
}

/// Says that another gateway is the one that is asked.
pub(crate) fn tell_of_another(around: &Surroundings) {
    tracing::warn!(
        state = %around.state.display(),
        "another gateway runs on this state directory; `panoply blocks` speaks to that one until it has ended"
    );
}

/// Whether a gateway listens there, this one or another.
pub(crate) fn is_answered(state: &Path) -> bool {
    UnixStream::connect(state.join(SOCKET)).is_ok()
}

/// The socket in `state`, in place of one that a gateway left behind; none when another gateway
/// answers there.
fn bind(state: &Path) -> io::Result<Option<Socket>> {
    crate::privilege::make_state(state)?;
    bind_in(state)
}

/// The same in a directory that is there: one that was taken away is to be put back in its place.
pub(crate) fn bind_in(state: &Path) -> io::Result<Option<Socket>> {
    let path = state.join(SOCKET);
    let _turn = turn(state);
    if is_answered(state) {
        return Ok(None);
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = of_its_owner(&path)?;
    Ok(Some(Socket {
        listener,
        file: identity(&path)?,
        path,
        is_ours: AtomicBool::new(true),
    }))
}

/// The turn of whoever looks at the socket and takes its place: of two that wait for a third to end, the later would
/// take it from the earlier, which had it a moment ago and does not listen yet.
///
/// It is a file of its own that nobody else can open: who may read the directory may lock that, for as long as he likes.
fn turn(state: &Path) -> Option<fs::File> {
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(state.join(LOCK))
        .ok()?;
    // Not every file system has that; then it is as it was.
    flock(&file, FlockOperation::LockExclusive).ok()?;
    Some(file)
}

const LOCK: &str = "control.lock";

/// Listens at a path where nobody but the owner may come in.
fn of_its_owner(path: &Path) -> io::Result<UnixListener> {
    let socket = bound(path)?;
    // Where that is not so from the first moment.
    chmod(path, OWNER)?;
    socket.listen(QUEUE)?;
    socket.set_nonblocking(true)?;
    Ok(OwnedFd::from(socket).into())
}

const OWNER: Mode = Mode::RUSR.union(Mode::WUSR);

/// A socket there; Linux gives the path the mode that the socket has.
fn bound(path: &Path) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Err(error) = fchmod(&socket, OWNER) {
        tracing::debug!(%error, "the control socket has the mode of its owner a moment later");
    }
    socket.bind(&SockAddr::unix(path)?)?;
    Ok(socket)
}

/// Who may wait to be accepted.
const QUEUE: i32 = 128;

/// Who is answered first, of those who have come while nobody answered.
const MOST_WAITING: usize = 128;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn nobody_but_the_owner_may_come_in_from_the_first_moment() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(SOCKET);
        let socket = bound(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        drop(socket);
        fs::remove_file(&path).unwrap();
        let _listener = of_its_owner(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn only_its_own_is_removed_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let first = bind(&one).unwrap().unwrap();
        assert!(first.is_there());
        fs::rename(&one, &other).unwrap();
        assert!(!first.is_there());
        assert!(bind_in(&one).is_err(), "the directory is made anew");
        let second = bind(&one).unwrap().unwrap();
        assert!(!first.is_there());
        drop(first);
        assert!(second.is_there(), "the one of another is removed");
        drop(second);
        assert!(!one.join(SOCKET).exists());
    }

    #[test]
    fn nobody_who_may_read_the_directory_keeps_it_from_being_made() {
        let state = tempfile::tempdir().unwrap();
        let others = fs::File::open(state.path()).unwrap();
        flock(&others, FlockOperation::LockExclusive).unwrap();
        let (bound, is_bound) = std::sync::mpsc::channel();
        let path = state.path().to_owned();
        std::thread::spawn(move || bound.send(bind(&path).unwrap().is_some()));
        let in_time = is_bound.recv_timeout(std::time::Duration::from_secs(20));
        assert_eq!(in_time, Ok(true), "it waits for who locks the directory");
        let lock = fs::metadata(state.path().join(LOCK)).unwrap();
        assert_eq!(lock.mode() & 0o777, 0o600);
    }

    #[test]
    fn of_many_who_come_at_once_one_has_the_socket() {
        let state = tempfile::tempdir().unwrap();
        for round in 0..100 {
            let at_once = std::sync::Barrier::new(4);
            let come = || {
                at_once.wait();
                bind(state.path()).unwrap()
            };
            let sockets: Vec<Option<Socket>> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..4).map(|_| scope.spawn(come)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(sockets.iter().flatten().count(), 1, "{round}");
            UnixStream::connect(state.path().join(SOCKET)).unwrap();
        }
    }
}
