//! A PostgreSQL of the test's own.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "each test uses its own part of this, says no by panicking, and waits by the real clock"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use panoply_core::{Block, BlockId, CounterStore, Decision, Op, Release, Reply};
use panoply_store_postgres::PostgresStore;
use tempfile::TempDir;

/// A server on a socket in a folder that goes away; it ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    child: Option<Child>,
    dir: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        tokio::task::spawn_blocking(Self::start_now).await.unwrap()
    }

    fn start_now() -> Self {
        let dir = TempDir::with_prefix("panoply-pg-").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = dir.path().join("data");
        let made = command("initdb")
            .args([
                "--username=panoply",
                "--auth=trust",
                "--no-sync",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb");
        let mut server = Self { child: None, dir };
        server.revive();
        server
    }

    /// Starts it again.
    pub(crate) fn revive(&mut self) {
        let dir = self.dir.path();
        let child = command("postgres")
            .arg("-D")
            .arg(dir.join("data"))
            .arg("-k")
            .arg(dir)
            .args(["-c", "listen_addresses="])
            .args(["-c", "fsync=off", "-c", "max_connections=60"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        let ready = || {
            let status = command("pg_isready")
                .arg("-h")
                .arg(dir)
                .args(["-U", "panoply", "-d", "postgres"])
                .stdout(Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        while !ready() {
            assert!(Instant::now() < deadline, "postgres did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let immediate = Command::new("kill")
            .args(["-QUIT", &child.id().to_string()])
            .status();
        assert!(immediate.unwrap().success());
        child.wait().unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "postgres:///postgres?user=panoply&host={}",
            self.dir.path().display()
        )
    }

    pub(crate) async fn store(&self, schema: &str) -> PostgresStore {
        let store = PostgresStore::builder(self.url())
            .schema(schema)
            .connections(8);
        store.connect().await.unwrap()
    }

    /// Runs a statement.
    pub(crate) fn sql(&self, statement: &str) -> String {
        let output = command("psql")
            .arg("-h")
            .arg(self.dir.path())
            .args(["-U", "panoply", "-d", "postgres", "-At", "-c", statement])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of PostgreSQL, as somebody who is not root: it refuses root.
fn command(program: &str) -> Command {
    let path = programs().join(program);
    assert!(
        path.is_file(),
        "PostgreSQL is not installed; `cargo xtask test` installs what the tests need"
    );
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    });
    if is_root && matches!(program, "initdb" | "postgres") {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command.arg(path);
        command.current_dir("/");
        return command;
    }
    let mut command = Command::new(path);
    command.current_dir("/");
    command
}

/// The folder with the programs of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest = versions
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .max();
    newest.unwrap_or_else(|| PathBuf::from("/usr/bin"))
}

/// A store together with the server that it needs.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) store: PostgresStore,
    pub(crate) server: Server,
}

impl CounterStore for Own {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        self.store.decide(ops)
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.store.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.store.release(which)
    }
}
