//! `cargo xtask test`: everything that must hold before a change lands.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::install::{self, Tool};
use crate::{root, tools};

/// Programs that the tests start.
const TOOLS: [Tool; 22] = [
    ("git", "git"),
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("chromium", "chromium"),
    ("h2load", "nghttp2-client"),
    ("hydra", "hydra"),
    ("testssl", "testssl.sh"),
    ("python3", "python3"),
    ("cmake", "cmake"),
    ("kill", "procps"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("pebble", "pebble"),
    ("faketime", "faketime"),
    ("haproxy", "haproxy"),
    ("slowhttptest", "slowhttptest"),
    ("redis-server", "redis-server"),
    ("pg_ctlcluster", "postgresql"),
    ("systemd-analyze", "systemd"),
    ("valgrind", "valgrind"),
    ("django-admin", "python3-django"),
    ("php", "php-cli"),
];

/// Where cargo-deny takes the advisories from.
const ADVISORIES: &str = "https://github.com/rustsec/advisory-db";

/// How much of it is run, and what may be installed on the way.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Options {
    /// Only what needs no browser, server or network: formatting, lints, unit tests, conformance.
    #[arg(long)]
    fast: bool,
    /// Installs nothing; says what is missing.
    #[arg(long)]
    no_install: bool,
}

/// One thing that must hold.
struct Step {
    name: &'static str,
    arguments: Vec<&'static str>,
    environment: Option<(&'static str, &'static str)>,
}

/// A call of cargo; its arguments separated by spaces.
fn cargo(name: &'static str, arguments: &'static str) -> Step {
    Step {
        name,
        arguments: arguments.split(' ').collect(),
        environment: None,
    }
}

/// Runs every step, the quick ones first; `true` when all of them hold.
///
/// # Errors
///
/// When something that is needed is missing and cannot be installed.
#[expect(
    clippy::disallowed_methods,
    reason = "it tells a person how long a step took"
)]
pub(crate) fn run(root: &Path, options: Options) -> Result<bool> {
    let begun = Instant::now();
    let mut skipped = Vec::new();
    let steps = steps(options, &mut skipped)?;
    let mut failed = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        println!("== {}/{} {}", number + 1, steps.len(), step.name);
        let started = Instant::now();
        let holds = step.run(root)?;
        let word = if holds { "ok" } else { "FAILED" };
        let seconds = started.elapsed().as_secs();
        println!("== {} {word} after {seconds} s", step.name);
        if !holds {
            failed.push(step.name);
        }
    }
    for (what, why) in &skipped {
        println!("not run: {what}: {why}");
    }
    let (all, minutes) = (steps.len(), begun.elapsed().as_secs() / 60);
    if failed.is_empty() {
        println!("all {all} steps hold, {minutes} min");
    } else {
        let names = failed.join(", ");
        println!("{} of {all} steps failed: {names}", failed.len());
    }
    Ok(failed.is_empty())
}

impl Step {
    fn run(&self, root: &Path) -> Result<bool> {
        let mut command = Command::new("cargo");
        command.args(&self.arguments).current_dir(root);
        command.envs(self.environment).stdin(Stdio::null());
        if !std::io::stdout().is_terminal() {
            // Nobody watches: only what went wrong is worth a line.
            command.env("CARGO_TERM_QUIET", "true");
            command.env("NEXTEST_STATUS_LEVEL", "slow");
            command.env("NEXTEST_FINAL_STATUS_LEVEL", "flaky");
        }
        let status = command.status().context("`cargo` cannot be started")?;
        Ok(status.success())
    }
}

/// What is run, once what it needs is there; what is left out goes to `skipped` with the reason.
fn steps(options: Options, skipped: &mut Vec<(&'static str, &'static str)>) -> Result<Vec<Step>> {
    let Options { fast, no_install } = options;
    if !fast {
        install::packages(&TOOLS, !no_install)?;
        install::node(!no_install)?;
        install::subcommand("cargo-deny", !no_install)?;
        tools::fetch(&root().join("target/tools"), !no_install)?;
    }
    let mut steps = vec![
        cargo("formatting", "fmt --all --check"),
        cargo(
            "lints",
            "clippy --workspace --all-targets --all-features -- -D warnings",
        ),
        Step {
            environment: Some(("RUSTDOCFLAGS", "-D warnings")),
            ..cargo("documentation", "doc --workspace --no-deps --all-features")
        },
    ];
    if install::has("cargo-deny") {
        steps.push(cargo(
            "licences and sources",
            "deny check --hide-inclusion-graph bans licenses sources",
        ));
    } else {
        skipped.push(("licences and sources", "cargo-deny is not installed"));
    }
    if fast {
        skipped.push(("advisories, browsers and servers", "--fast"));
    } else if reachable(ADVISORIES) {
        steps.push(cargo("advisories", "deny check advisories"));
    } else {
        skipped.push(("advisories", "their database cannot be reached from here"));
    }
    steps.push(cargo(
        "conformance",
        "run --quiet --package xtask -- conformance",
    ));
    steps.push(cargo(
        "examples in the documentation",
        "test --doc --workspace --all-features",
    ));
    steps.push(match (install::has("cargo-nextest"), fast) {
        (true, false) => cargo(
            "tests",
            "nextest run --workspace --all-features --no-fail-fast",
        ),
        (true, true) => cargo(
            "unit tests",
            "nextest run --workspace --all-features --lib --bins --test house",
        ),
        (false, false) => cargo(
            "tests",
            "test --workspace --all-features --no-fail-fast --lib --bins --tests",
        ),
        (false, true) => cargo(
            "unit tests",
            "test --workspace --all-features --lib --bins --test house",
        ),
    });
    if fast {
        skipped.push(("instructions of the hot paths", "--fast"));
    } else if cfg!(target_arch = "x86_64") {
        steps.push(cargo(
            "instructions of the hot paths",
            "run --quiet --package xtask -- budget",
        ));
    } else {
        skipped.push(("instructions of the hot paths", "they are those of x86-64"));
    }
    if fast {
        skipped.push(("a flood of five million", "--fast"));
    } else {
        // Seconds when it is optimised, as it is for the step before, and minutes when not.
        steps.push(cargo(
            "a flood of five million",
            "test --quiet --profile measure --package panoply-store-memory --test flood -- --ignored",
        ));
    }
    Ok(steps)
}

/// Whether git can talk to a repository within ten seconds.
fn reachable(repository: &str) -> bool {
    let asked = Command::new("timeout")
        .args(["10", "git", "ls-remote", "--quiet", repository, "HEAD"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .output();
    asked.is_ok_and(|output| output.status.success())
}
