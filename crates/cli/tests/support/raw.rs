//! Bytes as they are: a socket that sends what no client would, and an app that notes all it is sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::tools::text;

/// What came back, and whether the other side closed.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) closed: bool,
    pub(crate) took: Duration,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        text(&self.bytes)
    }

    /// The status of the first answer; 0 when there was none.
    pub(crate) fn status(&self) -> u16 {
        statuses(&self.text()).first().copied().unwrap_or(0)
    }
}

/// The statuses of all answers in a stream of bytes.
pub(crate) fn statuses(stream: &str) -> Vec<u16> {
    stream
        .match_indices("HTTP/1.")
        .filter_map(|(at, _)| stream.get(at + 9..at + 12)?.parse().ok())
        .collect()
}

/// Sends `bytes` and reads until the other side closes or nothing more came for two seconds.
pub(crate) fn raw(address: &str, bytes: &[u8]) -> Reply {
    let mut socket = Raw::open(address);
    socket.send(bytes);
    socket.read_for(Duration::from_secs(2))
}

/// Sends an honest request and reads its answer: up to five seconds for the first byte, and then
/// until nothing more comes for a moment.
pub(crate) fn ask(address: &str, bytes: &[u8]) -> Reply {
    let mut socket = Raw::open(address);
    socket.send(bytes);
    let mut first = [0; 1];
    socket
        .0
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let got = socket.0.read(&mut first).unwrap_or(0);
    let mut reply = socket.read_for(Duration::from_millis(if got == 0 { 1 } else { 150 }));
    reply.bytes.splice(0..0, first[..got].iter().copied());
    reply
}

/// An open socket.
#[derive(Debug)]
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Sends; a gateway that has closed already is no failure of the test.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Sends from a thread while reading, until the other side closes.
    pub(crate) fn talk(&mut self, bytes: Vec<u8>) -> Reply {
        let mut writer = self.0.try_clone().unwrap();
        let sending = thread::spawn(move || writer.write_all(&bytes).is_ok());
        let reply = self.read_for(Duration::from_secs(5));
        sending.join().unwrap();
        reply
    }

    pub(crate) fn finish_sending(&self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// Reads until the end, or until nothing came for `quiet`.
    pub(crate) fn read_for(&mut self, quiet: Duration) -> Reply {
        let started = Instant::now();
        self.0.set_read_timeout(Some(quiet)).unwrap();
        let mut bytes = Vec::new();
        let mut block = [0; 16 * 1024];
        let closed = loop {
            match self.0.read(&mut block) {
                Ok(0) => break true,
                Ok(read) => bytes.extend_from_slice(&block[..read]),
                Err(error) => break error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        };
        Reply {
            bytes,
            closed,
            took: started.elapsed(),
        }
    }

    /// Reads until `marker` has come.
    pub(crate) fn read_until(&mut self, marker: &str) -> String {
        self.0
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut seen = Vec::new();
        let mut byte = [0; 1];
        while !seen.ends_with(marker.as_bytes()) {
            match self.0.read(&mut byte) {
                Ok(1) => seen.push(byte[0]),
                other => panic!("{other:?} before {marker:?}: {}", text(&seen)),
            }
        }
        text(&seen)
    }
}

/// An app that answers 200 to everything and keeps every byte that reached it.
#[derive(Debug)]
pub(crate) struct Recorder {
    port: u16,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
    }

    /// With an answer of one's own, sent once a request head and its body were read.
    pub(crate) fn answering(answer: &str) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
    }

    /// Where somebody has been before, or is to be.
    pub(crate) fn at(listener: TcpListener, answer: &str) -> Self {
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let answer = answer.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sink, answer) = (Arc::clone(&sink), answer.clone());
                thread::spawn(move || serve(stream, &sink, &answer));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All that came so far.
    pub(crate) fn seen(&self) -> String {
        text(&self.seen.lock().unwrap())
    }

    /// All that came so far, forgotten after.
    pub(crate) fn take(&self) -> String {
        text(&std::mem::take(&mut *self.seen.lock().unwrap()))
    }
}

fn serve(mut stream: TcpStream, sink: &Mutex<Vec<u8>>, answer: &str) {
    let mut buffer = Vec::new();
    let mut block = [0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut block) {
        sink.lock().unwrap().extend_from_slice(&block[..read]);
        buffer.extend_from_slice(&block[..read]);
        while let Some(length) = request_length(&buffer) {
            buffer.drain(..length);
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            if answer.to_ascii_lowercase().contains("connection: close") {
                return;
            }
        }
    }
}

/// The length of the first whole request, when it is there.
pub(super) fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let fields = text(&buffer[..head]).to_ascii_lowercase();
    let field = |name: &str| {
        fields
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    if field("transfer-encoding:").is_some() {
        let find = |from: usize, what: &[u8]| {
            let mut windows = buffer[from..].windows(what.len());
            Some(from + windows.position(|window| window == what)?)
        };
        let last = find(head - 2, b"\r\n0\r\n")?;
        return Some(find(last + 3, b"\r\n\r\n")? + 4);
    }
    let body = field("content-length:")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    (buffer.len() >= head + body).then_some(head + body)
}
