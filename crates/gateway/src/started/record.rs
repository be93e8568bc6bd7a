//! The file in which a gateway says what it has started.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::running::{Here, Identity};

/// What the file's name is around the gateway's process.
const BEGINS: &str = "started.";
const ENDS: &str = ".json";

/// Of what was being written.
const NEW: &str = ".new";

/// Some 5,000 apps.
const MOST_BYTES: u64 = 1 << 20;

/// Of gateways that were killed, one after the other; the rest comes with the next start.
const MOST_FILES: usize = 64;

/// The longest name of an app.
const LONGEST: usize = 4096;

/// What a gateway has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) here: Here,
    pub(super) gateway: Identity,
    pub(super) apps: Vec<AppStarted>,
}

/// An instance of an app, and its process, the head of a group of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AppStarted {
    /// What the app has of the site.
    pub(super) app: String,
    pub(super) instance: usize,
    pub(super) port: u16,
    pub(super) process: Identity,
}

impl Record {
    /// Whole or not at all. Not to the disk: with the system all processes end.
    pub(super) fn write(&self, state: &Path) -> io::Result<()> {
        crate::privilege::make_state(state)?;
        let name = name(self.gateway.process);
        let new = state.join(format!(".{name}{NEW}"));
        let written = crate::privilege::anew(&new)
            .and_then(|mut file| file.write_all(&serde_json::to_vec(self)?))
            .and_then(|()| fs::rename(&new, state.join(name)));
        if written.is_err() {
            // Where there is no room it takes some.
            let _ = fs::remove_file(&new);
        }
        written
    }

    /// What `text` says.
    pub(super) fn parse(text: &[u8]) -> io::Result<Self> {
        let record: Self = serde_json::from_slice(text)?;
        let is_name = |app: &str| app.len() <= LONGEST && !app.contains(char::is_control);
        let mut apps = record.apps.iter();
        if apps.all(|app| is_name(&app.app)) {
            Ok(record)
        } else {
            Err(io::Error::other("an app's name is none"))
        }
    }
}

fn name(gateway: i32) -> String {
    format!("{BEGINS}{gateway}{ENDS}")
}

/// The process of the gateway whose file this is.
fn gateway_of(file: &str) -> Option<i32> {
    let process = file.strip_prefix(BEGINS)?.strip_suffix(ENDS)?;
    let process = process.parse().ok()?;
    // Whatever is not as a gateway writes it is somebody else's.
    (process > 0 && name(process) == file).then_some(process)
}

/// Removes that of a gateway.
pub(super) fn remove(state: &Path, gateway: i32) -> io::Result<()> {
    fs::remove_file(state.join(name(gateway)))
}

/// The files in a state directory. What was being written by a gateway that is no more is removed.
pub(super) fn all(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let file = entry.file_name();
        let file = file.to_str()?;
        if let Some(begun) = file.strip_prefix('.') {
            let gateway = Pid::from_raw(gateway_of(begun.strip_suffix(NEW)?)?)?;
            if matches!(super::running::open(gateway), Ok(None)) {
                let _ = fs::remove_file(entry.path());
            }
            return None;
        }
        gateway_of(file).map(|_| entry.path())
    });
    let mut found: Vec<PathBuf> = found.take(MOST_FILES).collect();
    found.sort();
    found
}

/// What is in a file of this user's alone; none where it has gone.
///
/// # Errors
///
/// When it is none, or somebody else's, or others could have written it.
pub(super) fn read(path: &Path) -> io::Result<Option<Record>> {
    let careful = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(careful.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let about = file.metadata()?;
    let is_ours = about.uid() == rustix::process::geteuid().as_raw();
    if !about.is_file() || !is_ours || about.mode() & 0o022 != 0 {
        return Err(io::Error::other("it is not this user's alone"));
    }
    let mut text = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it is too long"));
    }
    Record::parse(&text).map(Some)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use proptest::prelude::*;

    use super::*;

    fn record(process: i32, apps: Vec<AppStarted>) -> Record {
        let identity = Identity { process, start: 7 };
        Record {
            here: Here::now().unwrap(),
            gateway: identity,
            apps,
        }
    }

    fn app(app: &str, instance: usize, port: u16, process: i32, start: u64) -> AppStarted {
        let process = Identity { process, start };
        AppStarted {
            app: app.to_owned(),
            instance,
            port,
            process,
        }
    }

    #[test]
    fn only_a_file_of_ones_own_is_read() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("started.41.json");
        assert_eq!(read(&path).unwrap(), None);
        let written = record(41, vec![app("/api", 1, 80, 42, 9)]);
        written.write(state.path()).unwrap();
        assert_eq!(read(&path).unwrap(), Some(written));
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        mode(0o620);
        assert!(read(&path).is_err(), "others may write it");
        mode(0o600);
        let link = state.path().join("started.43.json");
        symlink(&path, &link).unwrap();
        assert!(read(&link).is_err(), "a link");
        fs::remove_file(&link).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &link, 0o600.into()).unwrap();
        assert!(read(&link).is_err(), "it would be waited for");
        fs::write(&path, vec![b' '; usize::try_from(MOST_BYTES).unwrap() + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("too long"));
        for broken in ["", "{}", "{\"here\":", "[]", "null"] {
            fs::write(&path, broken).unwrap();
            assert!(read(&path).is_err(), "{broken}");
        }
        let odd = record(41, vec![app("a\nb", 0, 1, 2, 3)]);
        odd.write(state.path()).unwrap();
        assert!(read(&path).is_err(), "it would be in the log");
    }

    #[test]
    fn files_of_other_names_are_somebody_elses() {
        let state = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let being_written = format!(".started.{own}.json.new");
        for name in [
            "started.7.json",
            "started.12.json",
            "started.json",
            "started..json",
            "started.07.json",
            "started.-7.json",
            "started.0.json",
            "started.7.json.bak",
            "started.x.json",
            "started.99999999999.json",
            // No process can have this number.
            ".started.2000000000.json.new",
            &being_written,
        ] {
            fs::write(state.path().join(name), "").unwrap();
        }
        let found: Vec<_> = all(state.path()).into_iter().collect();
        let names = ["started.12.json", "started.7.json"];
        assert_eq!(found, names.map(|name| state.path().join(name)));
        let left = |name: &str| state.path().join(name).exists();
        assert!(!left(".started.2000000000.json.new"), "nobody writes it");
        assert!(left(&being_written), "somebody may be writing it");
        for number in 100..200 {
            fs::write(state.path().join(name(number)), "").unwrap();
        }
        assert_eq!(all(state.path()).len(), MOST_FILES);
    }

    #[test]
    fn what_could_not_be_written_takes_no_room() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("started.41.json")).unwrap();
        record(41, Vec::new()).write(state.path()).unwrap_err();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            apps in proptest::collection::vec(
                ("[^\\p{Cc}]{0,20}", any::<usize>(), any::<u16>(), 2..i32::MAX, any::<u64>()),
                0..5,
            ),
        ) {
            let apps = { apps.iter() }
                .map(|(name, instance, port, process, start)| app(name, *instance, *port, *process, *start));
            let written = record(41, apps.collect());
            let text = serde_json::to_vec(&written).unwrap();
            prop_assert_eq!(Record::parse(&text).unwrap(), written);
        }

        /// Of whatever is there no process comes out that must not be signalled.
        #[test]
        fn nobody_is_named_whom_nobody_may_end(process in any::<i64>(), start in any::<u64>()) {
            let mut text = serde_json::to_value(record(41, vec![app("", 0, 1, 2, 3)])).unwrap();
            text["apps"][0]["process"] = serde_json::json!({ "process": process, "start": start });
            let read = Record::parse(text.to_string().as_bytes());
            prop_assert_eq!(read.is_ok(), (2..=i64::from(i32::MAX)).contains(&process));
        }

        #[test]
        fn whatever_is_there_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::parse(&text);
        }
    }
}
