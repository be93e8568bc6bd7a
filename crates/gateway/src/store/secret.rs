//! The secret under which everything is counted, and whether the nodes share it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use panoply_core::{Action, CounterStore, Op, Rule, Secret, StoreError};

/// The secret in the state directory, made when there is none.
///
/// Its text is the secret, so that it may be copied into `store.secret` of another node.
pub(crate) fn secret(state: &Path) -> io::Result<Secret> {
    let path = state.join("secret");
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    crate::privilege::make_state(state)?;
    let random = Secret::random().map_err(io::Error::other)?;
    let mut digits = String::with_capacity(64);
    for byte in random.expose() {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    // Whole or not at all, and never in place of one that another process has just made.
    let made = state.join(format!(".secret.{}", std::process::id()));
    let mut file = crate::privilege::anew(&made)?;
    let written = { file.write_all(digits.as_bytes()) }
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&made, &path));
    // Half of it, too: each start on a full disk would leave one.
    fs::remove_file(&made)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read(&path),
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let text = fs::read_to_string(path)?;
    let text = text.trim();
    if text.chars().count() < 16 {
        let why = format!(
            "{} has fewer than 16 characters: remove it to have another made",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(Secret::new(text.as_bytes().to_vec()))
}

/// Whether the store was used with another secret: then its counters and ours would be strangers,
/// and each node would count alone.
///
/// The first to come leaves 31 bits made from the secret, which tell nothing of it.
pub(crate) async fn is_foreign(
    store: &dyn CounterStore,
    secret: &Secret,
) -> Result<bool, StoreError> {
    let rule = Rule::new("store/secret", i64::MAX, std::time::Duration::ZERO).without_window();
    // The same for everybody, or nobody would find it.
    let key = panoply_core::CounterKeys::new(*b"panoply store 01").key(rule.name(), &[]);
    let keys = panoply::limits::counter_keys(secret)
        .map_err(|error| StoreError::permanent("the secret is too short").because(error))?;
    let mark = keys.key("store/secret", &[]).to_bits() >> 97;
    let mark = i64::try_from(mark).unwrap_or(0);
    let found = store
        .decide(&[Op::new(key, &rule, Action::Get)])
        .await?
        .state();
    if !found.existed {
        let set = Action::Set {
            count: mark,
            window: None,
        };
        store.decide(&[Op::new(key, &rule, set)]).await?;
    }
    let found = store
        .decide(&[Op::new(key, &rule, Action::Get)])
        .await?
        .state();
    Ok(found.count != mark)
}

#[cfg(test)]
mod tests {
    use panoply_store_memory::MemoryStore;

    use super::*;

    #[test]
    fn the_secret_stays() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path().join("deep/state");
        let made = secret(&state).unwrap();
        assert_eq!(made.expose().len(), 64);
        assert_eq!(secret(&state).unwrap(), made);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
        fs::write(state.join("secret"), "short\n").unwrap();
        assert!(
            secret(&state)
                .unwrap_err()
                .to_string()
                .contains("remove it")
        );
    }

    #[test]
    fn it_is_written_where_it_belongs_and_nowhere_else() {
        let state = tempfile::tempdir().unwrap();
        let other = state.path().join("other");
        fs::write(&other, "of root's").unwrap();
        let link = state.path().join(format!(".secret.{}", std::process::id()));
        std::os::unix::fs::symlink(&other, link).unwrap();
        let made = secret(state.path()).unwrap();
        assert_eq!(made.expose().len(), 64);
        assert_eq!(fs::read_to_string(&other).unwrap(), "of root's");
    }

    #[tokio::test]
    async fn another_secret_is_noticed() {
        let store = MemoryStore::default();
        let [one, other] = [1, 2].map(|byte| Secret::new(vec![byte; 32]));
        assert!(!is_foreign(&store, &one).await.unwrap());
        assert!(!is_foreign(&store, &one).await.unwrap());
        assert!(is_foreign(&store, &other).await.unwrap());
    }
}
