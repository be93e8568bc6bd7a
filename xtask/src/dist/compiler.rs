//! What rustc says of itself, and the program that merges its profiles.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::install;

/// What of `rustc -vV` matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compiler {
    /// The machine that it runs on, as a target: `x86_64-unknown-linux-gnu`.
    pub(super) host: String,
    /// The major version of its LLVM, whose form profiles have.
    llvm: u32,
}

impl Compiler {
    /// Asks the one that cargo will use.
    ///
    /// # Errors
    ///
    /// When it does not run, or says something else.
    pub(super) fn ask() -> Result<Self> {
        let said = said(&rustc(), &["-vV"])?;
        Self::read(&said)
    }

    fn read(said: &str) -> Result<Self> {
        let field = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            let value = line.map(str::trim).filter(|value| !value.is_empty());
            value.with_context(|| format!("`rustc -vV` has no `{name}`: {said:?}"))
        };
        let version = field("LLVM version:")?;
        let llvm = major(version)
            .with_context(|| format!("`rustc -vV` tells no version of LLVM: {version:?}"))?;
        let host = field("host:")?.to_owned();
        Ok(Self { host, llvm })
    }

    /// The `llvm-profdata` that reads the profiles of this compiler: rustup's own, one in `PATH`, or
    /// Debian's, which is installed where that is possible.
    ///
    /// # Errors
    ///
    /// When there is none, and none can be installed.
    pub(super) fn profdata(&self, may_install: bool) -> Result<PathBuf> {
        let sysroot = said(&rustc(), &["--print", "sysroot"])?;
        let own = PathBuf::from(sysroot.trim())
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin/llvm-profdata");
        if own.is_file() {
            return Ok(own);
        }
        if let Ok(version) = said(&"llvm-profdata".into(), &["--version"])
            && self.reads(&version)
        {
            return Ok("llvm-profdata".into());
        }
        let (program, package) = self.debian();
        if let Err(error) = install::packages(&[(&program, &package)], may_install) {
            bail!("{error:#}\n{}", self.advice());
        }
        let version = said(&program.clone().into(), &["--version"])?;
        ensure!(
            self.reads(&version),
            "{program} is not of LLVM {}: {version:?}\n{}",
            self.llvm,
            self.advice()
        );
        Ok(program.into())
    }

    /// Debian's name of the program, and of its package.
    fn debian(&self) -> (String, String) {
        let llvm = self.llvm;
        (format!("llvm-profdata-{llvm}"), format!("llvm-{llvm}"))
    }

    /// Whether an `llvm-profdata` that says this of itself reads the profiles.
    fn reads(&self, version: &str) -> bool {
        let number = version.split_once("LLVM version ");
        number.and_then(|(_, number)| major(number)) == Some(self.llvm)
    }

    fn advice(&self) -> String {
        let (program, package) = self.debian();
        let llvm = self.llvm;
        format!(
            "profiles are merged by the llvm-profdata of the compiler's own LLVM, {llvm}: \
             `rustup component add llvm-tools`, or `{program}` in PATH (`apt-get install {package}`; \
             where the distribution has none, https://apt.llvm.org has), or a toolchain whose LLVM the \
             distribution has. Without it: `cargo build --release -p panoply-cli`, the same program, \
             slower"
        )
    }
}

/// The flags of a build in the form of `CARGO_ENCODED_RUSTFLAGS`: those of whoever runs this, and one
/// more.
pub(super) fn flags(
    encoded: Option<OsString>,
    plain: Option<OsString>,
    own: &str,
) -> Result<String> {
    let text = |value: OsString| {
        let text = value.into_string();
        text.map_err(|value| anyhow::anyhow!("RUSTFLAGS is no text: {}", value.display()))
    };
    // As cargo does: the one hides the other, even when it is empty.
    let mut all: Vec<String> = match (encoded, plain) {
        (Some(encoded), _) => text(encoded)?.split(SEPARATOR).map(str::to_owned).collect(),
        (None, Some(plain)) => text(plain)?.split(' ').map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    };
    all.retain(|flag| !flag.is_empty());
    all.push(own.to_owned());
    Ok(all.join(SEPARATOR))
}

const SEPARATOR: &str = "\u{1f}";

fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// What a program prints.
fn said(program: &OsString, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("{} cannot be started", program.display()))?;
    ensure!(
        output.status.success(),
        "{} {arguments:?} ended with {}",
        program.display(),
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number in front of the first dot.
fn major(version: &str) -> Option<u32> {
    let number = version.trim().split(|c: char| !c.is_ascii_digit()).next()?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\n\
        commit-hash: 59807616e1fa2540724bfbac14d7976d7e4a3860\ncommit-date: 2026-04-14\n\
        host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";

    fn compiler() -> Compiler {
        Compiler::read(SAID).unwrap()
    }

    #[test]
    fn rustc_tells_its_host_and_its_llvm() {
        assert_eq!(compiler().host, "x86_64-unknown-linux-gnu");
        assert_eq!(compiler().llvm, 22);
        let names = compiler().debian();
        assert_eq!(names, ("llvm-profdata-22".into(), "llvm-22".into()));
        // A nightly, on another machine, with the ends of lines of another system.
        let other = SAID
            .replace("22.1.2", "23.0.0-rust-dev")
            .replace("x86_64", "aarch64")
            .replace('\n', "\r\n");
        let other = Compiler::read(&other).unwrap();
        assert_eq!(
            (other.host.as_str(), other.llvm),
            ("aarch64-unknown-linux-gnu", 23)
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for (field, wrong) in [
            (
                "host:",
                SAID.replace("host: x86_64-unknown-linux-gnu\n", ""),
            ),
            ("host:", SAID.replace("x86_64-unknown-linux-gnu", "")),
            // A compiler without LLVM, such as one of Cranelift's.
            ("LLVM", SAID.replace("LLVM version: 22.1.2\n", "")),
            ("LLVM", SAID.replace("22.1.2", "unknown")),
        ] {
            let error = Compiler::read(&wrong).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn only_the_same_major_version_reads_profiles() {
        let compiler = compiler();
        assert!(compiler.reads("Debian LLVM version 22.1.8\n  Optimized build.\n"));
        assert!(
            compiler.reads("LLVM (http://llvm.org/):\n  LLVM version 22.1.2-rust-1.95.0-stable\n")
        );
        for other in [
            "Debian LLVM version 14.0.6\n",
            "LLVM version 2.2\n",
            "version 22.1.8",
            "",
        ] {
            assert!(!compiler.reads(other), "{other}");
        }
        let advice = compiler.advice();
        for word in ["rustup component add llvm-tools", "apt-get install llvm-22"] {
            assert!(advice.contains(word), "{advice}");
        }
    }

    #[test]
    fn flags_of_whoever_runs_it_stay() {
        let own = "-Cprofile-use=/a b/p.profdata";
        let read = |encoded: Option<&str>, plain: Option<&str>| {
            let flags = flags(encoded.map(Into::into), plain.map(Into::into), own).unwrap();
            flags
                .split(SEPARATOR)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(read(None, None), [own]);
        let plain = Some(" -Ctarget-cpu=native  -g ");
        assert_eq!(read(None, plain), ["-Ctarget-cpu=native", "-g", own]);
        assert_eq!(read(Some("-L/c d\u{1f}-g"), plain), ["-L/c d", "-g", own]);
        assert_eq!(read(Some(""), plain), [own]);
    }
}
