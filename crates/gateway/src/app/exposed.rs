//! An app that others can reach past the gateway, or that the gateway itself cannot reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::process::Pid;

use super::sockets;

/// Says so where the app listens on more than loopback: Node.js does unless it is told otherwise, and
/// then whoever reaches the machine comes past every guard, and is believed who he says he is.
pub(super) fn warn(port: u16) {
    if let Some(address) = exposed(port, &sockets::held_by("self")) {
        tracing::warn!(
            %address,
            port,
            "the app listens on more than loopback, so that other machines may reach it past the gateway: \
             have it listen on 127.0.0.1 (`app.listen(process.env.PORT, '127.0.0.1')`, `next start -H \
             127.0.0.1`), or close the port to them"
        );
    }
}

/// Says so where what the app has started listens, but not on the `port` that it is told: many servers to
/// develop with do not look at PORT.
pub(super) fn warn_of_another_port(app: Option<Pid>, port: u16) -> bool {
    let listens = app.map(sockets::of_group).unwrap_or_default();
    let Some(first) = listens.first().map(|address| reached(*address)) else {
        return false;
    };
    tracing::warn!(
        port,
        listens = ?listens,
        "the app does not accept connections on PORT, which tells it where to listen, but on a port of its \
         own. Hand it over on its command line (`panoply run -- sh -c 'exec npx vite --port $PORT'`), or start \
         the app by itself and run `panoply run --upstream http://{first}`"
    );
    true
}

/// Where who listens there is reached from this machine.
fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// The address, if there is one that is not loopback, on which a socket that is not `ours` listens on `port`:
/// the gateway may have the app's port on another address itself.
fn exposed(port: u16, ours: &[String]) -> Option<IpAddr> {
    let mut listeners = sockets::listeners().into_iter();
    let listener = listeners.find(|listener| {
        let address = listener.address;
        address.port() == port && !address.ip().is_loopback() && !ours.contains(&listener.inode)
    });
    listener.map(|listener| listener.address.ip())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn on(address: &str) -> Option<IpAddr> {
        let socket = TcpListener::bind((address, 0)).unwrap();
        exposed(socket.local_addr().unwrap().port(), &[])
    }

    #[test]
    fn the_gateway_itself_is_not_the_app() {
        let socket = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(exposed(port, &[]).is_some());
        assert_eq!(exposed(port, &sockets::held_by("self")), None);
    }

    #[test]
    fn loopback_alone_is_nobody_elses() {
        for loopback in ["127.0.0.1", "127.0.0.9", "::1"] {
            assert_eq!(on(loopback), None, "{loopback}");
        }
        assert_eq!(on("0.0.0.0"), Some(Ipv4Addr::UNSPECIFIED.into()));
        assert_eq!(on("::"), Some(Ipv6Addr::UNSPECIFIED.into()));
        assert_eq!(
            on("::ffff:127.0.0.1"),
            None,
            "loopback, as a socket of either kind has it"
        );
    }

    #[test]
    fn everywhere_is_reached_here() {
        for (address, by) in [
            ("0.0.0.0:5173", "127.0.0.1:5173"),
            ("[::]:5173", "[::1]:5173"),
            ("[::1]:5173", "[::1]:5173"),
            ("192.0.2.2:5173", "192.0.2.2:5173"),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(reached(address).to_string(), by);
        }
    }
}
