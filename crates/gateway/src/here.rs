//! Whether an address leads to the gateway itself: requests would go in a circle until nothing is left of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};

/// Whether who connects to this address comes to `listener`.
pub(crate) fn meets(listener: SocketAddr, to: SocketAddr) -> bool {
    let (at, host) = (listener.ip().to_canonical(), to.ip().to_canonical());
    // `[::]` takes IPv4 as well.
    let takes = at.is_unspecified() && (at.is_ipv6() || host.is_ipv4());
    // Whoever connects to `0.0.0.0` comes to the loopback interface.
    let by_loopback = host.is_unspecified() && (at.is_loopback() || at.is_unspecified());
    listener.port() == to.port() && (at == host || by_loopback || (takes && is_own(host)))
}

/// Whether `host` is this machine. Each of the ways to find out is closed somewhere.
fn is_own(host: IpAddr) -> bool {
    let is_local = host.is_loopback() || host.is_unspecified();
    is_local || is_listed(host) || answers(host) || binds(host)
}

/// Whether one of the network's interfaces has it. A service that systemd confines may not ask for the list.
fn is_listed(host: IpAddr) -> bool {
    let ip_of = |interface: InterfaceAddress| {
        let at = interface.address?;
        let ip_4 = at.as_sockaddr_in().map(|at| IpAddr::V4(at.ip()));
        ip_4.or_else(|| Some(IpAddr::V6(at.as_sockaddr_in6()?.ip())))
    };
    getifaddrs().is_ok_and(|interfaces| interfaces.filter_map(ip_of).any(|ip| ip == host))
}

/// Whether the system answers from it what is sent to it, which it does from no other machine's. Nothing is sent to
/// find out.
///
/// Of an interface's addresses of one network of IPv4 it answers from the first alone.
fn answers(host: IpAddr) -> bool {
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

/// Whether it can be listened on, where that is so of this machine's addresses alone.
fn binds(host: IpAddr) -> bool {
    let family = if host.is_ipv4() { "ipv4" } else { "ipv6" };
    let any = std::fs::read(format!("/proc/sys/net/{family}/ip_nonlocal_bind"));
    any.is_ok_and(|any| any.starts_with(b"0")) && UdpSocket::bind((host, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interface_has_is_its_own_whatever_the_system_answers_from() {
        assert!(is_listed(Ipv4Addr::LOCALHOST.into()));
        assert!(!binds(Ipv4Addr::new(198, 51, 100, 7).into()));
        // Of the whole network, which is all this machine's, the interface has one.
        assert!(!is_listed(Ipv4Addr::new(127, 9, 9, 9).into()));
        assert!(!is_listed(Ipv4Addr::new(198, 51, 100, 7).into()));
    }

    /// Begins itself anew in a network of its own, where that may be.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_interfaces_second_address_is_its_own() {
        const INSIDE: &str = "IN_A_NETWORK_OF_ITS_OWN";
        if std::env::var_os(INSIDE).is_some() {
            for last in [1, 2] {
                let host = Ipv4Addr::new(10, 9, 0, last).into();
                assert!(is_own(host) && is_listed(host) && binds(host), "{host}");
            }
            assert!(!is_own(Ipv4Addr::new(198, 51, 100, 7).into()));
            return;
        }
        let network = "ip link set lo up && ip address add 10.9.0.1/24 dev lo && ip address add 10.9.0.2/24 dev lo";
        let may = |script: &str| {
            let mut command = std::process::Command::new("unshare");
            command.args(["--net", "sh", "-c", script]);
            command.arg(std::env::current_exe().unwrap());
            let output = command.env(INSIDE, "1").output();
            output.is_ok_and(|output| output.status.success())
        };
        let run = "exec \"$0\" --exact here::tests::an_interfaces_second_address_is_its_own";
        assert!(!may(network) || may(&format!("{network} && {run}")));
    }

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
