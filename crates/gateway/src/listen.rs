//! Sockets: bound here, or handed over by systemd.

use std::borrow::Cow;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::handover::Entrance;
use listenfd::ListenFd;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that the kernel keeps until a worker takes them.
const BACKLOG: i32 = 1024;

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(.source, *.ours))]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
    /// What the gateway that is to be replaced listens on in its place.
    ours: Option<SocketAddr>,
}

impl ListenError {
    /// The one that has the port is the gateway that is to be replaced, which listens on `address`.
    pub(crate) const fn ours(mut self, address: Option<SocketAddr>) -> Self {
        self.ours = address;
        self
    }

    /// The port that could not be had.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }
}

fn hint(error: &io::Error, ours: Option<SocketAddr>) -> Cow<'static, str> {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => match ours {
            Some(address) => {
                return format!(
                    "; the gateway that is to be replaced listens on {address}, and leaves that only to \
                     a listener with the same key and address: stop it first, or choose another port"
                )
                .into();
            }
            None => {
                "; another program listens there: end it, or choose another address (`--listen-https` and \
                 `--listen-http` of `panoply run`, `--guarded` of `panoply demo`)"
            }
        },
        io::ErrorKind::PermissionDenied => {
            "; a port below 1024 needs root or CAP_NET_BIND_SERVICE: choose one above, or have \
             systemd pass the socket"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    };
    hint.into()
}

/// The sockets that clients come to.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub(crate) http: Vec<TcpListener>,
    pub(crate) https: Vec<TcpListener>,
    pub(crate) admin: Vec<TcpListener>,
    /// Those that were closed, with where and how many they were.
    closed: Vec<(Entrance, SocketAddr, usize)>,
}

impl Listeners {
    pub(crate) const fn new(
        http: Vec<TcpListener>,
        https: Vec<TcpListener>,
        admin: Vec<TcpListener>,
    ) -> Self {
        Self {
            http,
            https,
            admin,
            closed: Vec::new(),
        }
    }

    fn of(&mut self, entrance: Entrance) -> Option<&mut Vec<TcpListener>> {
        match entrance {
            Entrance::Http => Some(&mut self.http),
            Entrance::Https => Some(&mut self.https),
            Entrance::Admin => Some(&mut self.admin),
            Entrance::Control => None,
        }
    }

    /// Whoever comes there is refused from now on, and does not wait for nobody.
    pub(crate) fn close(&mut self, entrance: Entrance) {
        let sockets = self.of(entrance).map(std::mem::take).unwrap_or_default();
        let address = sockets.first().and_then(|socket| socket.local_addr().ok());
        let closed = address.map(|address| (entrance, address, sockets.len()));
        self.closed.extend(closed);
    }

    /// Listens again where it was closed.
    ///
    /// # Errors
    ///
    /// Where somebody else does by now, for instance; it listens where it can.
    pub(crate) fn reopen(&mut self) -> Result<(), ListenError> {
        let mut done = Ok(());
        for (entrance, address, count) in std::mem::take(&mut self.closed) {
            match bind(address, count) {
                Ok(bound) => {
                    if let Some(sockets) = self.of(entrance) {
                        *sockets = bound;
                    }
                }
                Err(error) => done = Err(error),
            }
        }
        done
    }
}

/// One socket for each of `workers` on `address`, so that each core accepts for itself.
///
/// # Errors
///
/// When the address is taken, forbidden, or not this machine's.
pub(crate) fn bind(address: SocketAddr, workers: usize) -> Result<Vec<TcpListener>, ListenError> {
    let failed = |source| ListenError {
        address,
        source,
        ours: None,
    };
    if address.port() != 0 {
        // Two gateways that share the port would share the clients too: without SO_REUSEPORT this
        // fails when anybody listens there already.
        socket(address, false).map_err(failed)?;
    }
    let first = socket(address, true).map_err(failed)?;
    let bound = first.local_addr().map_err(failed)?;
    let rest = (1..workers).map(|_| socket(bound, true));
    std::iter::once(Ok(first))
        .chain(rest)
        .collect::<io::Result<_>>()
        .map_err(failed)
}

fn socket(address: SocketAddr, share: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if share {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Whatever `net.ipv6.bindv6only` says.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    ready(socket.into())
}

/// Sets what a listener, and on Linux every connection that it accepts, has to have: small answers go
/// out at once instead of waiting for an acknowledgement, and whoever has vanished is missed.
fn ready(listener: TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    miss_the_vanished(&listener)?;
    Ok(listener)
}

/// For how long a connection is quiet before the kernel asks whether the other side is there.
const QUIET: Duration = Duration::from_mins(1);

/// How long it waits between questions, and how many remain without an answer.
const AGAIN: Duration = Duration::from_secs(15);
const QUESTIONS: u32 = 4;

/// Has the kernel end a connection whose other side has gone without a word, as a telephone does in a
/// tunnel and a router that forgets. A WebSocket may be quiet as long as it likes and no time limit of ours
/// ends it, nor an answer that has nothing to say for now: without this, places would be taken for ever.
pub(crate) fn miss_the_vanished(socket: &impl AsFd) -> io::Result<()> {
    let asks = TcpKeepalive::new().with_time(QUIET);
    let asks = asks.with_interval(AGAIN).with_retries(QUESTIONS);
    SockRef::from(socket).set_tcp_keepalive(&asks)
}

/// Sockets that the gateway before this one has listened on.
///
/// # Errors
///
/// When one of them cannot be listened on.
pub(crate) fn taken_over(sockets: Vec<OwnedFd>) -> io::Result<Vec<TcpListener>> {
    sockets
        .into_iter()
        .map(TcpListener::from)
        .map(ready)
        .collect()
}

/// Divides sockets among `workers`: each has at least one, and each socket at least one worker, or
/// whoever waits there would wait for ever.
///
/// # Errors
///
/// When one cannot be shared.
pub(crate) fn divide(sockets: &[TcpListener], workers: usize) -> io::Result<Vec<Vec<TcpListener>>> {
    let mut shares: Vec<Vec<TcpListener>> = Vec::new();
    shares.resize_with(workers, Vec::new);
    let places = (0..workers.max(sockets.len())).zip(sockets.iter().cycle());
    for (number, socket) in places {
        if let Some(share) = shares.get_mut(number % workers.max(1)) {
            share.push(socket.try_clone()?);
        }
    }
    Ok(shares)
}

/// The sockets that systemd passed (`sd_listen_fds(3)`), in the order of its unit.
///
/// # Errors
///
/// When one of them is no TCP listener.
pub(crate) fn inherited() -> io::Result<Vec<TcpListener>> {
    let mut passed = ListenFd::from_env();
    let listeners = (0..passed.len()).map(|index| passed.take_tcp_listener(index));
    listeners
        .filter_map(Result::transpose)
        .map(|listener| listener.and_then(ready))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_accepted_waits_for_no_acknowledgement_and_misses_who_has_vanished() {
        let bound = || bind(([127, 0, 0, 1], 0).into(), 1).unwrap().remove(0);
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        for listener in [bound(), taken_over(vec![other.into()]).unwrap().remove(0)] {
            listener.set_nonblocking(false).unwrap();
            let address = listener.local_addr().unwrap();
            let client = std::net::TcpStream::connect(address).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            assert!(accepted.nodelay().unwrap());
            assert!(!client.nodelay().unwrap());
            let asks = SockRef::from(&accepted);
            assert!(asks.keepalive().unwrap());
            assert_eq!(asks.tcp_keepalive_time().unwrap(), QUIET);
            assert_eq!(asks.tcp_keepalive_interval().unwrap(), AGAIN);
            assert_eq!(asks.tcp_keepalive_retries().unwrap(), QUESTIONS);
        }
    }

    #[test]
    fn every_address_is_of_both_protocols() {
        let everywhere = Address::everywhere(0).socket().unwrap();
        let listener = bind(everywhere, 1).unwrap().remove(0);
        listener.set_nonblocking(false).unwrap();
        let port = listener.local_addr().unwrap().port();
        let over_ipv6 = std::net::TcpStream::connect(("::1", port));
        assert_eq!(
            over_ipv6.is_ok(),
            TcpListener::bind("[::1]:0").is_ok(),
            "where the machine has it"
        );
        let over_ipv4 = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut from = Vec::new();
        for _ in 0..=usize::from(over_ipv6.is_ok()) {
            from.push(listener.accept().unwrap().1.ip().to_canonical());
        }
        assert!(from.contains(&over_ipv4.local_addr().unwrap().ip()));
    }

    #[test]
    fn who_finds_the_port_taken_is_told_which_word_names_another() {
        let there = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = bind(there.local_addr().unwrap(), 1).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("(`--listen-https` and"), "{said}");
    }

    #[test]
    fn no_worker_and_no_socket_is_left_out() {
        let sockets = |count| match count {
            0 => Vec::new(),
            count => bind(([127, 0, 0, 1], 0).into(), count).unwrap(),
        };
        let shares = |count, workers| -> Vec<usize> {
            let shares = divide(&sockets(count), workers).unwrap();
            shares.iter().map(Vec::len).collect()
        };
        assert_eq!(shares(2, 2), [1, 1]);
        assert_eq!(shares(1, 3), [1, 1, 1], "one that systemd passed");
        assert_eq!(shares(5, 2), [3, 2], "more cores before");
        assert!(divide(&[], 2).unwrap().iter().all(Vec::is_empty));
    }
}
