//! `cargo xtask fuzz`: each target for a while.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::install;

/// Every target below `fuzz/`.
const TARGETS: [&str; 12] = [
    "forwarded",
    "framing",
    "config",
    "csp",
    "helmet",
    "cookie",
    "set_cookie",
    "lockfile",
    "advisory",
    "dockerfile",
    "handshake",
    "page",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// All of them when not said.
    target: Option<String>,
    /// Seconds for each.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs the targets one after another; `true` when nothing was found.
///
/// # Errors
///
/// When cargo-fuzz is missing, or there is no such target.
pub(crate) fn run(root: &Path, options: &Options) -> Result<bool> {
    let wanted = options.target.as_deref();
    if let Some(unknown) = wanted.filter(|name| !TARGETS.contains(name)) {
        bail!(
            "there is no fuzz target `{unknown}`: {}",
            TARGETS.join(", ")
        );
    }
    install::subcommand("cargo-fuzz", true)?;
    let mut found = Vec::new();
    for target in TARGETS
        .into_iter()
        .filter(|name| wanted.is_none_or(|wanted| wanted == *name))
    {
        println!("== {target}");
        let status = Command::new("cargo")
            // The sanitizer's flag is of the nightly compiler; without `unsafe` it finds little.
            .args(["fuzz", "run", "--sanitizer", "none", target, "--"])
            .args([format!("-max_total_time={}", options.seconds), "-timeout=10".to_owned()])
            .args(["-rss_limit_mb=2048", "-print_final_stats=1"])
            .current_dir(root)
            .env("RUSTC_BOOTSTRAP", "1")
            .status()
            .context("`cargo` cannot be started")?;
        if !status.success() {
            found.push(target);
        }
    }
    for target in &found {
        eprintln!("failed: {target}; what it failed on is in fuzz/artifacts/{target}");
    }
    Ok(found.is_empty())
}
