//! Tools of the tests that a Debian has not, or not new enough: kept in `target/tools`, where nobody
//! else meets them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

use crate::install::{self, succeed};

/// What checks against Mozilla's profiles.
const SSLYZE: &str = "sslyze==6.3.1";

/// Fetches those that are missing into `tools`.
///
/// # Errors
///
/// When one is missing and cannot be had.
pub(crate) fn fetch(tools: &Path, may_install: bool) -> Result<()> {
    if !tools.join("sslyze/bin/sslyze").is_file() {
        ensure!(
            may_install,
            "this needs sslyze: `cargo xtask test` without `--no-install` fetches it"
        );
        sslyze(&tools.join("sslyze"))?;
    }
    if rates("testssl") || tools.join("testssl/usr/bin/testssl").is_file() {
        return Ok(());
    }
    ensure!(
        may_install && install::is_root(),
        "this needs testssl.sh 3.2 or newer, which grades: see testssl.sh"
    );
    testssl(tools)
}

/// Into an environment of its own.
fn sslyze(place: &Path) -> Result<()> {
    println!("== fetching {SSLYZE}");
    let make = || {
        let mut command = Command::new("python3");
        command
            .args(["-m", "venv"])
            .arg(place)
            .stdout(Stdio::null());
        succeed(&mut command)
    };
    if make().is_err() {
        // Debian has half of it in a package of its own.
        fs::remove_dir_all(place).ok();
        install::packages(&[("python3-venv", "python3-venv")], true)?;
        make()?;
    }
    let mut command = Command::new(place.join("bin/pip"));
    succeed(command.args(["install", "--quiet", "--disable-pip-version-check", SSLYZE]))
}

/// Whether a testssl.sh is new enough to grade.
fn rates(program: &str) -> bool {
    let Ok(output) = Command::new(program).arg("--version").output() else {
        return false;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = said
        .split_whitespace()
        .skip_while(|word| *word != "testssl.sh");
    let version = words.nth(1).unwrap_or_default();
    let mut parts = version
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(3), Some(2))
}

/// From Debian's backports, whatever else is installed from where.
fn testssl(tools: &Path) -> Result<()> {
    println!("== fetching testssl.sh");
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = { release.lines() }.find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let Some(name) = name else {
        bail!("this needs testssl.sh 3.2 or newer, and this is no Debian: see testssl.sh");
    };
    let place = tools.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(place.join(part))?;
    }
    let source = format!(
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
         http://deb.debian.org/debian {name}-backports main\n"
    );
    fs::write(place.join("list"), source)?;
    let own = [
        format!("-o=Dir::Etc::SourceList={}", place.join("list").display()),
        "-o=Dir::Etc::SourceParts=-".to_owned(),
        format!("-o=Dir::State::Lists={}", place.join("lists").display()),
        format!("-o=Dir::Cache={}", place.join("cache").display()),
        "-o=APT::Sandbox::User=root".to_owned(),
        "-qq".to_owned(),
    ];
    succeed(Command::new("apt-get").args(&own).arg("update"))?;
    let mut command = Command::new("apt-get");
    succeed(
        command
            .args(&own)
            .args(["download", "testssl.sh"])
            .current_dir(&place),
    )?;
    let packages = fs::read_dir(&place)?.flatten().map(|entry| entry.path());
    for package in packages.filter(|path| path.extension().is_some_and(|end| end == "deb")) {
        let mut command = Command::new("dpkg");
        succeed(command.arg("-x").arg(package).arg(tools.join("testssl")))?;
    }
    Ok(())
}
