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

/// What the gateway writes into a state directory for itself alone, beside the store's files and what is in `acme`.
const SECRET: [&str; 5] = [
    "secret",
    "keys",
    "ca-key.pem",
    "leaf-key.pem",
    "csp-reports.json",
];

/// The directory in it with keys and accounts.
const ACME: &str = "acme";

/// No state directory has more in it that has to be looked at.
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
        let mut found = open_in(&state, is_secret);
        let acme = open_below(&state.join(ACME));
        // Closed as a whole: more files come.
        let close = found.iter().map(String::as_str);
        let close = close.chain((!acme.is_empty()).then_some(ACME));
        let close: Vec<String> = close
            .map(|name| self.state.join(name).display().to_string())
            .collect();
        found.extend(acme.iter().map(|name| format!("{ACME}/{name}")));
        found.sort_unstable();
        if let Some((first, rest)) = found.split_first() {
            let others = match rest.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            told.push(format!(
                "others on this machine can read what is secret in the state directory {shown}, `{first}`{others}: \
                 `chmod o-rwx {}`",
                close.join(" ")
            ));
        }
        told
    }
}

/// Whether the gateway keeps what is secret under this name: in a folder that has something else in it, as the one
/// that the app is in, the rest is somebody else's.
fn is_secret(name: &str) -> bool {
    // What is being written has something before or behind its name.
    let whole = name.strip_suffix(".new").unwrap_or(name);
    let is_store = whole.starts_with("panoply.db") && whole != "panoply.db-lock";
    let begins = |own: &str| {
        let rest = { whole.strip_prefix('.') }.and_then(|name| name.strip_prefix(own));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    is_store || SECRET.contains(&whole) || SECRET.iter().any(|own| begins(own))
}

/// Whether what is in the directory of certificates is one with its key, or an account.
fn is_secret_of_acme(name: &str) -> bool {
    let whole = name.strip_suffix(".new").unwrap_or(name);
    let ending = Path::new(whole).extension();
    ending.is_some_and(|ending| ending == "pem" || ending == "json")
}

/// The secret files in the directory of certificates, if others get there.
fn open_below(directory: &Path) -> Vec<String> {
    let lets_in = fs::symlink_metadata(directory)
        .is_ok_and(|about| about.is_dir() && about.permissions().mode() & ENTER != 0);
    if lets_in {
        open_in(directory, is_secret_of_acme)
    } else {
        Vec::new()
    }
}

/// The files in a directory that are secret by their names, and that others can read or write.
fn open_in(directory: &Path, is_secret: impl Fn(&str) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let entries = entries.take(MOST).filter_map(Result::ok);
    let names = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        // Of a link nothing is said: what it leads to is somewhere else.
        let is_open = is_secret(&name)
            && entry.metadata().is_ok_and(|about| {
                about.is_file() && about.permissions().mode() & (READ | WRITE) != 0
            });
        is_open.then_some(name)
    });
    names.collect()
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
        let account = state.join("acme/account-0.json");
        fs::write(&account, "").unwrap();
        let secrets = Secrets {
            state: state.clone(),
            named: Vec::new(),
        };
        chmod(&state.join("acme"), 0o755);
        chmod(&account, 0o644);
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
            told[1].ends_with(&format!(
                "`acme/account-0.json`: `chmod o-rwx {shown}/acme`"
            )),
            "{told:?}"
        );
        chmod(&state.join("secret"), 0o644);
        let told = secrets.told();
        assert!(
            told[1].contains("`acme/account-0.json` and 1 more")
                && told[1].ends_with(&format!("`chmod o-rwx {shown}/secret {shown}/acme`")),
            "{told:?}"
        );
        chmod(folder.path(), 0o700);
        assert_eq!(secrets.told(), [""; 0], "nobody gets there");
    }

    #[test]
    fn what_else_is_in_the_folder_is_not_told_of() {
        let folder = folder();
        fs::create_dir(folder.path().join("acme")).unwrap();
        for name in [
            "README.md",
            "keys.json",
            "secret.js",
            "server.pem",
            "ca.pem",
            "leaf.pem",
            "tls.lock",
            "panoply.db-lock",
            "control.sock",
            ".leaf.pem.new",
            "acme/index.js",
            "acme/shop.lock",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
            chmod(&folder.path().join(name), 0o644);
        }
        let secrets = Secrets {
            state: folder.path().to_owned(),
            named: Vec::new(),
        };
        assert_eq!(secrets.told(), [""; 0]);
        for name in [
            "secret",
            ".secret.7",
            "keys",
            "keys.new",
            "ca-key.pem",
            ".leaf-key.pem.new",
            "panoply.db",
            "panoply.db-wal",
            "acme/shop.pem",
            "acme/.shop.pem.new",
        ] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            chmod(&path, 0o644);
            let told = secrets.told();
            assert!(
                matches!(&*told, [one] if one.contains(&format!("`{name}`"))),
                "{name}: {told:?}"
            );
            fs::remove_file(path).unwrap();
        }
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
