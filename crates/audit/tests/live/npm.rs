//! The npm packages that the end-to-end suite has too.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Installs the locked packages of a folder of that suite once, whichever test process comes first.
pub(crate) fn modules(of: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = crates.join("cli/tests").join(of);
    let locked = fs::read(folder.join("package-lock.json")).unwrap();
    let stamp = folder.join("node_modules/.panoply-installed");
    // The same lock and stamp as the end-to-end suite's own.
    let name = folder.display().to_string().replace(['/', '.'], "-");
    let lock = File::create(std::env::temp_dir().join(format!("panoply-npm-{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !fs::read(&stamp).is_ok_and(|installed| installed == locked) {
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .expect("npm is not installed; `cargo xtask test` installs what the tests need");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "npm ci in {}: {said}",
            folder.display()
        );
        fs::write(stamp, locked).unwrap();
    }
    folder.join("node_modules")
}

/// Runs a script, gives it JSON, and reads the JSON that it prints.
pub(crate) fn node(script: &str, arguments: &[&Path], ca: &Path, input: &Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live");
    let mut child = Command::new("timeout")
        .args(["600", "node", script])
        .args(arguments)
        .current_dir(folder)
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
