//! `cargo xtask conformance`: what the peers really answered, against what we answer.

mod client;
mod headers;
mod limits;
mod sessions;

use std::path::Path;

use anyhow::{Context as _, Result as Checked};
use serde_json::Value;

use crate::install;

/// How one file of cases went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The cases in which we answer as the peer does.
    pub(crate) passed: Vec<String>,
    /// The cases in which we should and do not, each with what came instead.
    pub(crate) failed: Vec<(String, String)>,
    /// The cases in which the peer is not to be copied, and ours is as documented.
    pub(crate) adapted: Vec<String>,
}

type Runner = fn(&Value) -> Outcome;

/// The files we know, and who runs them.
const RUNNERS: [(&str, Runner); 5] = [
    ("headers.json", headers::run),
    ("headers-legacy.json", headers::run_legacy),
    ("client-address.json", client::run),
    ("limits.json", limits::run),
    ("sessions.json", sessions::run),
];

/// Runs every known file in `dir`; `true` when no case failed.
///
/// # Errors
///
/// When `dir` holds no known file, or one that is no JSON.
pub(crate) fn run(dir: &Path, list_adapted: bool) -> Checked<bool> {
    let mut found = 0;
    let mut failures = 0;
    for (name, runner) in RUNNERS {
        let path = dir.join(name);
        if !path.exists() {
            println!("{name}: not in this folder");
            continue;
        }
        found += 1;
        let cases = read(&path)?;
        let mut outcomes = vec![(name.to_owned(), runner(&cases))];
        if name == "limits.json" {
            let name = format!("{name} on Redis");
            if install::has("redis-server") && install::has("cc") {
                outcomes.push((name, limits::run_on_redis(&cases)));
            } else {
                println!("{name}: left out, redis-server or cc is not installed");
            }
        }
        failures += outcomes
            .iter()
            .map(|(name, outcome)| outcome.tell(name, list_adapted))
            .sum::<usize>();
    }
    for name in others(dir)? {
        println!("{name}: not covered yet");
    }
    anyhow::ensure!(
        found > 0,
        "{} holds none of the files that are covered",
        dir.display()
    );
    Ok(failures == 0)
}

impl Outcome {
    /// Asks `judge` for each case: `Ok(true)` passed, `Ok(false)` adapted, `Err` failed and why.
    fn of(file: &Value, judge: impl Fn(&Value) -> Result<bool, String>) -> Self {
        let mut outcome = Self::default();
        let cases = file.get("cases").and_then(Value::as_array);
        for (number, case) in cases.into_iter().flatten().enumerate() {
            let name = match case.get("name").and_then(Value::as_str) {
                Some(name) => name.to_owned(),
                None => format!("{number}: {case}"),
            };
            match judge(case) {
                Ok(true) => outcome.passed.push(name),
                Ok(false) => outcome.adapted.push(name),
                Err(why) => outcome.failed.push((name, why)),
            }
        }
        outcome
    }

    /// Prints how it went; how many have failed.
    fn tell(&self, name: &str, list_adapted: bool) -> usize {
        println!("{}", self.line(name));
        for (case, why) in &self.failed {
            println!("  failed: {case}\n    {why}");
        }
        if list_adapted {
            for case in &self.adapted {
                println!("  adapted: {case}");
            }
        }
        self.failed.len()
    }

    fn line(&self, file: &str) -> String {
        format!(
            "{file}: {} passed, {} failed, {} adapted",
            self.passed.len(),
            self.failed.len(),
            self.adapted.len()
        )
    }
}

fn read(path: &Path) -> Checked<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parsing {}", path.display()))
}

/// The JSON files in `dir` that nobody runs yet, in order.
fn others(dir: &Path) -> Checked<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let json = Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "json");
        if json && RUNNERS.iter().all(|(known, _)| *known != name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
