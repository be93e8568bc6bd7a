//! Tools that must be there, and npm packages. The audit's tests have this file too: they use the same packages,
//! and may want them at the same moment.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// Fails the test when a tool is not installed.
pub(crate) fn require(tool: &str) {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()));
    assert!(
        found,
        "`{tool}` is not installed; `cargo xtask test` installs what the tests need"
    );
}

/// Installs a folder's locked npm packages once, whichever test process comes first.
pub(crate) fn npm_ci(folder: &Path) {
    require("node");
    require("npm");
    let locked = fs::read(folder.join("package-lock.json")).unwrap();
    let stamp = folder.join("node_modules/.panoply-installed");
    let name = folder.display().to_string().replace(['/', '.'], "-");
    let lock = File::create(std::env::temp_dir().join(format!("panoply-npm-{name}.lock"))).unwrap();
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
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(stamp, locked).unwrap();
}
