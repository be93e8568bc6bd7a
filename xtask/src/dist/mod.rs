//! `cargo xtask dist`: the program as it is distributed, optimised by its profile.
//!
//! It is built twice. The first is made to count which of its ways are taken, and meets what a gateway
//! meets ([`train`]); by those counts the compiler lays out the second. Both are built for a named target,
//! so that the flags reach neither build scripts nor macros.

mod app;
mod compiler;
mod gateway;
mod load;
mod train;

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use self::compiler::{Compiler, flags};
use crate::install::{self, Tool};
use crate::root;

/// The loads.
const TOOLS: [Tool; 3] = [
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("kill", "procps"),
];

/// What came of it, below the root.
pub(crate) const BINARY: &str = "target/dist/panoply";

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Options {
    /// Installs nothing; says what is missing.
    #[arg(long)]
    no_install: bool,
}

/// Builds, loads, builds again, and puts the program at `target/dist/panoply`.
///
/// # Errors
///
/// When a tool is missing, a build fails, or the load is not answered as it should be.
#[expect(
    clippy::disallowed_methods,
    reason = "it tells a person how long it took"
)]
pub(crate) fn run(options: Options) -> Result<bool> {
    let begun = Instant::now();
    let compiler = Compiler::ask()?;
    let profdata = compiler.profdata(!options.no_install)?;
    install::packages(&TOOLS, !options.no_install)?;
    let place = root().join("target/pgo");
    let (raw, profile) = (place.join("raw"), place.join("panoply.profdata"));

    println!("== 1/4 a build that counts");
    let counting = format!("-Cprofile-generate={}", raw.display());
    let program = build(&compiler, &counting, &place.join("generate"))?;

    println!("== 2/4 what a gateway meets");
    // Counts of another build would be mixed with these.
    empty(&raw)?;
    train::run(&program)?;

    println!("== 3/4 its profile");
    merge(&profdata, &raw, &profile)?;

    println!("== 4/4 a build by the profile");
    let target = place.join("use");
    // To cargo the profile is the same as before: it knows its name alone. What scripts have built of C
    // stays.
    empty(&target.join(&compiler.host).join("release/deps"))?;
    let by = format!("-Cprofile-use={}", profile.display());
    let program = build(&compiler, &by, &target)?;
    let size = put(&program, &root().join(BINARY))?;
    let minutes = begun.elapsed().as_secs().div_ceil(60);
    println!("{BINARY}: {size:.1} MB, {minutes} min");
    Ok(true)
}

/// The command's program, built with one flag more.
fn build(compiler: &Compiler, flag: &str, target: &Path) -> Result<PathBuf> {
    let encoded = std::env::var_os("CARGO_ENCODED_RUSTFLAGS");
    let flags = flags(encoded, std::env::var_os("RUSTFLAGS"), flag)?;
    let mut command = Command::new("cargo");
    command
        .args(["build", "--release", "--locked", "--package", "panoply-cli"])
        .args(["--target", &compiler.host, "--target-dir"])
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        // What keeps the work of earlier builds, such as sccache, would not see another profile.
        .env("RUSTC_WRAPPER", "")
        .current_dir(root());
    if !std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_QUIET", "true");
    }
    install::succeed(&mut command)?;
    Ok(target.join(&compiler.host).join("release/panoply"))
}

/// Makes one profile of what the runs have left.
fn merge(profdata: &Path, raw: &Path, profile: &Path) -> Result<()> {
    let left = fs::read_dir(raw)?.count();
    ensure!(
        left > 0,
        "the load has left no profile in {}",
        raw.display()
    );
    let mut command = Command::new(profdata);
    install::succeed(command.arg("merge").arg("-o").arg(profile).arg(raw))
}

fn empty(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
    }
    Ok(fs::create_dir_all(directory)?)
}

/// Puts a program that runs into its place, in one step: one that runs there goes on. Gives its size in
/// MB.
fn put(program: &Path, place: &Path) -> Result<f64> {
    let mut runs = Command::new(program);
    install::succeed(runs.arg("--version").stdout(Stdio::null()))?;
    if let Some(directory) = place.parent() {
        fs::create_dir_all(directory)?;
    }
    let beside = place.with_extension("new");
    let size = fs::copy(program, &beside)?;
    fs::rename(&beside, place)?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let size = size as f64 / 1e6;
    Ok(size)
}
