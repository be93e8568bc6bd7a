//! A process that is killed at any moment: what it has answered is there.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use panoply_store_sqlite::SqliteStore;
use panoply_store_test::sessions::crash::{Stands, Told, check, work};
use tokio::task::JoinSet;

const DATABASE: &str = "PANOPLY_TEST_SESSIONS";
const TURN: &str = "PANOPLY_TEST_TURN";

/// What the child does; without its variables nothing.
#[test]
fn child() {
    let Ok(path) = env::var(DATABASE) else { return };
    let turn: u8 = env::var(TURN).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let sessions = Arc::new(SqliteStore::open(path).unwrap().sessions());
        let tell = |(worker, round): (u8, u32), stands| {
            let number = match stands {
                Stands::At(number) => i64::try_from(number).unwrap(),
                Stands::Ended => -1,
            };
            // In one piece, or a half of it could be seen.
            let line = format!("told {worker} {round} {number}\n");
            std::io::stdout().write_all(line.as_bytes()).unwrap();
        };
        let workers =
            (turn * 16..turn * 16 + 16).map(|worker| work(sessions.clone(), worker, 500, tell));
        workers.collect::<JoinSet<()>>().join_all().await;
    });
}

/// Runs the child until it has told so much, and kills it.
fn run(path: &Path, turn: usize, lines: usize, told: &mut Told) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(DATABASE, path)
        .env(TURN, turn.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut heard = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(numbers) = line.strip_prefix("told ") else {
            continue;
        };
        let mut numbers = numbers
            .split(' ')
            .map(|number| number.parse::<i64>().unwrap());
        let mut next = || numbers.next().unwrap();
        let name = (
            u8::try_from(next()).unwrap(),
            u32::try_from(next()).unwrap(),
        );
        let stands = u64::try_from(next()).map_or(Stands::Ended, Stands::At);
        told.insert(name, stands);
        heard += 1;
        if heard == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(heard >= lines, "it ended by itself after {heard}");
}

#[tokio::test]
async fn what_was_answered_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let mut told = Told::new();
    for (turn, lines) in [1, 20, 333, 2000, 5000].into_iter().enumerate() {
        run(&path, turn, lines, &mut told);
        let store = SqliteStore::open(&path).unwrap();
        check(&store.sessions(), &told).await;
    }
    assert!(told.len() > 300);
}
