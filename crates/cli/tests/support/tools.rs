//! The tools from outside: looked for, installed where npm can, and never silently done without.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{root, scripts};

/// Fails the test when a tool is not installed.
pub(crate) fn require(tool: &str) {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()));
    assert!(
        found,
        "`{tool}` is not installed; `cargo xtask test` installs what the tests need"
    );
}

/// A testssl.sh that grades, and its data.
pub(crate) fn testssl() -> Command {
    let own = root().join("target/tools/testssl");
    let mut command = Command::new("timeout");
    command.arg("300");
    if own.is_dir() {
        command
            .arg(own.join("usr/bin/testssl"))
            .env("TESTSSL_INSTALL_DIR", own.join("etc/testssl"));
    } else {
        require("testssl");
        command.arg("testssl");
    }
    command
}

/// The scanner that knows Mozilla's profiles.
pub(crate) fn sslyze() -> Command {
    let own = root().join("target/tools/sslyze/bin/sslyze");
    assert!(
        own.is_file(),
        "sslyze is not there; `cargo xtask test` fetches what the tests need"
    );
    let mut command = Command::new("timeout");
    command.arg("120").arg(own);
    command
}

/// Installs a folder's locked npm packages once, whichever test process comes first.
pub(crate) fn npm_ci(folder: &Path) {
    require("node");
    require("npm");
    let locked = fs::read(folder.join("package-lock.json")).unwrap();
    let stamp = folder.join("node_modules/.panoply-installed");
    let lock_file = std::env::temp_dir().join(format!("panoply-npm-{}.lock", name_of(folder)));
    let lock = File::create(lock_file).unwrap();
    lock.lock().unwrap();
    if fs::read(&stamp).is_ok_and(|installed| installed == locked) {
        return;
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "npm ci in {}: {}",
        folder.display(),
        text(&output.stderr)
    );
    fs::write(stamp, locked).unwrap();
}

fn name_of(folder: &Path) -> String {
    folder.display().to_string().replace(['/', '.'], "-")
}

/// Runs one of the Node scripts and reads the JSON object that it prints.
pub(crate) fn node(script: &str, arguments: &[&str], ca: Option<&Path>) -> Value {
    node_in(script, arguments, ca, &[])
}

/// [`node`] with more environment.
pub(crate) fn node_in(
    script: &str,
    arguments: &[&str],
    ca: Option<&Path>,
    environment: &[(&str, &str)],
) -> Value {
    npm_ci(&scripts());
    if matches!(script, "browser.mjs" | "demo.mjs") {
        require("chromium");
    }
    let mut command = Command::new("timeout");
    command
        .args(["90", "node", script])
        .args(arguments)
        .current_dir(scripts());
    command
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    if let Some(ca) = ca {
        command.env("NODE_EXTRA_CA_CERTS", ca);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let printed = text(&stdout);
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| {
        panic!(
            "{script} {arguments:?}: {status}, {error}\n{printed}\n{}",
            text(&stderr)
        )
    })
}

/// Bytes as text, for messages.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
