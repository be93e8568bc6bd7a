//! A siege: whoever attacks, an honest client beside it, and what is written down of both.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::raw::request_length;
use super::{Gateway, text};

/// Whoever is honest comes from here; attackers come from anywhere else on the loopback.
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// The longest that an honest client waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// The `number`th address of attackers.
pub(crate) fn attacker(number: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(number + 1).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// A connection, with TLS or without.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A connection from an address of one's own, which is reset when dropped: no port waits for its end.
pub(crate) fn connect_from(from: Ipv4Addr, to: &str) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_linger(Some(Duration::ZERO))?;
    // Many connections from one address share its ports as long as they lead elsewhere.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into())?;
    let to: SocketAddr = to.replace("localhost", "127.0.0.1").parse().unwrap();
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// What a client of the gateway's authority needs.
pub(crate) fn tls_client(ca: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A connection that has shaken hands.
pub(crate) fn tls_from(
    from: Ipv4Addr,
    to: &str,
    config: &Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, connect_from(from, to)?);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// An app that answers by the path: `/large` with a megabyte, `/silent` never, the rest with `ok`.
#[derive(Debug)]
pub(crate) struct Arena {
    port: u16,
    seen: Arc<Mutex<HashMap<String, u64>>>,
}

impl Arena {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::default();
        let counts = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&counts);
                // Many wait here at once, and need no more than this.
                let thread = thread::Builder::new().stack_size(128 << 10);
                let _ = thread.spawn(move || play(stream, &counts));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests for paths that begin with `path` came.
    pub(crate) fn seen(&self, path: &str) -> u64 {
        let seen = self.seen.lock().unwrap();
        let wanted = seen.iter().filter(|(name, _)| name.starts_with(path));
        wanted.map(|(_, count)| count).sum()
    }
}

fn play(mut stream: TcpStream, counts: &Mutex<HashMap<String, u64>>) {
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1 << 20);
    let (mut buffer, mut block) = (Vec::new(), vec![0; 16 << 10]);
    while let Ok(read @ 1..) = stream.read(&mut block) {
        buffer.extend_from_slice(&block[..read]);
        while let Some(length) = request_length(&buffer) {
            let head = text(&buffer[..length.min(200)]);
            buffer.drain(..length);
            let path = head.split(' ').nth(1).unwrap_or_default();
            let path: String = path.chars().take(40).collect();
            let sent = match path.as_str() {
                "/silent" => Ok(()),
                "/large" => stream
                    .write_all(large.as_bytes())
                    .and_then(|()| (0..64).try_for_each(|_| stream.write_all(&block))),
                _ => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"),
            };
            *counts.lock().unwrap().entry(path).or_default() += 1;
            if sent.is_err() {
                return;
            }
        }
    }
}

/// How an honest client fared.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) failures: Vec<String>,
    pub(crate) slowest: Duration,
}

/// A client that asks every now and then, ten times on a connection.
#[derive(Debug)]
pub(crate) struct Honest {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Served>,
}

impl Honest {
    pub(crate) fn start(gateway: &Gateway) -> Self {
        let address = gateway.address().to_owned();
        let secure = gateway.origin.starts_with("https:");
        let config = secure.then(|| tls_client(&gateway.ca()));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut served = Served::default();
            let mut kept: Option<Box<dyn Stream>> = None;
            while !stopped.load(Ordering::Relaxed) || served.asked == 0 {
                if served.asked.is_multiple_of(10) {
                    kept = None;
                }
                served.asked += 1;
                let began = Instant::now();
                match ask_once(kept.take(), &address, config.as_ref()) {
                    Ok(stream) => {
                        served.answered += 1;
                        kept = Some(stream);
                    }
                    Err(error) => served.failures.push(error.to_string()),
                }
                served.slowest = served.slowest.max(began.elapsed());
                thread::sleep(Duration::from_millis(20));
            }
            served
        });
        Self { stop, thread }
    }

    /// The siege is over.
    pub(crate) fn stop(self) -> Served {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn ask_once(
    kept: Option<Box<dyn Stream>>,
    address: &str,
    config: Option<&Arc<ClientConfig>>,
) -> io::Result<Box<dyn Stream>> {
    let mut stream: Box<dyn Stream> = match (kept, config) {
        (Some(stream), _) => stream,
        (None, Some(config)) => Box::new(tls_from(HONEST, address, config)?),
        (None, None) => Box::new(connect_from(HONEST, address)?),
    };
    stream.write_all(b"GET /honest HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let (mut said, mut block) = (Vec::new(), [0; 4096]);
    while !said.ends_with(b"\r\n\r\nok\n") {
        match stream.read(&mut block)? {
            0 => return Err(io::Error::other(format!("cut off: {:?}", text(&said)))),
            read => said.extend_from_slice(&block[..read]),
        }
    }
    if said.starts_with(b"HTTP/1.1 200 ") {
        Ok(stream)
    } else {
        Err(io::Error::other(text(&said)))
    }
}

/// One line of the table in docs/hostile.md, and what must hold of it: nobody honest was turned away,
/// and memory stayed below `bound` KiB.
pub(crate) fn withstood(what: &str, tried: &str, gateway: &Gateway, served: &Served, bound: u64) {
    let peak = gateway.process.peak_memory_kib();
    let Served {
        asked, answered, ..
    } = served;
    let line = format!(
        "| {what} | {tried} | {asked} | {answered} | {} | {} ms | {} | {} |",
        served.failures.len(),
        served.slowest.as_millis(),
        peak / 1024,
        bound / 1024
    );
    eprintln!("{line}");
    write_down(&line);
    assert!(
        served.failures.is_empty() && *answered > 0,
        "{what}: honest clients were let down: {:?}",
        served.failures
    );
    assert!(peak < bound, "{what}: {peak} KiB, {bound} allowed");
}

/// Keeps a line for `cargo xtask siege`, where that asks for it.
pub(crate) fn write_down(line: &str) {
    if let Some(folder) = std::env::var_os("PANOPLY_SIEGE_LINES") {
        let name = std::thread::current()
            .name()
            .map(|name| name.replace("::", "-"));
        let path = Path::new(&folder).join(name.unwrap_or_default());
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

/// Whether everything is to be tried as often as the table says, not only as a gate needs.
pub(crate) fn in_full() -> bool {
    std::env::var_os("PANOPLY_SIEGE_LINES").is_some()
}

/// Lets this process, and the gateway that it starts, hold as many connections as the system lets it;
/// gives how many of `wanted` that is.
pub(crate) fn descriptors(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_none_or(|most| most < wanted as u64 + 1000) {
        // Root may have more.
        let more = rustix::process::Rlimit {
            current: Some(wanted as u64 + 1000),
            maximum: Some(wanted as u64 + 1000),
        };
        let _ = setrlimit(Resource::Nofile, more);
        limit = getrlimit(Resource::Nofile);
    }
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    wanted.min(usize::try_from(most).unwrap().saturating_sub(1000))
}

/// The resident size of the gateway now, in KiB.
pub(crate) fn resident_kib(gateway: &Gateway) -> u64 {
    let place = format!("/proc/{}/status", gateway.process.id());
    let status = std::fs::read_to_string(place).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().split_whitespace().next();
    number.unwrap().parse().unwrap()
}

/// How often `rule` has refused.
pub(crate) fn refusals(gateway: &Gateway, rule: &str) -> u64 {
    let metrics = super::curl(
        Path::new("/dev/null"),
        &[&format!("{}/metrics", gateway.admin)],
    );
    let start = format!("panoply_refused_total{{rule=\"{rule}\"}} ");
    let metrics = metrics.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.map_or(0, |count| count.parse().unwrap())
}
