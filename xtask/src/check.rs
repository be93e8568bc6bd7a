//! `cargo xtask test`: everything that must hold before a change lands.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// Programs that the tests start, and the Debian package that each is in.
const TOOLS: [(&str, &str); 7] = [
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("chromium", "chromium"),
    ("h2load", "nghttp2-client"),
    ("testssl", "testssl.sh"),
    ("cmake", "cmake"),
    ("node", "nodejs"),
];

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
    program: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const fn cargo(name: &'static str, arguments: &'static [&'static str]) -> Step {
    Step {
        name,
        program: "cargo",
        arguments,
        environment: &[],
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
    prepare(options)?;
    let mut steps = vec![
        cargo("formatting", &["fmt", "--all", "--check"]),
        cargo(
            "lints",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "-D",
                "warnings",
            ],
        ),
        Step {
            environment: &[("RUSTDOCFLAGS", "-D warnings")],
            ..cargo(
                "documentation",
                &["doc", "--workspace", "--no-deps", "--all-features"],
            )
        },
        cargo(
            "licences and sources",
            &["deny", "check", "bans", "licenses", "sources"],
        ),
        cargo(
            "conformance",
            &["run", "--quiet", "--package", "xtask", "--", "conformance"],
        ),
        cargo(
            "examples in the documentation",
            &["test", "--doc", "--workspace", "--all-features"],
        ),
    ];
    let nextest = has("cargo-nextest");
    steps.push(match (nextest, options.fast) {
        (true, false) => cargo(
            "tests",
            &[
                "nextest",
                "run",
                "--workspace",
                "--all-features",
                "--no-fail-fast",
            ],
        ),
        (true, true) => cargo(
            "unit tests",
            &[
                "nextest",
                "run",
                "--workspace",
                "--all-features",
                "--lib",
                "--bins",
            ],
        ),
        (false, false) => cargo(
            "tests",
            &[
                "test",
                "--workspace",
                "--all-features",
                "--lib",
                "--bins",
                "--tests",
            ],
        ),
        (false, true) => cargo(
            "unit tests",
            &["test", "--workspace", "--all-features", "--lib", "--bins"],
        ),
    });
    let mut failed = Vec::new();
    for step in &steps {
        println!("== {}", step.name);
        let started = Instant::now();
        let status = Command::new(step.program)
            .args(step.arguments)
            .envs(step.environment.iter().copied())
            .current_dir(root)
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("`{}` cannot be started", step.program))?;
        println!("== {} took {} s", step.name, started.elapsed().as_secs());
        if !status.success() {
            failed.push(step.name);
        }
    }
    println!(
        "{} passed, {} failed",
        steps.len() - failed.len(),
        failed.len()
    );
    for name in &failed {
        eprintln!("failed: {name}");
    }
    Ok(failed.is_empty())
}

/// Sees to it that what the steps need is there.
fn prepare(options: Options) -> Result<()> {
    let missing: Vec<_> = TOOLS.iter().filter(|(program, _)| !has(program)).collect();
    if !missing.is_empty() && !options.fast {
        let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
        let list = packages.join(" ");
        if options.no_install || !is_root() || !has("apt-get") {
            bail!("the tests need {list}: install them, for example with `apt-get install {list}`");
        }
        println!("== installing {list}");
        let quiet = ["-qq", "-o=Dpkg::Use-Pty=0"];
        succeed(Command::new("apt-get").args(quiet).arg("update"))?;
        let install = ["install", "--yes", "--no-install-recommends"];
        succeed(
            Command::new("apt-get")
                .args(quiet)
                .args(install)
                .args(&packages)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(Stdio::null()),
        )?;
    }
    if !has("cargo-deny") {
        if options.no_install {
            bail!("the licences are checked by cargo-deny: `cargo install --locked cargo-deny`");
        }
        println!("== installing cargo-deny");
        succeed(Command::new("cargo").args(["install", "--quiet", "--locked", "cargo-deny"]))?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{command:?}"))?;
    if status.success() {
        Ok(())
    } else {
        bail!("{command:?} ended with {status}")
    }
}

/// Whether a program of this name is in `PATH`.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
