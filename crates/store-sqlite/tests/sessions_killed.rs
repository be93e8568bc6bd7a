//! A process that is killed at any moment: sessions are as it was answered.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says no by panicking"
)]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use panoply_core::{
    Committed, Cycle, Destroy, Loaded, SessionChange, SessionKey, SessionRecord, SessionStore,
    UserChange, UserKey,
};
use panoply_store_sqlite::{SqliteSessionStore, SqliteStore};
use tokio::task::JoinSet;

const DATABASE: &str = "PANOPLY_TEST_DATABASE";
const FIRST: &str = "PANOPLY_TEST_FIRST";
const HOUR: Duration = Duration::from_hours(1);

/// Lives of sessions that go on at once, and how many a process begins.
const AT_ONCE: u32 = 48;
const LIVES: u32 = 48 * 40;

/// The key that a session has after so many changes of it.
fn key(life: u32, cycles: u8) -> SessionKey {
    // Spread over all shards and all pages, as hashes are.
    let mut hash = [cycles; 32];
    let mixed = u64::from(life).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash[..8].copy_from_slice(&mixed.to_be_bytes());
    hash[24..].copy_from_slice(&mixed.rotate_left(29).to_be_bytes());
    SessionKey::from_hash(hash)
}

fn user(life: u32) -> UserKey {
    let mut hash = [1; 32];
    hash[..4].copy_from_slice(&life.to_be_bytes());
    UserKey::from_hash(hash)
}

fn create(life: u32) -> SessionChange {
    SessionChange::create(HOUR * 24, HOUR * 24).set("life", life.to_be_bytes().to_vec())
}

fn count(count: u8) -> SessionChange {
    SessionChange::new().set("count", vec![count])
}

/// What becomes of a session, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Made,
    /// The count is so much, by the first key.
    Counted(u8),
    /// It has the second key, and the first leads to it.
    Renewed,
    /// It has the third key and a user, and the others lead nowhere.
    Replaced,
    /// Somebody has asked for its end.
    Ending,
    Gone,
}

impl Step {
    /// The steps of a life, of which two in three end.
    fn all(life: u32) -> Vec<Self> {
        let mut all = vec![Self::Made];
        all.extend((1..=3).map(Self::Counted));
        all.extend([Self::Renewed, Self::Replaced]);
        if !life.is_multiple_of(3) {
            all.extend([Self::Ending, Self::Gone]);
        }
        all
    }

    /// By how many changes of the key the session is reached.
    const fn cycles(self) -> u8 {
        match self {
            Self::Made | Self::Counted(_) => 0,
            Self::Renewed => 1,
            _ => 2,
        }
    }

    /// What the count is at least.
    const fn count(self) -> u8 {
        match self {
            Self::Made => 0,
            Self::Counted(count) => count,
            Self::Renewed => 4,
            _ => 5,
        }
    }
}

async fn done(store: &SqliteSessionStore, key: &SessionKey, change: &SessionChange) {
    let committed = store.commit(key, change).await.unwrap();
    assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
}

async fn take(store: &SqliteSessionStore, life: u32, step: Step) {
    let [first, second, third] = [0, 1, 2].map(|cycles| key(life, cycles));
    match step {
        Step::Made => done(store, &first, &create(life)).await,
        Step::Counted(to) => done(store, &first, &count(to)).await,
        Step::Renewed => {
            let cycle = Cycle::renew(second, HOUR);
            done(store, &first, &count(4).cycle(cycle)).await;
        }
        Step::Replaced => {
            let (user, most) = (user(life), None);
            let login = count(5).user(UserChange::Set { user, most });
            let cycle = Cycle::replace(third, HOUR);
            done(store, &second, &login.cycle(cycle)).await;
        }
        Step::Ending => {}
        Step::Gone => {
            // Among writes that are on their way, by whichever key.
            let writes = [third.clone(), first, third.clone()].map(|key| {
                let (store, creates) = (store.clone(), create(life));
                async move {
                    store.commit(&key, &count(6)).await.unwrap();
                    let made = store.commit(&key, &creates).await.unwrap();
                    assert!(matches!(made, Committed::Gone | Committed::Taken));
                }
            });
            let writes: JoinSet<()> = writes.into_iter().collect();
            let user = &user(life);
            let fingerprint = key(life, 0).fingerprint();
            let which = match life % 9 {
                1 | 2 => Destroy::Key(&third),
                4 | 5 => Destroy::One { user, fingerprint },
                _ => Destroy::User { user, except: None },
            };
            assert_eq!(store.destroy(which).await.unwrap(), 1);
            writes.join_all().await;
        }
    }
}

async fn live(store: SqliteSessionStore, life: u32) {
    for (number, step) in Step::all(life).into_iter().enumerate() {
        take(&store, life, step).await;
        // In one piece, or a half of it could be seen.
        let told = format!("{life} {number}\n");
        std::io::stdout().write_all(told.as_bytes()).unwrap();
    }
}

/// What the child does; without its variables nothing.
#[test]
fn child() {
    let (Ok(path), Ok(first)) = (env::var(DATABASE), env::var(FIRST)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap().sessions();
        let first: u32 = first.parse().unwrap();
        let mut lives = JoinSet::new();
        for life in first..first + LIVES {
            if life >= first + AT_ONCE {
                lives.join_next().await.unwrap().unwrap();
            }
            lives.spawn(live(store.clone(), life));
        }
        lives.join_all().await;
        println!("done");
    });
}

fn start(path: &Path, first: u32) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(DATABASE, path)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What was answered of each life.
#[derive(Debug, Default)]
struct Answered(BTreeMap<u32, Step>);

impl Answered {
    /// Runs the child until it has said so many lines, kills it, and reads what it said besides.
    fn run(&mut self, path: &Path, first: u32, lines: usize) {
        let mut child = start(path, first);
        let mut heard = 0;
        for told in BufReader::new(child.stdout.take().unwrap()).lines() {
            let told = told.unwrap();
            assert_ne!(told, "done", "it was killed too late");
            let words = told.split_once(' ');
            let words = words.map(|(life, step)| (life.parse::<u32>(), step.parse::<usize>()));
            let Some((Ok(life), Ok(step))) = words else {
                continue;
            };
            self.0.insert(life, Step::all(life)[step]);
            heard += 1;
            if heard == lines {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard >= lines, "it ended by itself after {heard} lines");
    }

    async fn check(&self, store: &SqliteSessionStore, wanted: impl Fn(u32) -> bool) {
        for (&life, &step) in self.0.iter().filter(|(life, _)| wanted(**life)) {
            match step {
                Step::Gone => gone(store, life).await,
                Step::Ending => match found(store, life).await {
                    Some(record) => assert!(is_whole(&record, life, step), "{life}: {record:?}"),
                    // What ended it was not answered any more.
                    None => gone(store, life).await,
                },
                _ => {
                    let record = found(store, life).await;
                    let record = record.unwrap_or_else(|| panic!("{life} is lost after {step:?}"));
                    assert!(is_whole(&record, life, step), "{life}: {record:?}");
                    if step == Step::Replaced {
                        for cycles in [0, 1] {
                            let old = store.load(&key(life, cycles)).await.unwrap();
                            assert!(matches!(old, Loaded::Replaced), "{life}: {old:?}");
                        }
                    }
                }
            }
        }
    }
}

/// The session by its last key; all that open lead to the same.
async fn found(store: &SqliteSessionStore, life: u32) -> Option<std::sync::Arc<SessionRecord>> {
    let mut found = None;
    for cycles in 0..3 {
        if let Loaded::Live(live) = store.load(&key(life, cycles)).await.unwrap() {
            assert!(found.is_none_or(|other| other == live.record), "{life}");
            found = Some(live.record);
        }
    }
    found
}

/// Whether a session has all that was answered, and nothing that is halfway.
fn is_whole(record: &SessionRecord, life: u32, step: Step) -> bool {
    let value = |name| record.values.get(name).map(|value| &value[..]);
    let count = value("count").map_or(0, |value| value[0]);
    let cycles = (0..3).find(|cycles| record.key == key(life, *cycles));
    let owned = record.user == Some(user(life));
    value("life") == Some(&life.to_be_bytes())
        && count >= step.count()
        && cycles.is_some_and(|cycles| cycles >= step.cycles())
        && (count >= 4) == (cycles >= Some(1))
        && (count >= 5) == (cycles >= Some(2))
        && owned == (count >= 5)
        && record.user.is_some() == owned
}

/// Expects that nothing is left, and that nothing brings it back.
async fn gone(store: &SqliteSessionStore, life: u32) {
    for cycles in 0..3 {
        let key = key(life, cycles);
        for late in [count(7), create(life)] {
            let committed = store.commit(&key, &late).await.unwrap();
            assert_eq!(committed, Committed::Gone, "{life} by key {cycles}");
        }
        let loaded = store.load(&key).await.unwrap();
        assert!(matches!(loaded, Loaded::Absent), "{life}: {loaded:?}");
    }
    let sessions = store.sessions(&user(life), None, 9).await.unwrap();
    assert!(sessions.is_empty(), "{life}: {sessions:?}");
}

#[tokio::test]
async fn every_answer_holds_whenever_it_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions.db");
    let mut answered = Answered::default();
    for kill in 0..18_u32 {
        // At other moments each time, in the first transactions too.
        let lines = [1, 40, 77, 350, 900, 2222][kill as usize % 6] + kill as usize * 5;
        answered.run(&path, kill * LIVES, lines);
        let store = SqliteStore::builder(&path)
            .session_cache_bytes(if kill.is_multiple_of(2) { 0 } else { 1 << 20 })
            .open()
            .unwrap()
            .sessions();
        // Those of this run, and some of all that were before.
        let first = kill * LIVES;
        let some = |life: u32| life >= first || (life / 3 + kill).is_multiple_of(16);
        answered.check(&store, some).await;
    }
    let store = SqliteStore::open(&path).unwrap().sessions();
    answered.check(&store, |_| true).await;
    let steps = |wanted| answered.0.values().filter(|step| **step == wanted).count();
    for step in [Step::Made, Step::Replaced, Step::Gone] {
        assert!(steps(step) > 50, "{} were at {step:?}", steps(step));
    }
}
