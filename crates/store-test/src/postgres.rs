//! A PostgreSQL of the test's own.

#![expect(
    clippy::disallowed_methods,
    reason = "a server starts by the real clock"
)]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server on a socket in a folder that goes away; it ends with the test.
#[derive(Debug)]
pub struct PostgresServer {
    child: Option<Child>,
    dir: TempDir,
    fsync: bool,
}

impl PostgresServer {
    /// Starts one, with a database that is empty.
    pub fn start() -> Self {
        Self::start_with(false)
    }

    /// Starts one that waits for the disk, as those of production do.
    pub fn start_durable() -> Self {
        Self::start_with(true)
    }

    fn start_with(fsync: bool) -> Self {
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
        let mut server = Self {
            child: None,
            dir,
            fsync,
        };
        server.revive();
        server
    }

    /// Starts it again.
    pub fn revive(&mut self) {
        let dir = self.dir.path();
        let child = command("postgres")
            .arg("-D")
            .arg(dir.join("data"))
            .arg("-k")
            .arg(dir)
            .args(["-c", "listen_addresses="])
            .args(["-c", "max_connections=60", "-c"])
            .arg(if self.fsync { "fsync=on" } else { "fsync=off" })
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
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let immediate = Command::new("kill")
            .args(["-QUIT", &child.id().to_string()])
            .status();
        assert!(immediate.unwrap().success());
        child.wait().unwrap();
    }

    /// Ends all of its processes by SIGKILL, so that none of them writes anything any more.
    pub fn kill_outright(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let signal = |signal: &str, pids: &[String]| {
            let mut kill = Command::new("kill");
            kill.arg(signal).args(pids).stderr(Stdio::null());
            kill.status().unwrap().success()
        };
        let main = child.id().to_string();
        // Stopped first, it neither begins others nor tells them to end in order. Each has a
        // process group of its own, so they are found by their parent.
        assert!(signal("-STOP", std::slice::from_ref(&main)));
        let children = format!("/proc/{main}/task/{main}/children");
        let children = std::fs::read_to_string(children).unwrap();
        let children: Vec<String> = children.split_whitespace().map(str::to_owned).collect();
        assert!(!children.is_empty(), "the server has no processes");
        // One that has ended by itself in between is no matter.
        for pid in children {
            signal("-KILL", &[pid]);
        }
        assert!(signal("-KILL", &[main]));
        child.wait().unwrap();
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!(
            "postgres:///postgres?user=panoply&host={}",
            self.dir.path().display()
        )
    }

    /// Runs a statement.
    pub fn sql(&self, statement: &str) -> String {
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

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for PostgresServer {
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
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
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
