//! The order of the code in the program, by BOLT: what runs lies together, and goes straight on where it
//! mostly goes straight on.
//!
//! The compiler lays out one function at a time, and knows the ways of each as it was before others were
//! made part of it. BOLT sees what the linker has left. Where there is none, the program is the same,
//! a little slower.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::compiler::Compiler;
use super::elf;
use crate::install;

/// What the linker must leave so that code can be moved, and names without dots: BOLT takes one with
/// `.warm.` in it, as the older names of `rustc` have them, for a part that the compiler has split off.
pub(super) const FLAGS: [&str; 2] = [
    "-Clink-arg=-Wl,--emit-relocs",
    "-Csymbol-mangling-version=v0",
];

/// The versions whose programs are looked for by Debian's names; the last is what it has, and what gets
/// installed.
const VERSIONS: [u32; 4] = [22, 21, 20, 19];

/// The one that moves code, and the one that puts counts together.
const NAMES: [&str; 2] = ["llvm-bolt", "merge-fdata"];

/// Where BOLT counts and moves code of this kind.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// What stays where it is: all but what rustc has made (`_R`) and the allocator (`mi_`, `_mi_`). The
/// assembler of cryptography is laid out by those who wrote it. To name what is moved instead would move all
/// of it, with what never runs.
const KEPT: &str = "-skip-funcs=[^_m].*,m[^i].*,_[^Rm].*";

/// Its programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bolt {
    bolt: PathBuf,
    merge: PathBuf,
}

impl Bolt {
    /// The one that is here, or that can be installed; where there is none, why.
    ///
    /// # Errors
    ///
    /// With the reason, and how to have it.
    pub(super) fn find(compiler: &Compiler, may_install: bool) -> Result<Self> {
        ensure!(
            compiler.host == HOST,
            "it is used on {HOST} alone, not on {}",
            compiler.host
        );
        let suffixes = VERSIONS.map(|version| format!("-{version}"));
        let mut named = std::iter::once("").chain(suffixes.iter().map(String::as_str));
        if let Some(found) = named.find_map(Self::named) {
            return Ok(found);
        }
        let [.., version] = VERSIONS;
        let [bolt, merge] = NAMES.map(|name| format!("{name}-{version}"));
        let package = format!("bolt-{version}");
        install::packages(&[(&bolt, &package), (&merge, &package)], may_install)?;
        let found = Self::named(&format!("-{version}"));
        found.with_context(|| format!("{package} has brought no {bolt} and {merge}"))
    }

    /// The ones with this at the end of their names, if both are in `PATH`.
    fn named(suffix: &str) -> Option<Self> {
        let [bolt, merge] = NAMES.map(|name| install::find(&format!("{name}{suffix}")));
        // What counts is looked for beside the program itself, not beside a link to it.
        let bolt = bolt?.canonicalize().ok()?;
        Some(Self {
            bolt,
            merge: merge?,
        })
    }

    /// Makes of `program` one that writes what it did into files below `counts` when it ends.
    pub(super) fn counting(&self, program: &Path, counts: &Path) -> Result<PathBuf> {
        let made = program.with_extension("counting");
        let file = counts.join("panoply");
        let run = self
            .on(program, &made)
            .arg("-instrument")
            .arg(format!("--instrumentation-file={}", file.display()))
            // One file a process: they end at the same time.
            .arg("--instrumentation-file-append-pid")
            .output();
        ended_well(run)?;
        Ok(made)
    }

    /// Lays `program` out by what is in `counts`.
    pub(super) fn lay_out(&self, program: &Path, counts: &Path) -> Result<PathBuf> {
        let files = std::fs::read_dir(counts)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        ensure!(
            !files.is_empty(),
            "the load has left no counts in {}",
            counts.display()
        );
        let profile = program.with_extension("fdata");
        let mut merge = Command::new(&self.merge);
        ended_well(merge.args(&files).arg("-o").arg(&profile).output())?;
        let made = program.with_extension("laid-out");
        let run = self
            .on(program, &made)
            .arg(format!("-data={}", profile.display()))
            .args(["-reorder-blocks=ext-tsp", "-reorder-functions=cdsort"])
            .args(["-split-functions", "-split-all-cold", "-split-eh"])
            .arg("-icf=1")
            // The table of segments stays where it is, in the place of the stack's header: moved, Linux before
            // 5.18 does not find it.
            .arg("-use-gnu-stack")
            .output();
        ended_well(run)?;
        let mut file = std::fs::read(&made)?;
        elf::keep_stacks_from_running(&mut file)?;
        std::fs::write(&made, file)?;
        Ok(made)
    }

    fn on(&self, program: &Path, made: &Path) -> Command {
        let mut command = Command::new(&self.bolt);
        command.arg(program).arg("-o").arg(made).arg(KEPT);
        command.stdin(Stdio::null());
        command
    }
}

/// That a tool ended well; what it said is told only where it did not.
fn ended_well(run: std::io::Result<std::process::Output>) -> Result<()> {
    let output = run.context("BOLT cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "BOLT ended with {}: {said}",
        output.status
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_decides_before_anything_is_looked_for() {
        let arm = Compiler::of("aarch64-unknown-linux-gnu");
        let error = Bolt::find(&arm, false).unwrap_err().to_string();
        assert!(error.contains("aarch64-unknown-linux-gnu"), "{error}");
    }

    #[test]
    fn what_bolt_complains_of_is_told() {
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo no relocations >&2; exit 3"]);
        let error = ended_well(fails.output()).unwrap_err().to_string();
        assert!(
            error.contains("no relocations") && error.contains('3'),
            "{error}"
        );
        let mut ends = Command::new("sh");
        assert!(ended_well(ends.args(["-c", "echo noise >&2"]).output()).is_ok());
    }

    #[test]
    fn a_program_that_left_no_counts_is_not_laid_out() {
        let empty = tempfile::tempdir().unwrap();
        let bolt = Bolt {
            bolt: "llvm-bolt".into(),
            merge: "merge-fdata".into(),
        };
        let error = bolt.lay_out(Path::new("panoply"), empty.path());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no counts"), "{error}");
    }
}
