//! What is kept of what the fuzzers found.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::Fuzz;
use crate::install;

/// A corpus in the repository has no more files than this.
const MOST_FILES: usize = 200;
/// Nor more bytes.
const MOST_BYTES: u64 = 200_000;

/// Whether libFuzzer has named a file: by all 40 digits of its hash. Git passes over such.
pub(super) fn is_found(name: &OsStr) -> bool {
    is_hash(name, 40)
}

/// By fewer of them they are called that were kept before, and are to compete with what is new.
const KEPT: usize = 16;

fn is_hash(name: &OsStr, digits: usize) -> bool {
    let hex = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.len() == digits && name.to_str().is_some_and(hex)
}

/// Keeps what a person has named, and of what was found what reaches more.
pub(super) fn minimise(fuzz: &Fuzz, target: &str) -> Result<()> {
    let corpus = fuzz.corpus(target);
    let merged = tempfile::tempdir()?;
    let mut named = Vec::new();
    let mut found = Vec::new();
    for file in fs::read_dir(&corpus).with_context(|| corpus.display().to_string())? {
        let file = file?;
        if is_found(&file.file_name()) || is_hash(&file.file_name(), KEPT) {
            found.push(file.path());
        } else {
            fs::copy(file.path(), merged.path().join(file.file_name()))?;
            named.push(file.metadata()?.len());
        }
    }
    install::succeed(
        Command::new(fuzz.binary(target))
            // As few as reach all of it.
            .args(["-set_cover_merge=1", "-timeout=10", "-rss_limit_mb=2048"])
            .arg(merged.path())
            .arg(&corpus)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    let mut better: Vec<(u64, PathBuf)> = Vec::new();
    for file in fs::read_dir(merged.path())? {
        let file = file?;
        if is_found(&file.file_name()) {
            better.push((file.metadata()?.len(), file.path()));
        }
    }
    better.sort_unstable();
    // Of each length some: the long ones reach far, of the short ones there are many.
    let step = better.len().div_ceil(MOST_FILES).max(1);
    let spread = (0..step).flat_map(|first| better.iter().skip(first).step_by(step));
    let (mut files, mut bytes) = (named.len(), named.iter().sum::<u64>());
    for path in found {
        fs::remove_file(path)?;
    }
    for (length, path) in spread {
        if files == MOST_FILES {
            break;
        }
        if bytes + length > MOST_BYTES {
            continue;
        }
        let name = path.file_name().context("it has a name")?.to_string_lossy();
        let short = name.get(..KEPT).context("it has 40 digits")?;
        fs::copy(path, corpus.join(short))?;
        files += 1;
        bytes += length;
    }
    println!("{target}: {files} files, {bytes} bytes");
    Ok(())
}
