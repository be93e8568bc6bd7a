//! A port for an app to listen on.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// How many ports are tried before the kernel is asked for one.
const TRIES: u64 = 64;

/// Fewer ports than this are too few to find one by chance.
const ROOM: u16 = 256;

/// A port that nobody has, and that nobody gets by chance until the app has it: one above those which
/// the kernel gives to connections and to whoever asks for any.
///
/// # Errors
///
/// When there is none.
pub(super) fn free() -> io::Result<u16> {
    let first = above_ephemeral().filter(|first| u16::MAX - first >= ROOM);
    let found = first.and_then(|first| {
        let count = u64::from(u16::MAX - first) + 1;
        let start = RandomState::new().hash_one(first) % count;
        let ports = (start..start + TRIES).map(|number| number % count);
        { ports.filter_map(|number| u16::try_from(u64::from(first) + number).ok()) }
            .find(|port| !is_taken(*port))
    });
    match found {
        Some(port) => Ok(port),
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()
            .map(|address| address.port()),
    }
}

/// Whether an app could not listen on it now.
pub(super) fn is_taken(port: u16) -> bool {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// The first port above those that the kernel gives away, if that is known.
fn above_ephemeral() -> Option<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let last: u16 = range.split_whitespace().next_back()?.parse().ok()?;
    last.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_and_not_the_kernels_to_give_away() {
        let ports: Vec<u16> = (0..8).map(|_| free().unwrap()).collect();
        let above = above_ephemeral().filter(|first| u16::MAX - first >= ROOM);
        for port in &ports {
            let held = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap();
            assert!(is_taken(*port));
            drop(held);
            assert!(above.is_none_or(|first| *port >= first), "{port}");
        }
        assert!(ports.iter().any(|port| port != &ports[0]), "{ports:?}");
    }
}
