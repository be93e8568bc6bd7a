//! `cargo xtask budget`: how many instructions the hot paths take, held to `budget.toml`.
//!
//! Instructions, not seconds: no neighbour disturbs them, so that a few per cent are seen. They are
//! counted by callgrind, whose processor is the same wherever it runs on a machine with AVX2: none of
//! what hashes and ciphers choose by the real one (SHA and AES instructions of 512 bits) is there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::install::{self, Tool};

/// What counts.
pub(crate) const TOOLS: [Tool; 1] = [("valgrind", "valgrind")];

/// What is accepted.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Writes what is counted into budget.toml, as what is accepted from now on.
    #[arg(long)]
    accept: bool,
    /// These paths alone.
    paths: Vec<String>,
}

/// `budget.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    /// By which compiler.
    rustc: String,
    /// How much more is let pass, in per cent.
    tolerance: f64,
    /// A call, by the path's name.
    instructions: BTreeMap<String, u64>,
}

const FILE: &str = "budget.toml";

/// Calls of each path, over which what varies from one to the next evens out.
const CALLS: u32 = 4_000;

const TOLERANCE: f64 = 3.0;

/// Counts, prints, and compares; `true` when nothing takes more than it may.
///
/// # Errors
///
/// When valgrind is missing, or a path goes wrong.
pub(crate) fn run(root: &Path, options: &Options) -> Result<bool> {
    install::packages(&TOOLS, true)?;
    let program = build(root, &[])?;
    let all = paths(&program)?;
    let chosen = |name: &&String| options.paths.is_empty() || options.paths.contains(name);
    let chosen: Vec<&String> = all.iter().filter(chosen).collect();
    ensure!(
        !chosen.is_empty(),
        "none of these is a path; they are {}",
        all.join(", ")
    );
    let counted = count_all(&program, &chosen)?;
    let rustc = rustc()?;
    let budget = std::fs::read_to_string(root.join(FILE)).ok();
    let budget = budget.map(|text| toml::from_str::<Budget>(&text).context(FILE));
    let budget = budget.transpose()?;
    if options.accept {
        let mut kept = budget.map_or_else(BTreeMap::new, |budget| budget.instructions);
        kept.retain(|name, _| all.contains(name));
        kept.extend(counted);
        std::fs::write(root.join(FILE), written(&rustc, &kept))?;
        println!("{FILE} now says so");
        return Ok(true);
    }
    let budget = budget
        .with_context(|| format!("there is no {FILE}: `cargo xtask budget --accept` writes it"))?;
    Ok(compare(&budget, &counted, &rustc))
}

/// Builds what is measured, with `features` of it; the program.
pub(crate) fn build(root: &Path, features: &[&str]) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--quiet", "--profile", "measure"])
        .args([
            "--package",
            "panoply-bench",
            "--features",
            &features.join(","),
        ])
        .current_dir(root);
    install::succeed(&mut command)?;
    Ok(root.join("target/measure/panoply-bench"))
}

/// The names of all paths.
fn paths(program: &Path) -> Result<Vec<String>> {
    let output = Command::new(program).arg("paths").output()?;
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// Counts them, one on each core.
fn count_all(program: &Path, names: &[&String]) -> Result<BTreeMap<String, u64>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = names.len().div_ceil(cores);
    let mut counted = BTreeMap::new();
    std::thread::scope(|scope| {
        let work: Vec<_> = names
            .chunks(share)
            .map(|names| {
                scope.spawn(move || {
                    let counts = names.iter().map(|name| {
                        let count = instructions(program, name, CALLS)?;
                        Ok(((*name).clone(), count))
                    });
                    counts.collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        for worker in work {
            let counts = worker.join();
            counted.extend(counts.map_err(|_| anyhow::anyhow!("counting ended early"))??);
        }
        Ok(counted)
    })
}

/// The instructions of one call of a path.
pub(crate) fn instructions(program: &Path, name: &str, calls: u32) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", MEASURED])
        .arg(program)
        .args(["path", name, &calls.to_string()])
        .stdin(Stdio::null())
        .output()
        .context("valgrind")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {told}");
    let collected = told
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.with_context(|| format!("{name} was not counted: {told}"))?;
    let collected: u64 = collected.trim().parse()?;
    ensure!(collected > 0, "{name}: nothing was counted");
    Ok(collected / u64::from(calls))
}

/// What is counted of a program: what its function `measured` calls.
const MEASURED: &str = "--toggle-collect=*panoply_bench*paths*measured*";

fn compare(budget: &Budget, counted: &BTreeMap<String, u64>, rustc: &str) -> bool {
    println!(
        "{:24} {:>12} {:>12} {:>8}",
        "path", "instructions", "budget", ""
    );
    let mut over = String::new();
    let mut under = false;
    for (name, count) in counted {
        let Some(most) = budget.instructions.get(name) else {
            println!("{name:24} {count:12} {:>12}", "none");
            let _ = writeln!(over, "{name} has no budget.");
            continue;
        };
        let more = per_cent(*count, *most);
        println!("{name:24} {count:12} {most:12} {more:+7.1} %");
        under |= more < -budget.tolerance;
        if more > budget.tolerance {
            let _ = writeln!(
                over,
                "{name} takes {count} instructions, {more:.1} % more than its budget of {most}. \
                 Where they go: valgrind --tool=callgrind --collect-atstart=no '{MEASURED}' \
                 target/measure/panoply-bench path {name} {CALLS}"
            );
        }
    }
    if !over.is_empty() {
        eprint!("{over}");
        eprintln!(
            "{} % are let pass. If the change is worth it, accept the new figures and say why in \
             the commit: cargo xtask budget --accept",
            budget.tolerance
        );
        if budget.rustc != rustc {
            let made = &budget.rustc;
            eprintln!("{FILE} was made by rustc {made}, and this is {rustc}.");
        }
    } else if under {
        println!("some take less: `cargo xtask budget --accept` holds them to it");
    }
    over.is_empty()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of instructions has few digits"
)]
fn per_cent(count: u64, most: u64) -> f64 {
    (count as f64 / most as f64 - 1.0) * 100.0
}

fn written(rustc: &str, counted: &BTreeMap<String, u64>) -> String {
    let mut text = format!(
        "# Instructions of the hot paths, one call each (bench/src/paths), on x86-64 by callgrind.\n\
         # `cargo xtask budget` compares; `cargo xtask budget --accept` writes what it counts.\n\n\
         rustc = \"{rustc}\"\n\
         tolerance = {TOLERANCE:.1} # per cent\n\n[instructions]\n"
    );
    for (name, count) in counted {
        let _ = writeln!(text, "{name} = {count}");
    }
    text
}

/// The compiler's version.
fn rustc() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    let version = String::from_utf8(output.stdout)?;
    let number = version.split_whitespace().nth(1);
    number.map(str::to_owned).context("rustc tells no version")
}
