//! The state directory, which root may have made and another user is to keep.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, lchown,
};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::Account;

/// What a state directory has in it.
const OURS: [&str; 10] = [
    "secret",
    "keys",
    "ca.pem",
    "ca-key.pem",
    "leaf.pem",
    "leaf-key.pem",
    "tls.lock",
    "acme",
    "control.sock",
    "control.lock",
];

/// How the rest of it begins: files of the store, and what was being written.
const BEGINNINGS: [&str; 4] = ["panoply.db", "secret.", "csp-reports.json", "started."];

/// Makes the directory, or gives one that is root's, with what is in it, to `account`. Where others than root
/// say what the way there leads to, none is made: whoever serves makes it.
///
/// # Errors
///
/// What is in the way: it is somebody else's, others can write into it or have another put in its place, or it
/// is not ours alone, and to give it away would be to give away `/etc`.
pub(super) fn give(state: &Path, account: &Account) -> Result<(), String> {
    let failed = |error: io::Error| format!("the state directory {}: {error}", state.display());
    let changed_by = changed_by_others(state).map_err(failed)?;
    let found = match fs::metadata(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if changed_by.is_some() {
                return Ok(());
            }
            make(state).map_err(failed)?;
            fs::metadata(state)
        }
        found => found,
    };
    let found = found.map_err(failed)?;
    if found.uid() == account.uid().as_raw() {
        return Ok(());
    }
    if !found.is_dir() {
        return Err(format!("{} is no directory", state.display()));
    }
    if found.uid() != 0 {
        return Err(format!(
            "the state directory {} is neither root's nor `{account}`'s",
            state.display()
        ));
    }
    if found.permissions().mode() & 0o022 != 0 {
        return Err(format!(
            "others than root can write into {}, so it is not given to `{account}`",
            state.display()
        ));
    }
    if let Some(place) = changed_by {
        return Err(format!(
            "the state directory {} is root's, and {} is not root's alone: what it leads to is not given to \
             `{account}`, since another directory may have been put there; `chown` it yourself",
            state.display(),
            place.display()
        ));
    }
    if let Some(other) = foreign(state).map_err(failed)? {
        return Err(format!(
            "{} has other things in it than a state directory ({}), so it is not given to `{account}`",
            state.display(),
            other.display()
        ));
    }
    hand(state, account, 0).map_err(failed)?;
    let (uid, gid) = (account.uid().as_raw(), account.gid().as_raw());
    chown(state, Some(uid), Some(gid)).map_err(failed)
}

/// Makes the directory where there is none: for its user alone, whatever the umask is, since who can write
/// there can put a secret and a key of his own in the place of ours. Those above it are as usual.
///
/// # Errors
///
/// What the system says.
pub(crate) fn make(state: &Path) -> io::Result<()> {
    if let Some(parent) = state.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(state) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && state.is_dir() => Ok(()),
        made => made,
    }
}

/// A file of this name, for its user alone, in place of what one that has ended has left of it; never what a
/// link leads to, which whoever may write there could have put there for root.
///
/// # Errors
///
/// What the system says.
pub(crate) fn anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// The first place on the way to `state` that somebody else than root can lead elsewhere: a link of theirs, or
/// a directory in which they can put one in the place of what is there.
fn changed_by_others(state: &Path) -> io::Result<Option<PathBuf>> {
    let written = std::path::absolute(state)?;
    let there = written
        .ancestors()
        .find_map(|path| fs::canonicalize(path).ok());
    let theirs = |path: &Path| {
        let Ok(about) = fs::symlink_metadata(path) else {
            // It is not there yet, and is made by who can write into what is above it.
            return false;
        };
        let mode = about.permissions().mode();
        let is_open = about.is_dir() && mode & 0o022 != 0 && mode & STICKY == 0;
        let leads = about.is_dir() || about.is_symlink();
        leads && (about.uid() != 0 || is_open)
    };
    let links = written.ancestors().filter(|path| path.is_symlink());
    let above = written.ancestors().skip(1);
    let real = there.as_deref().into_iter().flat_map(Path::ancestors);
    let found = links.chain(above).chain(real).find(|path| theirs(path));
    Ok(found.map(Path::to_owned))
}

/// In a directory with this bit nobody moves what is another's.
const STICKY: u32 = 0o1000;

/// Something that the gateway has not put there.
fn foreign(state: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(state)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What is being written has the name of what it becomes between a dot or two.
        let bare = name.trim_start_matches('.').trim_end_matches(".new");
        let ours = OURS.contains(&bare) || BEGINNINGS.iter().any(|begin| bare.starts_with(begin));
        if !ours {
            return Ok(Some(name.into_owned().into()));
        }
    }
    Ok(None)
}

/// Gives what is below `directory` away, as far as it is root's: what is another's was not put there
/// by root. Nobody else can write into a directory until it has been given away, after what is in it.
fn hand(directory: &Path, account: &Account, depth: u8) -> io::Result<()> {
    if depth > DEEPEST {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.uid() != 0 || is_shared(&about) {
            continue;
        }
        if about.is_dir() {
            hand(&entry.path(), account, depth + 1)?;
        }
        let (uid, gid) = (account.uid().as_raw(), account.gid().as_raw());
        lchown(entry.path(), Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Whether others have a way to it already, or another name for it.
fn is_shared(about: &Metadata) -> bool {
    let named_twice = about.is_file() && about.nlink() > 1;
    let writable = about.is_dir() && about.permissions().mode() & 0o022 != 0;
    named_twice || writable
}

/// A state directory is not deeper.
const DEEPEST: u8 = 8;

/// Whether the user that this is by now can write there; made where root had better not.
///
/// # Errors
///
/// What is in the way.
pub(super) fn enter(state: &Path) -> Result<(), String> {
    // Why it cannot be made is why it cannot be written.
    let _ = make(state);
    let Err(error) = access(state, Access::WRITE_OK | Access::EXEC_OK) else {
        return Ok(());
    };
    let above = state.ancestors().skip(1);
    let closed = above
        .filter(|above| !above.as_os_str().is_empty() && access(*above, Access::EXEC_OK).is_err())
        .last();
    Err(match closed {
        Some(closed) => format!(
            "the state directory {} cannot be reached: {} lets the user not through",
            state.display(),
            closed.display()
        ),
        None => format!(
            "the state directory {} cannot be written: {error}",
            state.display()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_directory_is_its_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        make(&state).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state), 0o700);
        // One that is there already is whoever's made it.
        fs::set_permissions(&state, fs::Permissions::from_mode(0o750)).unwrap();
        make(&state).unwrap();
        assert_eq!(mode(&state), 0o750);
        fs::write(state.join("file"), "").unwrap();
        assert!(make(&state.join("file")).is_err());
    }

    #[test]
    fn whether_the_way_there_is_root_s_alone() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (state, missing) = (inner.join("state"), inner.join("a/b"));
        let changed = |path: &Path| changed_by_others(path).unwrap();
        assert_eq!(changed(&missing), None);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        assert_eq!(changed(&link.join("state")), None, "a link of root's");
        chown(&inner, Some(1234), None).unwrap();
        for path in [&state, &missing, &link.join("state")] {
            assert_eq!(changed(path), Some(inner.clone()), "{}", path.display());
        }
        chown(&inner, Some(0), None).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(changed(&state), Some(inner.clone()));
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(changed(&state), None, "nobody moves what is root's there");
        std::os::unix::fs::symlink(folder.path(), &state).unwrap();
        lchown(&state, Some(1234), None).unwrap();
        assert_eq!(changed(&state), Some(state));
    }

    #[test]
    fn what_is_a_state_directory() {
        let state = tempfile::tempdir().unwrap();
        for name in [
            "secret",
            ".secret.123",
            "keys",
            "keys.new",
            ".leaf.pem.new",
            "panoply.db-wal",
            "panoply.db-lock",
            "control.lock",
            "csp-reports.json",
            ".csp-reports.json.123",
            "started.123.json",
            ".started.123.json.new",
            "acme",
        ] {
            fs::write(state.path().join(name), "").unwrap();
        }
        assert_eq!(foreign(state.path()).unwrap(), None);
        fs::write(state.path().join("passwd"), "").unwrap();
        assert_eq!(foreign(state.path()).unwrap(), Some("passwd".into()));
    }
}
