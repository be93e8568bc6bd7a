//! What a client has not begun to take of what was written for it.
//!
//! The kernel has a socket written again once half of [`UNSENT`] is taken: a slow client may need longer for that than
//! it may stand still, and takes its bytes all the while. How many wait it tells nobody without a call of which Rust
//! knows nothing. But of a socket it says at once whether it can be written, and by which mark is ours to say.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

use super::io::{UNSENT, bound_unsent};

/// As much as a client has to take to be taken for one that does: as over HTTP/2.
const TAKEN: u32 = 16 << 10;

/// More than ever waits: what is beyond [`UNSENT`] was written in one piece.
const MOST: u32 = UNSENT * 4;

/// How exactly it is known what waits.
const CLOSE: u32 = TAKEN / 8;

/// What waited when it was last looked, where that is known.
#[derive(Debug, Default)]
pub(super) struct Unsent(Option<u32>);

impl Unsent {
    /// Whether a client that takes nothing, as it seems, has taken something since it was last looked.
    pub(super) fn has_shrunk(&mut self, socket: &Socket) -> bool {
        let shrunk = (self.0).is_some_and(|before| is_below(socket, before.saturating_sub(TAKEN)));
        if shrunk || self.0.is_none() {
            self.0 = waiting(socket);
        }
        bound_unsent(socket);
        shrunk
    }

    /// The client takes what it is sent.
    pub(super) const fn forget(&mut self) {
        self.0 = None;
    }
}

/// How many bytes wait, to within a few; none where it is for something else that the socket cannot be written.
fn waiting(socket: &Socket) -> Option<u32> {
    let (mut least, mut most) = (0, MOST);
    if !is_below(socket, most) {
        return None;
    }
    while most - least > CLOSE {
        let middle = u32::midpoint(least, most);
        if is_below(socket, middle) {
            most = middle;
        } else {
            least = middle;
        }
    }
    Some(most)
}

/// Whether fewer bytes wait; another mark is left behind.
fn is_below(socket: &Socket, bytes: u32) -> bool {
    // None at all is no mark to the kernel.
    if bytes == 0 || !mark(socket, bytes * 2) {
        return false;
    }
    let mut sockets = [PollFd::new(socket, PollFlags::OUT)];
    let polled = poll(&mut sockets, Some(&Timespec::default()));
    let [socket] = sockets;
    polled.is_ok() && socket.revents() == PollFlags::OUT
}

#[cfg(target_os = "linux")]
fn mark(socket: &Socket, bytes: u32) -> bool {
    socket.set_tcp_notsent_lowat(bytes).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn mark(_: &Socket, _: u32) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use socket2::SockRef;

    use super::*;

    #[test]
    fn what_a_client_takes_is_seen_before_the_socket_can_be_written() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut its, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        bound_unsent(&ours);
        let piece = [b'x'; 4096];
        while ours.write(&piece).is_ok() {}
        let mut unsent = Unsent::default();
        let mut look = || unsent.has_shrunk(&SockRef::from(&ours));
        assert!(!look() && !look(), "nothing is taken");
        let mut taken = vec![0; TAKEN as usize / 2];
        its.read_exact(&mut taken).unwrap();
        assert!(!look(), "that is little");
        let mut taken = vec![0; TAKEN as usize + 8192];
        its.read_exact(&mut taken).unwrap();
        // The client says so in its own time.
        while !look() {
            std::thread::yield_now();
        }
        assert!(!look());
        let mark = SockRef::from(&ours).tcp_notsent_lowat().unwrap();
        assert_eq!(mark, UNSENT, "it is as it was");
    }
}
