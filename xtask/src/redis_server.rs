//! A redis-server that ends with whoever started it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// A server that keeps nothing on disk.
#[derive(Debug)]
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
}

impl RedisServer {
    /// Starts it, and waits until it accepts.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not accept within ten seconds.
    pub(crate) fn start(environment: &[(&str, &std::path::Path)]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server")?;
        let server = Self { child, port };
        let accepts = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        let accepted = (0..100).any(|_| {
            let accepted = accepts();
            if !accepted {
                std::thread::sleep(Duration::from_millis(100));
            }
            accepted
        });
        ensure!(accepted, "redis-server does not listen");
        Ok(server)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
