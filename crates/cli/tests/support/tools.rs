//! The tools from outside: looked for, installed where npm can, and never silently done without.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::npm::{npm_ci, require};
use super::{root, scripts};

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
