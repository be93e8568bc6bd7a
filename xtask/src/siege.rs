//! `cargo xtask siege`: the hostile clients of the end-to-end tests in full, and the table of them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{docs, root};

const TITLE: &str = "## Hostile clients";
const KILLED: &str = "## Killed under load";

/// The modules of the end-to-end tests that say what they tried.
const SUITES: [&str; 5] = [
    "siege",
    "siege_http2",
    "siege_sizes",
    "smuggling",
    "faults_killed",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway that is besieged, where it is not the tests' own, such as
    /// `target/release/panoply`.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How often it is killed.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Those alone; the page keeps its tables.
    suites: Vec<String>,
}

/// Runs them one after the other, and writes their sections of `docs/hostile.md`; `true` when all were
/// withstood.
///
/// # Errors
///
/// When the tests cannot be started.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let lines = tempfile::tempdir()?;
    let mut command = Command::new("cargo");
    command.args([
        "nextest",
        "run",
        "-p",
        "panoply-cli",
        "--test",
        "e2e",
        "-j",
        "1",
        "--no-fail-fast",
    ]);
    let all = SUITES.map(str::to_owned);
    let suites = if options.suites.is_empty() {
        all.as_slice()
    } else {
        &options.suites
    };
    command
        .args(["-E", &format!("test(/^({})::/)", suites.join("|"))])
        .env("PANOPLY_SIEGE_LINES", lines.path())
        .env("PANOPLY_KILLS", options.kills.to_string())
        .current_dir(root());
    let besieged = match &options.binary {
        Some(binary) => {
            let binary = binary.canonicalize();
            let binary = binary.with_context(|| format!("{:?} is not there", options.binary))?;
            command.env("PANOPLY_TEST_BINARY", &binary);
            "a release build"
        }
        None => "a debug build",
    };
    let held = command
        .status()
        .context("`cargo` cannot be started")?
        .success();
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(lines.path())? {
        let text = std::fs::read_to_string(entry?.path())?;
        rows.extend(text.lines().map(str::to_owned));
    }
    rows.sort();
    let (killed, besiegers): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| row.starts_with("| killed"));
    for row in besiegers.iter().chain(&killed) {
        println!("{row}");
    }
    if held && options.suites.is_empty() {
        ensure!(
            !besiegers.is_empty() && !killed.is_empty(),
            "no test has said anything"
        );
        docs::replace_section(docs::HOSTILE, TITLE, &table(besieged, &besiegers))?;
        let kills = options.kills;
        let section = format!(
            "{KILLED}\n\nMade by the same command, with `--kills {kills}`: SIGKILL at random moments while \
             logins are guessed and addresses blocked, with SQLite; the next process is asked for all that \
             was acknowledged.\n\n| | acknowledged | |\n|---|---|---|\n{}\n",
            killed.join("\n")
        );
        docs::replace_section(docs::HOSTILE, KILLED, &section)?;
    }
    Ok(held)
}

fn table(besieged: &str, rows: &[String]) -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{TITLE}\n\nMade by `cargo xtask siege`, which runs the end-to-end suites of these names in full \
         against {besieged}; a gate runs them as well, some with less of it. Everything runs on the same \
         {cores} cores. Beside each attack an honest client asks every 20 ms, from another address, every \
         tenth time on a new connection. Memory is the greatest resident size of the process, and \
         what the test allows.\n\n\
         | attack | tried | honest: asked | answered | failed | slowest | MiB at most | allowed |\n\
         |---|---|---|---|---|---|---|---|\n{}\n",
        rows.join("\n")
    )
}
