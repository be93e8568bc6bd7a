//! Ports for the servers that tests start.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where ports are looked for: below those that the kernel gives to outgoing connections
/// (`net.ipv4.ip_local_port_range`), one of which could take a port between finding and using it.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// Holds what this process has been given, so that no test beside it is given the same.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port of this machine's loopback address that nobody else has, for as long as this process runs.
///
/// ```
/// let (one, other) = (panoply_store_test::free_port(), panoply_store_test::free_port());
/// assert_ne!(one, other);
/// ```
///
/// # Panics
///
/// When none is left, or the system's folder for temporary files cannot be written to.
pub fn free_port() -> u16 {
    let folder = std::env::temp_dir().join("panoply-ports");
    std::fs::create_dir_all(&folder).unwrap();
    // Neighbours begin at different places.
    let start = std::process::id().wrapping_mul(61);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(FIRST + start.wrapping_add(step) % COUNT).unwrap();
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(port.to_string()))
            .unwrap();
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            HELD.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(lock);
            return port;
        }
    }
    panic!("no port of {COUNT} is free");
}
