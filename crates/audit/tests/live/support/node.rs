//! Programs in Node, with the packages that the end-to-end suite has too.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::npm::npm_ci;

/// The packages of a folder of that suite.
pub(crate) fn modules(of: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = crates.join("cli/tests").join(of);
    npm_ci(&folder);
    folder.join("node_modules")
}

/// The folder of the scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live")
}

/// Runs a script, gives it JSON, and reads the JSON that it prints.
pub(crate) fn node(script: &str, arguments: &[&Path], ca: &Path, input: &Value) -> Value {
    let mut child = Command::new("timeout")
        .args(["600", "node", script])
        .args(arguments)
        .current_dir(scripts())
        .env("NODE_EXTRA_CA_CERTS", ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{script}: {error}\n{printed}"))
}
