//! What the tasks need from the system: looked for, installed where that is possible, else named.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A program, and the Debian package that it is in.
pub(crate) type Tool = (&'static str, &'static str);

/// Installs the packages of those `tools` that are missing.
///
/// # Errors
///
/// When some are missing and `may_install` is not set, or this is not root on a Debian.
pub(crate) fn packages(tools: &[(&str, &str)], may_install: bool) -> Result<()> {
    let missing = tools.iter().filter(|(program, _)| !has(program));
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !may_install || !is_root() || !has("apt-get") {
        bail!("this needs {list}: install it, for example with `apt-get install {list}`");
    }
    println!("== installing {list}");
    let quiet = ["-qq", "-o=Dpkg::Use-Pty=0"];
    succeed(Command::new("apt-get").args(quiet).arg("update"))?;
    succeed(
        Command::new("apt-get")
            .args(quiet)
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null()),
    )
}

/// Installs a cargo subcommand when it is missing.
///
/// # Errors
///
/// When it is missing and cannot be installed.
pub(crate) fn subcommand(name: &str, may_install: bool) -> Result<()> {
    if has(name) {
        return Ok(());
    }
    if !may_install {
        bail!("this needs {name}: `cargo install --locked {name}`");
    }
    println!("== installing {name}");
    succeed(Command::new("cargo").args(["install", "--quiet", "--locked", name]))
}

/// Makes sure of a Node that is new enough: Debian 12 has 18, the browser's driver wants 20.
///
/// # Errors
///
/// When it is too old and cannot be replaced.
pub(crate) fn node(may_install: bool) -> Result<()> {
    let version = Command::new("node").arg("--version").output()?.stdout;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next();
    if major
        .and_then(|major| major.parse().ok())
        .is_some_and(|major: u32| major >= 20)
    {
        return Ok(());
    }
    if !may_install || !is_root() {
        bail!(
            "this needs Node 20 or newer, and here is {version}: `npm install --global node@22`, \
             or see nodejs.org"
        );
    }
    println!("== installing Node 22 beside {version}");
    succeed(Command::new("npm").args(["install", "--global", "--no-fund", "--silent", "node@22"]))
}

/// Runs a command that must end well.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
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
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Whether this may install what it likes.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
