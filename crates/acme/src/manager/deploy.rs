//! Hands certificates on to other programs, by a command of the operator's.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use zeroize::Zeroizing;

use super::Acme;
use crate::command::{self, Told};
use crate::managed::{Managed, hash, lock};
use crate::storage::{Lock, Storage, tag};

/// Longest for one call: a program may have to be started anew.
const PATIENCE: Duration = Duration::from_mins(10);

/// How soon a call that has failed is made again.
const AGAIN: Duration = Duration::from_hours(1);

/// How often it is looked for a certificate that is to be handed on.
const LOOK: Duration = Duration::from_secs(1);

/// What was handed on, by the names of groups.
#[derive(Debug, Default)]
pub(super) struct HandedOn(Mutex<HashMap<String, Tried>>);

#[derive(Debug)]
struct Tried {
    hash: Vec<u8>,
    /// When it is tried again; never where it has been done.
    again: Option<Duration>,
}

impl Acme {
    /// Hands on what has not been yet, for as long as this is polled.
    pub(super) async fn hand_on(&self) {
        if self.config.deploy_hook.is_empty() {
            return;
        }
        loop {
            self.hand_on_due().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Hands on what has not been yet, one after another.
    pub(super) async fn hand_on_due(&self) {
        if self.config.deploy_hook.is_empty() {
            return;
        }
        // Those that handshakes ask for are the site's own business.
        for managed in self.all().iter().filter(|managed| !managed.on_demand) {
            let Some(hash) = managed.in_force() else {
                continue;
            };
            if self
                .handed_on
                .is_due(managed, &hash, self.place.clock.monotonic())
            {
                let done = self.hand_over(managed, &hash).await;
                let again = match done {
                    Some(true) => None,
                    Some(false) => Some(self.place.clock.monotonic() + AGAIN),
                    // Another is at it.
                    None => continue,
                };
                let name = managed.group.name().to_owned();
                lock(&self.handed_on.0).insert(name, Tried { hash, again });
            }
        }
    }

    /// Whether it is handed on; nothing while another process, or one of us before a reload, hands something on.
    async fn hand_over(&self, managed: &Managed, hash: &[u8]) -> Option<bool> {
        let group = &managed.group;
        let begun = self.begin_to_hand_over(managed, hash);
        let names = group.names.join(" ");
        let begun = begun.unwrap_or_else(|error| {
            let directory = self.place.storage.path("").display().to_string();
            tracing::error!(names, %error, "a certificate cannot be handed on from {directory}: it is tried again in an hour");
            Begun::Failed
        });
        let (turn, lineage) = match begun {
            Begun::Now(turn, lineage) => (turn, lineage),
            Begun::Done => return Some(true),
            Begun::Failed => return Some(false),
            Begun::Later => return None,
        };
        let call = Call {
            hook: self.config.deploy_hook.clone(),
            names,
            lineage,
            mark: (group.handed(), tag(hash)),
            storage: Arc::clone(&self.place.storage),
            starting: self.place.starting,
            _turn: turn,
        };
        // By itself, so that a reload, which the hook may well ask for, does not end it.
        let called = tokio::spawn(call.made());
        Some(called.await.unwrap_or(false))
    }

    fn begin_to_hand_over(&self, managed: &Managed, wanted: &[u8]) -> io::Result<Begun> {
        let (storage, group) = (&self.place.storage, &managed.group);
        let Some(turn) = storage.try_lock("deploy")? else {
            return Ok(Begun::Later);
        };
        let mark = storage.read(&group.handed())?;
        if mark.is_some_and(|mark| *mark == tag(wanted).as_bytes()) {
            return Ok(Begun::Done);
        }
        let Some(pem) = storage.read(&group.pem())? else {
            return Ok(Begun::Later);
        };
        if hash(&pem) != wanted {
            // A newer one, which is about to be in force.
            return Ok(Begun::Later);
        }
        let lineage = storage.path(&group.handed_on());
        publish(&lineage, &pem)?;
        // A hook may go elsewhere before it looks.
        let lineage = std::path::absolute(&lineage).unwrap_or(lineage);
        Ok(Begun::Now(turn, lineage))
    }
}

/// How a certificate stands that is to be handed on.
enum Begun {
    /// Its files are in that directory, and it is our turn.
    Now(Lock, PathBuf),
    /// It has been before.
    Done,
    Later,
    Failed,
}

impl HandedOn {
    fn is_due(&self, managed: &Managed, hash: &[u8], now: Duration) -> bool {
        let tried = lock(&self.0);
        let tried = tried
            .get(managed.group.name())
            .filter(|tried| tried.hash == hash);
        tried.is_none_or(|tried| tried.again.is_some_and(|again| again <= now))
    }
}

/// A call of the hook.
struct Call {
    hook: Vec<String>,
    names: String,
    lineage: PathBuf,
    /// The file that says which one was handed on, and what it says.
    mark: (String, String),
    storage: Arc<Storage>,
    starting: command::Starting,
    _turn: Lock,
}

impl Call {
    /// Whether it has succeeded.
    async fn made(self) -> bool {
        let program = self.hook.first().map_or("", String::as_str);
        let names = self.names.as_str();
        let told = Told {
            environment: &[
                ("RENEWED_DOMAINS", OsStr::new(names)),
                ("RENEWED_LINEAGE", self.lineage.as_os_str()),
            ],
            lines: true,
        };
        let called = command::run_with(&self.hook, &[], told, PATIENCE, self.starting).await;
        let problem = match called {
            Ok(ended) => {
                for line in &ended.lines {
                    tracing::info!(names, line, "the deploy hook says");
                }
                let failed = !ended.status.success();
                failed.then(|| format!("`{program}` ended with {}", ended.status))
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            tracing::error!(
                names,
                problem,
                "the deploy hook has failed, and is called again in an hour; the gateway itself has the certificate"
            );
            return false;
        }
        let lineage = self.lineage.display();
        tracing::info!(names, %lineage, "a certificate was handed on by the deploy hook");
        let (file, mark) = &self.mark;
        if let Err(error) = self.storage.write(file, mark.as_bytes()) {
            tracing::warn!(names, %error, "that cannot be written down: the hook is called again after the next start");
        }
        true
    }
}

/// Writes the key and the chain into a directory, for its owner alone, each whole or as it was before.
fn publish(directory: &Path, pem: &[u8]) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let [key, chain] = split(pem);
    for (name, content) in [("privkey.pem", key), ("fullchain.pem", chain)] {
        let new = directory.join(format!(".{name}.new"));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs::rename(&new, directory.join(name))?;
    }
    File::open(directory)?.sync_all()
}

/// The key, and the certificates.
fn split(pem: &[u8]) -> [Zeroizing<Vec<u8>>; 2] {
    let [mut key, mut chain] = [Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new())];
    let mut is_key = false;
    for line in pem.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"-----BEGIN ") {
            is_key = line.windows(11).any(|part| part == b"PRIVATE KEY");
        }
        let part = if is_key { &mut key } else { &mut chain };
        part.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            part.push(b'\n');
        }
    }
    [key, chain]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn other_programs_find_a_key_and_a_chain_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("live/shop.example");
        let key = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n";
        let one = "-----BEGIN CERTIFICATE-----\none\n-----END CERTIFICATE-----\n";
        let two = "-----BEGIN CERTIFICATE-----\ntwo\n-----END CERTIFICATE-----";
        publish(&directory, b"old").unwrap();
        publish(&directory, format!("{key}{one}{two}").as_bytes()).unwrap();
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        assert_eq!(read("privkey.pem"), key);
        assert_eq!(read("fullchain.pem"), format!("{one}{two}\n"));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("privkey.pem")), 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
    }
}
