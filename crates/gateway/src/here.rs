//! Whether an address leads to the gateway itself: requests would go in a circle until nothing is left of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Whether who connects to this address comes to `listener`.
pub(crate) fn meets(listener: SocketAddr, to: SocketAddr) -> bool {
    let (at, host) = (listener.ip().to_canonical(), to.ip().to_canonical());
    // `[::]` takes IPv4 as well.
    let takes = at.is_unspecified() && (at.is_ipv6() || host.is_ipv4());
    // Whoever connects to `0.0.0.0` comes to the loopback interface.
    let by_loopback = host.is_unspecified() && (at.is_loopback() || at.is_unspecified());
    listener.port() == to.port() && (at == host || by_loopback || (takes && is_own(host)))
}

/// Whether `host` is this machine.
///
/// The system answers from such an address what is sent to it, and from no other. Nothing is sent to find out.
/// (Whether it can be bound would not say: with `net.ipv4.ip_nonlocal_bind` every address can.)
fn is_own(host: IpAddr) -> bool {
    if host.is_loopback() || host.is_unspecified() {
        return true;
    }
    let any: IpAddr = match host {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let answers_from = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((host, 9))?;
        socket.local_addr()
    };
    answers_from().is_ok_and(|from| from.ip() == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address of this machine that is not loopback, if it has any.
    fn own() -> Option<IpAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("198.51.100.7:9").ok()?;
        Some(socket.local_addr().ok()?.ip())
    }

    #[test]
    fn the_gateway_knows_itself_by_every_address() {
        let meets = |at: &str, to: &str| meets(at.parse().unwrap(), to.parse().unwrap());
        for (at, to) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("0.0.0.0:80", "127.0.0.9:80"),
            ("[::]:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("127.0.0.1:80", "0.0.0.0:80"),
            ("198.51.100.7:80", "[::ffff:198.51.100.7]:80"),
        ] {
            assert!(meets(at, to), "{at} {to}");
        }
        for (at, to) in [
            ("0.0.0.0:80", "127.0.0.1:81"),
            ("0.0.0.0:80", "[::1]:80"),
            ("0.0.0.0:80", "198.51.100.7:80"),
            ("[::]:80", "[2001:db8::7]:80"),
            ("127.0.0.1:80", "198.51.100.7:80"),
        ] {
            assert!(!meets(at, to), "{at} {to}");
        }
        if let Some(own) = own() {
            assert!(meets("0.0.0.0:80", &format!("{own}:80")));
            assert!(meets("[::]:80", &format!("{own}:80")));
            assert!(!meets("127.0.0.1:80", &format!("{own}:80")));
        }
    }
}
