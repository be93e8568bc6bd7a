//! HTTP/2 frames by hand over `openssl s_client`: what no library would let a test send.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::require;

/// A connection.
#[derive(Debug)]
pub(crate) struct H2 {
    child: Child,
    stdin: ChildStdin,
    stdout: Receiver<Vec<u8>>,
    buffer: Vec<u8>,
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

impl H2 {
    /// Connects with ALPN `h2` and exchanges settings.
    pub(crate) fn open(address: &str) -> Self {
        Self::showing(address, &[])
    }

    /// The same with more arguments for `openssl`, such as a certificate.
    pub(crate) fn showing(address: &str, arguments: &[&str]) -> Self {
        require("openssl");
        let mut child = Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-alpn",
                "h2",
                "-servername",
                "localhost",
                "-connect",
                address,
            ])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, stdout) = channel();
        thread::spawn(move || {
            let mut block = [0; 16 * 1024];
            while let Ok(read @ 1..) = output.read(&mut block) {
                if sender.send(block[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take().unwrap();
        let mut connection = Self {
            child,
            stdin,
            stdout,
            buffer: Vec::new(),
        };
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        connection.send(&frame(SETTINGS, 0, 0, &[]));
        connection.send(&frame(SETTINGS, 1, 0, &[]));
        connection
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stdin
            .write_all(bytes)
            .and_then(|()| self.stdin.flush())
            .is_ok()
    }

    /// HEADERS on `stream`, each field a literal that is not indexed.
    pub(crate) fn headers(&mut self, stream: u32, end: bool, fields: &[(&str, &str)]) -> bool {
        let flags = 0x4 | u8::from(end);
        self.send(&frame(HEADERS, flags, stream, &block(fields)))
    }

    /// A `GET` with more fields.
    pub(crate) fn get(&mut self, stream: u32, path: &str, more: &[(&str, &str)]) -> bool {
        let mut fields = vec![
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", path),
        ];
        fields.extend_from_slice(more);
        self.headers(stream, true, &fields)
    }

    /// The next frame, or nothing at the end or after `limit`.
    pub(crate) fn next(&mut self, limit: Duration) -> Option<Frame> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(&[a, b, c, kind, _, d, e, f, g]) = self.buffer.first_chunk::<9>() {
                let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap();
                if self.buffer.len() >= 9 + length {
                    let payload = self.buffer[9..9 + length].to_vec();
                    self.buffer.drain(..9 + length);
                    return Some(Frame {
                        kind,
                        stream: u32::from_be_bytes([d, e, f, g]),
                        payload,
                    });
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.buffer.extend(self.stdout.recv_timeout(left).ok()?);
        }
    }

    /// What became of `stream`: `Ok` with its header block, or how it was refused.
    pub(crate) fn fate(&mut self, stream: u32) -> Result<Vec<u8>, &'static str> {
        while let Some(frame) = self.next(Duration::from_secs(3)) {
            match frame.kind {
                HEADERS if frame.stream == stream => return Ok(frame.payload),
                RST_STREAM if frame.stream == stream => return Err("reset"),
                GOAWAY => return Err("goaway"),
                _ => {}
            }
        }
        Err("silence")
    }
}

impl Drop for H2 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A header block of literals without indexing and without Huffman coding (RFC 7541 §6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            integer(&mut bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// A length with a prefix of seven bits (RFC 7541 §5.1).
fn integer(bytes: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        bytes.push(u8::try_from(value).unwrap());
        return;
    }
    bytes.push(127);
    value -= 127;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128 + 128).unwrap());
        value /= 128;
    }
    bytes.push(u8::try_from(value).unwrap());
}
