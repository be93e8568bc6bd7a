//! A redis-server of the test's own.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::Process;
use super::{Raw, free_port, require};

/// A server that ends with the test.
#[derive(Debug)]
pub(crate) struct Redis {
    process: Process,
    port: u16,
    dir: TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let dir = TempDir::with_prefix("panoply-redis-").unwrap();
        let port = free_port();
        let process = serve(&dir, port);
        Self { process, port, dir }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Has it do one thing, such as `REPLICAOF NO ONE`.
    pub(crate) fn command(&self, line: &str) {
        let mut socket = Raw::open(&format!("127.0.0.1:{}", self.port));
        socket.send(format!("{line}\r\n").as_bytes());
        assert_eq!(socket.read_until("\r\n"), "+OK\r\n", "{line}");
    }

    /// Ends it at once and starts it again, with what it had written down.
    pub(crate) fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.status(Duration::from_secs(10));
    }

    pub(crate) fn revive(&mut self) {
        self.process = serve(&self.dir, self.port);
    }
}

fn serve(dir: &TempDir, port: u16) -> Process {
    require("redis-server");
    let mut process = Process::start(
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args([
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ])
            .current_dir(dir.path()),
    );
    process.line_with(&["Ready to accept connections"], Duration::from_secs(20));
    process
}
