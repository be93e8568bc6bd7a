//! An app that others can reach past the gateway.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `TCP_LISTEN` in Linux's tables of sockets.
const LISTENS: &str = "0A";

/// Says so where the app listens on more than loopback: Node.js does unless it is told otherwise, and
/// then whoever reaches the machine comes past every guard, and is believed who he says he is.
pub(super) fn warn(port: u16) {
    if let Some(address) = listener(port, is_ours) {
        tracing::warn!(
            %address,
            port,
            "the app listens on more than loopback, so that other machines may reach it past the gateway: \
             have it listen on 127.0.0.1 (`app.listen(process.env.PORT, '127.0.0.1')`, `next start -H \
             127.0.0.1`), or close the port to them"
        );
    }
}

/// The address, if there is one that is not loopback, on which a socket that is not `ours` listens on `port`;
/// nothing where the kernel does not say.
fn listener(port: u16, ours: fn(&str) -> bool) -> Option<IpAddr> {
    // By this name also where a unit leaves of /proc only what is of processes (`ProcSubset=pid`).
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let mut tables = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    tables.find_map(|table| in_table(&table, port, ours))
}

fn in_table(table: &str, port: u16, ours: fn(&str) -> bool) -> Option<IpAddr> {
    let mut listeners = table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, state) = (columns.next()?, columns.nth(1)?);
        let (address, its) = local.split_once(':')?;
        let here = state == LISTENS && u16::from_str_radix(its, 16) == Ok(port);
        let address = here.then(|| read(address)).flatten()?;
        Some((address, columns.nth(5)?))
    });
    let listener = listeners.find(|(address, inode)| !address.is_loopback() && !ours(inode));
    listener.map(|(address, _)| address)
}

/// Whether the socket is the gateway's own, which may have the app's port on another address.
fn is_ours(inode: &str) -> bool {
    let name = format!("socket:[{inode}]");
    let mut held = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    held.any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == &*name))
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

    fn on(address: &str) -> Option<IpAddr> {
        let socket = TcpListener::bind((address, 0)).unwrap();
        listener(socket.local_addr().unwrap().port(), |_| false)
    }

    #[test]
    fn the_gateway_itself_is_not_the_app() {
        let socket = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(listener(port, |_| false).is_some());
        assert_eq!(listener(port, is_ours), None);
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
    fn a_connection_is_no_listener() {
        let socket = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let _client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let _server = socket.accept().unwrap();
        drop(socket);
        assert_eq!(listener(port, |_| false), None);
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
        let nobody = |inode: &str| inode != "4242";
        assert_eq!(in_table(&line("0A"), 0x1f90, nobody), Some(ten.into()));
        assert_eq!(in_table(&line("01"), 0x1f90, nobody), None);
        assert_eq!(in_table(&line("0A"), 0x1f91, nobody), None);
    }

    #[test]
    fn what_is_no_table_says_nothing() {
        for table in ["", "x\ny", "x\n 0: zz:1F90 0 0A", "x\n 0: 00:1F90 0 0A"] {
            assert_eq!(in_table(table, 0x1f90, is_ours), None, "{table}");
        }
    }
}
