//! `panoply run` in front of an app, with everything it needs in a folder that goes away.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::Process;
use super::{free_port, npm_ci, root, scripts, wait_for};

/// The built binary.
pub(crate) fn panoply() -> Command {
    // `cargo xtask siege` may have another one besieged, built for release.
    let other = std::env::var_os("PANOPLY_TEST_BINARY").map(PathBuf::from);
    plain(&other.unwrap_or_else(|| env!("CARGO_BIN_EXE_panoply").into()))
}

/// What `panoply blocks` says of the gateway that runs on `state`.
pub(crate) fn blocks(state: &Path, arguments: &[&str]) -> Output {
    let mut command = panoply();
    command.arg("blocks").args(arguments);
    command.arg("--state").arg(state).output().unwrap()
}

/// A program without settings from the environment.
fn plain(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PANOPLY_") {
            command.env_remove(name);
        }
    }
    command
}

/// What keeps a demo off the ports that another may hold.
pub(crate) const DEMO_ON_FREE_PORTS: &[&str] = &[
    "--guarded",
    "127.0.0.1:0",
    "--naked",
    "127.0.0.1:0",
    "--start",
    "127.0.0.1:0",
];

/// The command that starts an example.
pub(crate) fn example(name: &str) -> Vec<String> {
    let folder = root().join("examples").join(name);
    npm_ci(&folder);
    vec![
        "node".into(),
        folder.join("server.js").display().to_string(),
    ]
}

/// The command that starts one of the odd apps.
pub(crate) fn test_app(name: &str) -> Vec<String> {
    super::require("node");
    vec![
        "node".into(),
        scripts().join("apps").join(name).display().to_string(),
    ]
}

/// An app with nothing in front of it.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl App {
    pub(crate) fn start(command: &[String]) -> Self {
        let port = free_port();
        let (program, arguments) = command.split_first().unwrap();
        let mut process = Process::start(
            Command::new(program)
                .args(arguments)
                .env("PORT", port.to_string()),
        );
        process.line_with(&[&port.to_string()], Duration::from_secs(20));
        Self { process, port }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// What `panoply run` is given.
#[derive(Debug)]
pub(crate) struct Setup {
    dir: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    command: Vec<String>,
    through: Vec<String>,
    program: PathBuf,
}

/// A gateway that said it is ready.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) process: Process,
    /// Origin of the first URL of the ready line: https, or http where TLS is off.
    pub(crate) origin: String,
    /// Origin of the plain listener, when there is one beside TLS.
    pub(crate) http: Option<String>,
    /// Origin of the admin listener.
    pub(crate) admin: String,
    pub(crate) dir: TempDir,
}

impl Gateway {
    /// Free ports, a fresh state folder, local TLS.
    pub(crate) fn setup() -> Setup {
        let dir = TempDir::with_prefix("panoply-e2e-").unwrap();
        let state = dir.path().join("state").display().to_string();
        let arguments = vec!["run".into(), "--state".into(), state];
        Setup {
            dir,
            arguments,
            environment: Vec::new(),
            command: Vec::new(),
            through: Vec::new(),
            program: panoply().get_program().into(),
        }
    }

    /// In front of an example, with `config` as its panoply.toml.
    pub(crate) fn before_example(name: &str, config: &str) -> Self {
        Self::setup().config(config).command(&example(name)).start()
    }

    /// In front of `upstream`.
    pub(crate) fn before(upstream: &str, config: &str) -> Self {
        Self::setup().config(config).upstream(upstream).start()
    }

    /// The certificate of the local CA.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("state/ca.pem")
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.path().join("panoply.toml")
    }

    /// Has it read `config`, and waits until that is in force: of several times, for each.
    pub(crate) fn reload(&self, config: &str) {
        let reloads = || {
            let said = self.process.said();
            let reloads = said
                .iter()
                .filter(|line| line.contains("has been reloaded"));
            reloads.count()
        };
        let before = reloads();
        std::fs::write(self.config_path(), config).unwrap();
        self.process.signal(Signal::HUP);
        wait_for("the reload", Duration::from_secs(20), || {
            (reloads() > before).then_some(())
        });
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// `ADDRESS:PORT` of [`Gateway::origin`].
    pub(crate) fn address(&self) -> &str {
        authority(&self.origin)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().rsplit(':').next().unwrap().parse().unwrap()
    }
}

impl Setup {
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config(mut self, toml: &str) -> Self {
        let path = self.dir.path().join("panoply.toml");
        std::fs::write(&path, toml).unwrap();
        self.arguments
            .extend(["--config".into(), path.display().to_string()]);
        self
    }

    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(ToString::to_string));
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Another binary than the built one.
    pub(crate) fn program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    pub(crate) fn upstream(self, url: &str) -> Self {
        self.arguments(&["--upstream", url])
    }

    pub(crate) fn command(mut self, command: &[String]) -> Self {
        self.command = command.to_vec();
        self
    }

    /// Has it started by another program, which is given its command line.
    pub(crate) fn through(mut self, program: &[&str]) -> Self {
        self.through = program.iter().map(ToString::to_string).collect();
        self
    }

    /// Starts it without waiting for the ready line.
    pub(crate) fn spawn(self) -> (Process, TempDir, u16) {
        let admin = free_port();
        let mut command = plain(&self.program);
        if let Some((program, arguments)) = self.through.split_first() {
            let own = std::mem::replace(&mut command, Command::new(program));
            command.args(arguments).arg(own.get_program());
            for (name, _) in own.get_envs() {
                command.env_remove(name);
            }
        }
        command
            .args(&self.arguments)
            .args(["--admin", &format!("127.0.0.1:{admin}")]);
        for (flag, section) in [("--listen-http", "http"), ("--listen-https", "https")] {
            let written =
                std::fs::read_to_string(self.dir.path().join("panoply.toml")).is_ok_and(|toml| {
                    toml.lines()
                        .any(|line| line.starts_with(&format!("{section} ")))
                });
            if !written && !self.arguments.iter().any(|argument| argument == flag) {
                command.args([flag, "127.0.0.1:0"]);
            }
        }
        if !self.command.is_empty() {
            command.arg("--").args(&self.command);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.dir.path());
        (Process::start(&mut command), self.dir, admin)
    }

    /// Keeps its state, its CA with it, in another gateway's folder.
    pub(crate) fn state_of(self, other: &Gateway) -> Self {
        self.state_in(&other.dir.path().join("state"))
    }

    /// Keeps its state in a folder of somebody else's.
    pub(crate) fn state_in(mut self, state: &Path) -> Self {
        self.arguments[2] = state.display().to_string();
        self
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(self) -> Gateway {
        let (mut process, dir, admin) = self.spawn();
        let line = process.line_with(&["panoply: ready at "], Duration::from_mins(1));
        let urls = urls(&line);
        let origin = urls
            .first()
            .unwrap_or_else(|| panic!("no URL in {line:?}"))
            .clone();
        let http = urls
            .into_iter()
            .skip(1)
            .find(|url| url.starts_with("http:"));
        Gateway {
            process,
            origin,
            http,
            admin: format!("http://127.0.0.1:{admin}"),
            dir,
        }
    }
}

/// Every origin that a line names.
pub(crate) fn urls(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in line.match_indices("http") {
        let rest = &line[start..];
        let Some((scheme, after)) = rest.split_once("://") else {
            continue;
        };
        if !matches!(scheme, "http" | "https") {
            continue;
        }
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && !".:[]-".contains(c));
        let host = after[..end.unwrap_or(after.len())].trim_end_matches(['.', ':']);
        found.push(format!("{scheme}://{host}"));
    }
    found
}

/// The authority of an origin.
pub(crate) fn authority(origin: &str) -> &str {
    origin
        .split_once("://")
        .map_or(origin, |(_, authority)| authority)
}
