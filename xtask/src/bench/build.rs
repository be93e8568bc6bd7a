//! Which Panoply is measured.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{dist, root};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Build {
    /// `cargo build --release`, made anew.
    Release,
    /// `cargo xtask dist`, as it was made last.
    Dist,
}

impl Build {
    pub(super) const fn new(dist: bool) -> Self {
        if dist { Self::Dist } else { Self::Release }
    }

    /// Makes sure that the program is there; its place.
    ///
    /// # Errors
    ///
    /// When it cannot be built, or has not been.
    pub(super) fn prepare(self) -> Result<PathBuf> {
        match self {
            Self::Release => {
                super::cargo("build --release --package panoply-cli")?;
                Ok(root().join("target/release/panoply"))
            }
            Self::Dist => made(&root().join(dist::BINARY)),
        }
    }

    /// What the command line says beside the rest.
    pub(super) const fn flag(self) -> &'static str {
        match self {
            Self::Release => "",
            Self::Dist => " --dist",
        }
    }

    /// What the page says of it.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Release => "Panoply is the release build",
            Self::Dist => {
                "Panoply is the build of `cargo xtask dist`, optimised by the profile of a load of other \
                 pages than these"
            }
        }
    }
}

/// The program at this place, which no benchmark builds.
fn made(program: &Path) -> Result<PathBuf> {
    if program.is_file() {
        return Ok(program.to_owned());
    }
    bail!(
        "{} is not there: run `cargo xtask dist`, or leave `--dist` away for the release build",
        program.display()
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Options, What, run};
    use super::*;

    const OPTIONS: Options = Options {
        what: Some(What::Limits),
        seconds: 3,
        rounds: 2,
        dist: true,
    };

    #[test]
    fn what_measures_no_gateway_says_so() {
        let error = run(OPTIONS).unwrap_err().to_string();
        assert!(
            error.contains("failover, gateway, handshakes or shapes"),
            "{error}"
        );
    }

    #[test]
    fn the_page_tells_the_build() {
        let command = "cargo xtask bench shapes --dist --seconds 3 --rounds 2";
        assert_eq!(OPTIONS.command("shapes"), command);
        assert!(OPTIONS.build().told().contains("`cargo xtask dist`"));
        let dist = false;
        let release = Options { dist, ..OPTIONS };
        assert!(!release.command("shapes").contains("--dist"));
        assert!(release.build().told().contains("release build"));
    }

    #[test]
    fn a_build_that_was_not_made_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("panoply");
        let error = made(&program).unwrap_err().to_string();
        assert!(error.contains("run `cargo xtask dist`"), "{error}");
        std::fs::write(&program, "").unwrap();
        assert_eq!(made(&program).unwrap(), program);
    }
}
