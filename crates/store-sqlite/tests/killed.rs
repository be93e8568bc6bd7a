//! A process that is killed at any moment: what it was granted has counted.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use panoply_core::{Action, CounterKey, CounterKeys, CounterStore, Lock, Op, Rule};
use panoply_store_sqlite::SqliteStore;
use tokio::task::JoinSet;

const DATABASE: &str = "PANOPLY_TEST_DATABASE";
const USERS: u32 = 8;
const GUESSES: u32 = 1000;

fn pair() -> Rule {
    let hour = Duration::from_hours(1);
    Rule::new("pair", 10, hour * 24 * 90).lock(Lock::fixed(hour * 24))
}

fn client() -> Rule {
    Rule::new("client", 1_000_000, Duration::from_hours(24))
}

fn key(user: u32) -> CounterKey {
    CounterKeys::new([5; 16]).key("pair", &[&user.to_le_bytes()])
}

/// One guess, reserved in two counters; the app counts it by a line.
async fn guess(store: SqliteStore, user: u32) {
    let (pair, client) = (pair(), client());
    let ops = [
        Op::reserve(key(user), &pair),
        Op::reserve(key(u32::MAX), &client),
    ];
    let decision = store.decide(&ops).await.unwrap();
    if !decision.is_granted() {
        return;
    }
    let locked = decision.state().just_locked;
    let word = if locked { "locked" } else { "granted" };
    // In one piece, or a half of it could be seen.
    let line = format!("{word} {user}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// What the child does; without its variable nothing.
#[test]
fn child() {
    let Ok(path) = env::var(DATABASE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap();
        println!("open");
        // A thousand guesses at one user at once, then at the next: there is something to count
        // whenever it is killed.
        for user in 0..USERS {
            let guesses = (0..GUESSES).map(|_| guess(store.clone(), user));
            guesses.collect::<JoinSet<()>>().join_all().await;
        }
        println!("done");
    });
}

fn start(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(DATABASE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[derive(Default)]
struct App {
    granted: HashMap<u32, u32>,
    locked: Vec<u32>,
}

impl App {
    /// Runs the child until it has said so many lines, kills it, and reads what it said besides.
    /// Whether it came to its end.
    fn run(&mut self, path: &Path, lines: usize) -> bool {
        let mut child = start(path);
        let mut done = false;
        let mut heard = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let said = line.split_once(' ');
            match said.and_then(|(word, user)| Some((word, user.parse().ok()?))) {
                Some(("granted", user)) => *self.granted.entry(user).or_default() += 1,
                Some(("locked", user)) => {
                    *self.granted.entry(user).or_default() += 1;
                    self.locked.push(user);
                }
                _ => done |= line == "done",
            }
            heard += 1;
            if heard == lines {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        done
    }
}

#[tokio::test]
async fn ten_of_a_thousand_whenever_it_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut killed = 0;
    for round in 0..5 {
        let path = directory.path().join(format!("{round}.db"));
        let mut app = App::default();
        let mut kills = 0;
        // At other moments each time.
        while !app.run(&path, 3 + round * 2 + kills % 7) {
            kills += 1;
            assert!(kills < 100, "it never came to its end");
        }
        killed += kills;
        let most = app.granted.values().max().unwrap();
        assert!(*most <= 10, "{most} guesses reached the app");
        let store = SqliteStore::open(&path).unwrap();
        let (pair, client) = (pair(), client());
        let mut reached = 0;
        for user in 0..USERS {
            let op = Op::new(key(user), &pair, Action::Get);
            let state = store.decide(&[op]).await.unwrap().state();
            assert!(state.locked && state.count == 10, "{user}: {state:?}");
            reached += app.granted.get(&user).copied().unwrap_or(0);
        }
        // Killed between the disk and the app, a guess has counted without reaching it.
        let unheard = 10 * u32::try_from(kills).unwrap();
        assert!(
            reached + unheard >= USERS * 10,
            "{reached} reached the app in {kills} kills"
        );
        let op = Op::new(key(u32::MAX), &client, Action::Get);
        let count = store.decide(&[op]).await.unwrap().state().count;
        assert_eq!(count, i64::from(USERS) * 10, "both counters or none");
    }
    assert!(killed >= 10, "it was killed {killed} times only");
}

#[tokio::test]
async fn a_lock_that_was_announced_is_there() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let path = directory.path().join(format!("{round}.db"));
        let mut app = App::default();
        app.run(&path, 2 + round * 9);
        let store = SqliteStore::open(&path).unwrap();
        let pair = pair();
        for (user, granted) in app.granted {
            let op = Op::new(key(user), &pair, Action::Get);
            let state = store.decide(&[op]).await.unwrap().state();
            assert!(
                state.count >= i64::from(granted),
                "{user}: {granted} of {state:?}"
            );
            assert!(
                state.locked || !app.locked.contains(&user),
                "{user} is free"
            );
        }
    }
}
