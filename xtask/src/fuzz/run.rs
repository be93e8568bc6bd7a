//! Running what was built.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Fuzz;
use super::account::{self, Row};

/// The longest input that is tried.
const LONGEST: usize = 4096;

/// Runs the targets, some at once, and gives those that found something.
pub(super) fn all(fuzz: &Fuzz, targets: &[&str], seconds: u32, jobs: usize) -> Result<Vec<String>> {
    let mut waiting = targets.iter().copied();
    let mut running: Vec<(&str, Child, u64)> = Vec::new();
    let mut found = Vec::new();
    loop {
        while running.len() < jobs.max(1)
            && let Some(target) = waiting.next()
        {
            running.push((target, start(fuzz, target, seconds)?, 0));
        }
        if running.is_empty() {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(100));
        let mut still = Vec::new();
        for (target, mut child, before) in running {
            // Once it is waited for, nobody knows how long it has worked.
            let (worked, over) = processor_time(child.id()).unwrap_or((before, true));
            if !over {
                still.push((target, child, worked));
                continue;
            }
            let good = child.wait()?.success();
            let log = fs::read(log(fuzz, target))?;
            let row = Row::of(target, worked, &String::from_utf8_lossy(&log), !good);
            println!("{row}");
            account::add(&fuzz.root, &row)?;
            if !good {
                found.push(target.to_owned());
            }
        }
        running = still;
    }
}

fn log(fuzz: &Fuzz, target: &str) -> std::path::PathBuf {
    fuzz.built.join(format!("{target}.log"))
}

fn start(fuzz: &Fuzz, target: &str, seconds: u32) -> Result<Child> {
    let artifacts = fuzz.root.join("artifacts").join(target);
    let corpus = fuzz.corpus(target);
    for folder in [&artifacts, &corpus] {
        fs::create_dir_all(folder)?;
    }
    let mut command = Command::new(fuzz.binary(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
        .args([
            "-use_value_profile=1".to_owned(),
            format!("-max_len={LONGEST}"),
        ])
        .arg(format!("-artifact_prefix={}/", artifacts.display()));
    let words = fuzz.root.join("dictionaries").join(target);
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    let log = File::create(log(fuzz, target))?;
    command
        .arg(corpus)
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("the target `{target}` cannot be started"))
}

/// How many seconds of a processor a child has had, and whether it has ended.
fn processor_time(id: u32) -> Option<(u64, bool)> {
    let stat = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
    // What the program calls itself stands in brackets, and may hold spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // There are a hundred a second on every Linux.
    let worked = (ticks(11)? + ticks(12)?) / 100;
    Some((worked, fields.first() == Some(&"Z")))
}
