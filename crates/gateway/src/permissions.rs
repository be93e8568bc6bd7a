//! Whether others on this machine can read what is secret, or put theirs in its place.
//!
//! Only the bits for others count: a group is whoever the operator has put into it, as `ssl-cert`, or
//! Kubernetes' `fsGroup`. And only what they can get at: where a directory on the way lets them not through, the
//! mode of what is in it says nothing. Not told of is what is not this gateway's to change: files on a file system
//! that is mounted read-only, as Kubernetes and Docker bring their secrets, whatever their mode, to a container
//! in which nobody else is; and a volume of somebody else's that is mounted where the state directory is.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

/// What is to be looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    pub(crate) state: PathBuf,
    /// Files that the configuration names, or that it is, each with what it holds.
    pub(crate) named: Vec<(PathBuf, &'static str)>,
}

const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const ENTER: u32 = 0o1;

/// What in a state directory is no secret.
const PUBLIC: [&str; 5] = [
    "ca.pem",
    "leaf.pem",
    "tls.lock",
    "panoply.db-lock",
    "control.sock",
];

/// No state directory is deeper, or has more in it that has to be looked at.
const DEEPEST: u8 = 4;
const MOST: usize = 10_000;

impl Secrets {
    /// What others can do, and how to keep them from it, a sentence each.
    pub(crate) fn told(&self) -> Vec<String> {
        let state = self.of_state();
        let named = self
            .named
            .iter()
            .filter_map(|(path, what)| told(path, what));
        state.into_iter().chain(named).collect()
    }

    fn of_state(&self) -> Vec<String> {
        let Some((state, about)) = reached(&self.state) else {
            return Vec::new();
        };
        let (shown, mode) = (self.state.display(), about.permissions().mode());
        if !about.is_dir() || mode & ENTER == 0 || is_foreign_volume(&state, &about) {
            return Vec::new();
        }
        let mut told = Vec::new();
        if mode & WRITE != 0 {
            told.push(format!(
                "others on this machine can write into the state directory {shown} (mode {:04o}), and put a secret \
                 or a key of theirs in the place of the gateway's: `chmod o-w {shown}`",
                mode & 0o7777
            ));
        }
        let mut found = Vec::new();
        open_below(&state, "", &mut found, &mut 0, 0);
        found.sort_unstable();
        if let Some((first, rest)) = found.split_first() {
            let others = match rest.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            told.push(format!(
                "others on this machine can read what is secret in the state directory {shown}, `{first}`{others}: \
                 `chmod -R o-rwx {shown}`"
            ));
        }
        told
    }
}

/// The secret files below a directory that others can read or write.
fn open_below(
    directory: &Path,
    within: &str,
    found: &mut Vec<String>,
    seen: &mut usize,
    depth: u8,
) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        *seen += 1;
        if *seen > MOST {
            return;
        }
        let name = entry.file_name();
        let name = format!("{within}{}", name.to_string_lossy());
        // Of a link nothing is said: what it leads to is somewhere else.
        let Ok(about) = entry.metadata() else {
            continue;
        };
        let mode = about.permissions().mode();
        if about.is_dir() && mode & ENTER != 0 && depth < DEEPEST {
            open_below(&entry.path(), &format!("{name}/"), found, seen, depth + 1);
        } else if about.is_file() && mode & (READ | WRITE) != 0 && !PUBLIC.contains(&name.as_str())
        {
            found.push(name);
        }
    }
}

/// What is to be said of one file.
fn told(path: &Path, what: &str) -> Option<String> {
    let (real, about) = reached(path)?;
    let mode = about.permissions().mode();
    let read_only = rustix::fs::statvfs(&real)
        .is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY));
    if !about.is_file() || mode & (READ | WRITE) == 0 || read_only {
        return None;
    }
    let can = if mode & WRITE == 0 {
        "read"
    } else {
        "read or replace"
    };
    let shown = path.display();
    Some(format!(
        "others on this machine can {can} {shown} (mode {:04o}), which has {what}: `chmod o-rwx {shown}`",
        mode & 0o7777
    ))
}

/// Where a path leads, if others get as far.
fn reached(path: &Path) -> Option<(PathBuf, Metadata)> {
    let real = fs::canonicalize(path).ok()?;
    let about = fs::metadata(&real).ok()?;
    let lets_in = |above: &Path| {
        fs::metadata(above).is_ok_and(|about| about.permissions().mode() & ENTER != 0)
    };
    { real.ancestors().skip(1).all(lets_in) }.then_some((real, about))
}

/// Whether something of somebody else's is mounted there: its mode is theirs to set, as that of an `emptyDir`.
fn is_foreign_volume(directory: &Path, about: &Metadata) -> bool {
    let above = { directory.parent() }.and_then(|above| fs::metadata(above).ok());
    let mounted = above.is_none_or(|above| above.dev() != about.dev());
    mounted && about.uid() != rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A folder that others get to, as far as the machine that tests lets them.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        chmod(folder.path(), 0o755);
        folder
    }

    #[test]
    fn a_state_directory_as_it_is_made_is_told_of_in_no_way() {
        let folder = folder();
        let state = folder.path().join("state");
        crate::privilege::make_state(&state).unwrap();
        crate::store::secret(&state).unwrap();
        fs::write(state.join("ca.pem"), "").unwrap();
        let secrets = Secrets {
            state: state.clone(),
            named: Vec::new(),
        };
        assert_eq!(secrets.told(), [""; 0]);
        // As systemd makes it, where what is in it is closed.
        chmod(&state, 0o755);
        assert_eq!(secrets.told(), [""; 0]);
        // A group is whoever the operator has put into it.
        chmod(&state, 0o775);
        chmod(&state.join("secret"), 0o640);
        assert_eq!(secrets.told(), [""; 0]);
        let missing = Secrets {
            state: folder.path().join("other"),
            named: vec![(folder.path().join("key"), "a key")],
        };
        assert_eq!(missing.told(), [""; 0]);
    }

    #[test]
    fn what_others_can_do_in_a_state_directory_is_told_with_what_to_write() {
        let folder = folder();
        let state = folder.path().join("state");
        crate::privilege::make_state(&state).unwrap();
        crate::store::secret(&state).unwrap();
        fs::create_dir(state.join("acme")).unwrap();
        fs::write(state.join("acme/account"), "").unwrap();
        let secrets = Secrets {
            state: state.clone(),
            named: Vec::new(),
        };
        chmod(&state.join("acme"), 0o755);
        chmod(&state.join("acme/account"), 0o644);
        // Nobody gets there.
        assert_eq!(secrets.told(), [""; 0]);
        chmod(&state, 0o777);
        let told = secrets.told();
        let shown = state.display();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].contains("(mode 0777)") && told[0].ends_with(&format!("`chmod o-w {shown}`"))
        );
        assert!(
            told[1].contains("`acme/account`: `chmod -R o-rwx"),
            "{told:?}"
        );
        chmod(&state.join("secret"), 0o644);
        assert!(secrets.told()[1].contains("`acme/account` and 1 more"));
        chmod(folder.path(), 0o700);
        assert_eq!(secrets.told(), [""; 0], "nobody gets there");
    }

    #[test]
    fn a_key_that_others_can_read_is_told_of_by_where_it_leads() {
        let folder = folder();
        let (key, link) = (
            folder.path().join("key.pem"),
            folder.path().join("link.pem"),
        );
        fs::write(&key, "").unwrap();
        std::os::unix::fs::symlink(&key, &link).unwrap();
        for (mode, told_of) in [
            (0o600, None),
            (0o640, None),
            (0o660, None),
            (0o644, Some("can read ")),
            (0o666, Some("can read or replace ")),
        ] {
            chmod(&key, mode);
            for path in [&key, &link] {
                let said = told(path, "a key of TLS");
                let as_wanted = match (&said, told_of) {
                    (Some(said), Some(how)) => said.contains(how),
                    (said, how) => said.is_none() && how.is_none(),
                };
                assert!(as_wanted, "{mode:o}: {said:?}");
            }
        }
        chmod(folder.path(), 0o750);
        assert_eq!(told(&key, "a key"), None);
    }
}
