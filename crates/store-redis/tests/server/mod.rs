//! A redis-server of a test's own.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use panoply_store_redis::RedisStore;
pub(crate) use panoply_store_test::free_port;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// A redis-server on loopback that ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    port: u16,
    options: Vec<String>,
    folder: TempDir,
}

impl Server {
    /// One with nothing in it and nothing kept on disk.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// One with these options too.
    pub(crate) async fn with(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        // Whoever knows nothing of the ports that tests are given may take one; then the server ends.
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let port = free_port();
            let mut server = Self {
                child: spawn(port, &options, folder.path()),
                port,
                options: options.clone(),
                folder,
            };
            if server.answers().await {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// A store in it.
    pub(crate) async fn store(&self) -> RedisStore {
        RedisStore::builder(self.url()).connect().await.unwrap()
    }

    /// A connection to look what is there.
    pub(crate) async fn look(&self) -> MultiplexedConnection {
        let client = redis::Client::open(format!("unix://{}", self.socket().display())).unwrap();
        let config =
            redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .unwrap()
    }

    /// It says nothing from now on.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// It goes on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The same again, on the same port.
    pub(crate) async fn start_again(&mut self) {
        self.kill();
        for _ in 0..50 {
            self.child = spawn(self.port, &self.options, self.folder.path());
            if self.answers().await {
                return;
            }
            self.kill();
        }
        panic!("redis-server does not start again");
    }

    async fn answers(&mut self) -> bool {
        for _ in 0..1000 {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if tokio::net::UnixStream::connect(self.socket()).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, options: &[String], folder: &Path) -> Child {
    let _ = std::fs::remove_file(folder.join("socket"));
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .arg("--unixsocket")
        .arg(folder.join("socket"))
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("redis-server is needed: `apt-get install redis-server`")
}
