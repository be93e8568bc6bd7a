//! Databases that cannot be used, and what is said about them.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use panoply_core::{Action, CounterKey, CounterStore, Op, Rule};
use panoply_store_sqlite::{Error, SqliteStore};
use rusqlite::Connection;

fn open(path: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::builder(path).wait(Duration::ZERO).open()
}

/// What is said of a path, with the directory of the test left out.
fn says(path: &Path) -> String {
    let error = open(path).unwrap_err();
    let directory = path.parent().unwrap().display().to_string();
    error.to_string().replace(&directory, "/var/lib")
}

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.db");
    (directory, path)
}

#[test]
fn errors_say_what_to_do() {
    let (directory, path) = directory();
    let none = directory.path().join("none").join("c.db");
    assert_eq!(
        says(&none).replace("/var/lib", "…/none"),
        "`…/none/c.db`: the directory `…/none` does not exist; make it, or name a file in one \
         that does"
    );
    let error = open(directory.path()).unwrap_err();
    assert!(error.to_string().ends_with("panoply.db`"), "{error}");

    fs::write(&path, "these are notes about the shop, not a database").unwrap();
    assert_eq!(
        says(&path),
        "`/var/lib/c.db` is not an SQLite database; name another file, or one that is not there yet"
    );
    assert!(fs::read_to_string(&path).unwrap().starts_with("these are"));

    let other = directory.path().join("other.db");
    let database = Connection::open(&other).unwrap();
    database
        .execute_batch("CREATE TABLE customers (name TEXT)")
        .unwrap();
    drop(database);
    assert!(says(&other).contains("is a database of something else"));

    let newer = directory.path().join("newer.db");
    drop(open(&newer).unwrap());
    let database = Connection::open(&newer).unwrap();
    database.pragma_update(None, "user_version", 2).unwrap();
    drop(database);
    assert_eq!(
        says(&newer),
        "`/var/lib/newer.db` was written by a newer release (format 2, known up to 1); run that \
         release, or name another file"
    );
}

#[test]
fn a_file_of_no_bytes_is_a_new_database() {
    let (_directory, path) = directory();
    fs::write(&path, "").unwrap();
    drop(open(&path).unwrap());
}

#[test]
fn a_damaged_database_says_so() {
    let (_directory, path) = directory();
    drop(open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 8192);
    bytes.get_mut(100..).unwrap().fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let error = says(&path);
    assert!(error.contains("is damaged; move it away"), "{error}");
}

#[test]
fn one_store_a_file() {
    let (_directory, path) = directory();
    let first = open(&path).unwrap();
    for _ in 0..3 {
        assert!(matches!(open(&path), Err(Error::InUse(_))));
        let other = Connection::open(&path).unwrap();
        other.busy_timeout(Duration::ZERO).unwrap();
        let count = other.query_row("SELECT count(*) FROM counters", [], |row| {
            row.get::<_, i64>(0)
        });
        assert_eq!(count.unwrap(), 0, "a person may look");
    }
    let said = says(&path);
    assert!(said.contains("in use by another process, or opened a second time in this one"));
    assert!(said.contains("clone the store"), "{said}");
    drop(first);
    let again = open(&path).unwrap();
    // Whoever waits gets it when the other ends.
    let waits = std::thread::spawn({
        let path = path.clone();
        move || {
            SqliteStore::builder(path)
                .wait(Duration::from_mins(1))
                .open()
        }
    });
    drop(again);
    drop(waits.join().unwrap().unwrap());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = directory();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = open(&path).unwrap();
    let mut files = 0;
    for file in fs::read_dir(directory.path()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
        files += 1;
    }
    assert_eq!(
        files, 4,
        "the database, its journal with an index, and the lock"
    );
    drop(store);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

/// What a crash of the machine may leave of the journal.
#[tokio::test]
async fn a_torn_journal_is_read_as_far_as_it_is_whole() {
    let (directory, path) = directory();
    let store = open(&path).unwrap();
    let rule = Rule::new("pair", 1000, Duration::from_hours(1));
    let key = CounterKey::from_bits(7);
    for _ in 0..50 {
        store.decide(&[Op::reserve(key, &rule)]).await.unwrap();
    }
    let journal = fs::read(directory.path().join("c.db-wal")).unwrap();
    let database = fs::read(&path).unwrap();
    drop(store);
    let count = async |journal: &[u8]| {
        let copy = directory.path().join("copy.db");
        fs::write(&copy, &database).unwrap();
        fs::write(directory.path().join("copy.db-wal"), journal).unwrap();
        let store = open(&copy).unwrap();
        let op = Op::new(key, &rule, panoply_core::Action::Get);
        store.decide(&[op]).await.unwrap().state().count
    };
    assert_eq!(count(&journal).await, 50);
    let garbage: Vec<u8> = journal.iter().copied().chain([0xa5; 5000]).collect();
    assert_eq!(count(&garbage).await, 50);
    let mut before = 50;
    for cut in [1, 4000, 5000, 20_000, 100_000] {
        let whole = journal.get(..journal.len() - cut).unwrap();
        let left = count(whole).await;
        assert!(
            left <= before && left >= 50 - i64::try_from(cut / 4096).unwrap() - 1,
            "{left}"
        );
        before = left;
    }
    let mut flipped = journal.clone();
    let middle = flipped.len() / 2;
    *flipped.get_mut(middle).unwrap() ^= 1;
    let left = count(&flipped).await;
    assert!((10..50).contains(&left), "{left}");
}

#[tokio::test]
async fn a_database_that_is_taken_away_is_told_of_and_has_it_all_when_it_is_back() {
    let (_directory, path) = directory();
    let away = path.with_extension("away");
    let store = open(&path).unwrap();
    let rule = Rule::new("pair", 10, Duration::from_hours(24));
    let decide = async |store: &SqliteStore, key: u128| {
        let op = Op::reserve(CounterKey::from_bits(key), &rule);
        store.decide(&[op]).await.unwrap()
    };
    decide(&store, 0).await;
    fs::rename(&path, &away).unwrap();
    let error = store.flush().await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("c.db was removed or replaced"), "{why}");
    assert_eq!(store.trouble(), Some(why));
    // Memory goes on, and what should last is not said to.
    decide(&store, 0).await;
    let block = Action::Block { time: None };
    let block = Op::new(CounterKey::from_bits(1), &rule, block);
    let error = store.decide(&[block]).await.unwrap_err();
    assert!(error.to_string().contains("is done, but"), "{error}");
    // Another file in its place is not what the store writes to.
    fs::write(&path, "").unwrap();
    store.flush().await.unwrap_err();

    fs::rename(&away, &path).unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.trouble(), None);
    drop(store);
    let store = open(&path).unwrap();
    let standing = decide(&store, 0).await;
    assert_eq!(standing.states().first().unwrap().count, 3);
    assert!(!decide(&store, 1).await.is_granted(), "blocked");
}
