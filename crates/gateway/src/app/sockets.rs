//! Who listens where, as Linux tells it.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::process::Pid;

use crate::proc_stat;

/// `TCP_LISTEN` in Linux's tables of sockets.
const LISTENS: &str = "0A";

/// A connection that is being made, that stands, or of which the other side has ended its part.
const CONNECTED: [&str; 3] = ["02", "01", "08"];

/// A socket that listens, and what it is called among the files of its process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) inode: String,
}

/// All that listen, in no order; none where the kernel does not say.
pub(super) fn listeners() -> Vec<Listener> {
    tables().flat_map(|table| in_table(&table)).collect()
}

/// Whether anybody on this machine is connected to a port of its loopback.
pub(super) fn are_connected_to(port: u16) -> bool {
    tables().any(|table| is_connected(&table, port))
}

fn tables() -> impl Iterator<Item = String> {
    // By this name also where a unit leaves of /proc only what is of processes (`ProcSubset=pid`).
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let texts = tables.into_iter().map(fs::read_to_string);
    texts.filter_map(Result::ok)
}

fn is_connected(table: &str, port: u16) -> bool {
    let is_to = |line: &str| {
        let mut columns = line.split_whitespace().skip(2);
        let (remote, state) = (columns.next()?, columns.next()?);
        let (ip, at) = remote
            .split_once(':')
            .filter(|_| CONNECTED.contains(&state))?;
        let is_there = u16::from_str_radix(at, 16) == Ok(port);
        Some(is_there && read(ip)?.is_loopback())
    };
    table.lines().skip(1).any(|line| is_to(line) == Some(true))
}

fn in_table(table: &str) -> Vec<Listener> {
    let listener = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, state) = (columns.next()?, columns.nth(1)?);
        let (ip, port) = local.split_once(':').filter(|_| state == LISTENS)?;
        Some(Listener {
            address: SocketAddr::new(read(ip)?, u16::from_str_radix(port, 16).ok()?),
            inode: columns.nth(5)?.to_owned(),
        })
    };
    table.lines().skip(1).filter_map(listener).collect()
}

/// Where the processes of a group listen: those of this user's, or all to root.
pub(super) fn of_group(group: Pid) -> Vec<SocketAddr> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let held: HashSet<String> = numbers
        .filter(|process| is_in(*process, group))
        .flat_map(|process| held_by(&process.to_string()))
        .collect();
    let listeners = listeners().into_iter();
    let mut addresses: Vec<_> = listeners
        .filter(|listener| held.contains(&listener.inode))
        .map(|listener| listener.address)
        .collect();
    addresses.sort_unstable();
    addresses
}

/// Whether some process of a group listens on `port`.
pub(crate) fn listens(group: Pid, port: u16) -> bool {
    let mut addresses = of_group(group).into_iter();
    addresses.any(|address| address.port() == port)
}

/// What the sockets are called that a process, `self` or a number, has open.
pub(super) fn held_by(process: &str) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{process}/fd"));
    let files = files.into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    let inode = |link: &std::path::Path| {
        let name = link.to_str()?.strip_prefix("socket:[")?;
        name.strip_suffix(']').map(str::to_owned)
    };
    links.filter_map(|link| inode(&link)).collect()
}

fn is_in(process: u32, group: Pid) -> bool {
    let Ok(line) = fs::read_to_string(format!("/proc/{process}/stat")) else {
        return false;
    };
    let found = proc_stat::fields(&line).and_then(|mut fields| fields.nth(2));
    found.and_then(|number| number.parse().ok()) == Some(group.as_raw_nonzero().get())
}

/// Groups of four bytes, each in the machine's own order.
fn read(address: &str) -> Option<IpAddr> {
    let group = |at: usize| {
        let group = address.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(group, 16).ok().map(u32::to_ne_bytes)
    };
    match address.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(group(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, into) in bytes.chunks_exact_mut(4).enumerate() {
                into.copy_from_slice(&group(at)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_socket_is_found_by_its_address_and_its_group() {
        for ip in ["127.0.0.1", "127.0.0.9", "::1", "0.0.0.0", "::"] {
            let socket = TcpListener::bind((ip, 0)).unwrap();
            let address = socket.local_addr().unwrap();
            let found = listeners().into_iter().any(|one| one.address == address);
            assert!(found, "{address}");
            let own = rustix::process::getpgrp();
            assert!(of_group(own).contains(&address), "{address}");
            // The first process has a group of its own, here or in a container.
            assert!(!of_group(Pid::INIT).contains(&address), "{address}");
        }
    }

    #[test]
    fn a_connection_is_seen_until_it_ends() {
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = socket.local_addr().unwrap();
        assert!(!are_connected_to(address.port()));
        let client = std::net::TcpStream::connect(address).unwrap();
        let (server, _) = socket.accept().unwrap();
        assert!(are_connected_to(address.port()));
        // It may have been answered, and not have read that yet.
        drop(server);
        assert!(are_connected_to(address.port()));
        drop(client);
        assert!(!are_connected_to(address.port()));
    }

    #[test]
    fn a_connection_is_no_listener() {
        let socket = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let _client = std::net::TcpStream::connect(("127.0.0.1", address.port())).unwrap();
        let _server = socket.accept().unwrap();
        drop(socket);
        let there = listeners().into_iter().map(|one| one.address.port());
        assert!(!there.into_iter().any(|port| port == address.port()));
    }

    #[test]
    fn whoever_is_connected_does_not_listen() {
        let ten = Ipv4Addr::new(10, 0, 0, 1);
        let address = u32::from_ne_bytes(ten.octets());
        let line = |state| {
            format!(
                "  sl\n   0: {address:08X}:1F90 0200000A:9C40 {state} 00000000:00000000 00:00000000 00000000 \
                 1000 0 4242 1"
            )
        };
        let listener = Listener {
            address: SocketAddr::new(ten.into(), 0x1f90),
            inode: "4242".to_owned(),
        };
        assert_eq!(in_table(&line("0A")), [listener]);
        assert_eq!(in_table(&line("01")), []);
    }

    #[test]
    fn what_is_no_table_says_nothing() {
        for table in ["", "x\ny", "x\n 0: zz:1F90 0 0A", "x\n 0: 00:1F90 0 0A"] {
            assert_eq!(in_table(table), [], "{table}");
        }
    }
}
