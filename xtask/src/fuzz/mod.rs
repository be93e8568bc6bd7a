//! `cargo xtask fuzz`: each target for a while, with an account of how long each has run so far.

mod account;
mod corpus;
mod run;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::install;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// All of them when not said.
    target: Option<String>,
    /// Seconds for each, as a clock shows them.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Targets that run at once.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Instead: keeps of what was found in `fuzz/corpus` what reaches something new, and no more of it
    /// than belongs in a repository.
    #[arg(long)]
    minimise: bool,
    /// Instead: writes the table in `fuzz/README.md` from `fuzz/account.tsv`.
    #[arg(long)]
    account: bool,
}

/// The folder with the targets, and what is built of them.
struct Fuzz {
    root: PathBuf,
    built: PathBuf,
}

impl Fuzz {
    fn binary(&self, target: &str) -> PathBuf {
        self.built.join(target)
    }

    fn corpus(&self, target: &str) -> PathBuf {
        self.root.join("corpus").join(target)
    }
}

/// Runs the targets; `true` when nothing was found.
///
/// # Errors
///
/// When cargo-fuzz is missing, or there is no such target.
pub(crate) fn run(root: &Path, options: &Options) -> Result<bool> {
    let fuzz = root.join("fuzz");
    let all = targets(&fuzz)?;
    if options.account {
        account::write(&fuzz, &all)?;
        return Ok(true);
    }
    let wanted = options.target.as_deref();
    if let Some(unknown) = wanted.filter(|name| !all.iter().any(|known| known == name)) {
        bail!("there is no fuzz target `{unknown}`: {}", all.join(", "));
    }
    install::subcommand("cargo-fuzz", true)?;
    let built = build(root, wanted)?;
    let fuzz = Fuzz { root: fuzz, built };
    let chosen = all
        .iter()
        .filter(|name| wanted.is_none_or(|wanted| wanted == *name));
    let chosen: Vec<&str> = chosen.map(String::as_str).collect();
    if options.minimise {
        for target in chosen {
            corpus::minimise(&fuzz, target)?;
        }
        return Ok(true);
    }
    let found = run::all(&fuzz, &chosen, options.seconds, options.jobs)?;
    account::write(&fuzz.root, &all)?;
    for target in &found {
        eprintln!("failed: {target}; what it failed on is in fuzz/artifacts/{target}");
    }
    Ok(found.is_empty())
}

/// The targets: each is a file.
fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let folder = std::fs::read_dir(fuzz.join("fuzz_targets"))?;
    let mut names = Vec::new();
    for entry in folder {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.file_stem().context("a file has a name")?;
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Builds what is wanted, and says where it lies.
fn build(root: &Path, wanted: Option<&str>) -> Result<PathBuf> {
    install::succeed(
        Command::new("cargo")
            // The sanitizer's flag is of the nightly compiler; without `unsafe` it finds little.
            .args(["fuzz", "build", "--sanitizer", "none"])
            .args(wanted)
            .current_dir(root)
            .env("RUSTC_BOOTSTRAP", "1"),
    )?;
    let said = Command::new("rustc").arg("-vV").output()?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root.join("fuzz/target"));
    Ok(target.join(host).join("release"))
}
