//! What this gateway has started, written down: should it be killed, the next one on the state directory ends what is
//! left.
//!
//! Each gateway has a file of its own there, `started.PROCESS.json`, with the apps that are its to end: an app is in it
//! from its start to its end, or until another gateway has taken it. So of two gateways that follow one another, or
//! stand by for each other, each says what is its own, and what a gateway that runs has written down is nobody else's.

mod left;
mod record;
mod running;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::process::{Pid, getpid};

use self::record::{AppStarted, Record};
use self::running::{Here, Identity};

pub(crate) use left::{begin, end as end_left};

/// The apps that this gateway would end. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Started(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: PathBuf,
    /// Where this gateway is, and which it is; none where nothing is to be written down.
    own: OnceLock<Option<(Here, Identity)>>,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    apps: BTreeMap<u64, AppStarted>,
    next: u64,
    /// Whether it has been told that they cannot be written down.
    told: bool,
}

/// That an app is written down; it is no more once this is dropped.
#[derive(Debug)]
pub(crate) struct Note(Option<(Started, u64)>);

impl Drop for Note {
    fn drop(&mut self) {
        if let Some((started, number)) = self.0.take() {
            let mut pages = started.pages();
            pages.apps.remove(&number);
            started.write(&mut pages);
        }
    }
}

impl Started {
    /// That of the gateway with this state directory; nothing is looked at yet.
    pub(crate) fn new(state: &Path) -> Self {
        Self(Arc::new(Inner {
            state: state.to_owned(),
            own: OnceLock::new(),
            pages: Mutex::default(),
        }))
    }

    /// Writes down that this `instance` of the app of that name is this gateway's to end. Where that cannot be it is
    /// told once, and nothing fails for it.
    pub(crate) fn note(
        &self,
        (app, instance): (&str, usize),
        process: Option<Pid>,
        port: u16,
    ) -> Note {
        let Some(process) = self.own().and(process).and_then(Identity::of) else {
            return Note(None);
        };
        let mut pages = self.pages();
        let number = pages.next;
        pages.next += 1;
        let app = AppStarted {
            app: app.to_owned(),
            instance,
            port,
            process,
        };
        pages.apps.insert(number, app);
        self.write(&mut pages);
        drop(pages);
        Note(Some((self.clone(), number)))
    }

    fn own(&self) -> Option<&(Here, Identity)> {
        let own = || {
            // With the first process of a container all others end.
            let own = Some(getpid()).filter(|own| !own.is_init())?;
            Some((Here::now()?, Identity::of(own)?))
        };
        self.0.own.get_or_init(own).as_ref()
    }

    fn write(&self, pages: &mut Pages) {
        let Some((here, gateway)) = self.own() else {
            return;
        };
        if pages.apps.is_empty() {
            // What is left of it names nobody who runs.
            let _ = record::remove(&self.0.state, gateway.process);
            return;
        }
        let record = Record {
            here: here.clone(),
            gateway: *gateway,
            apps: pages.apps.values().cloned().collect(),
        };
        match record.write(&self.0.state) {
            Ok(()) => pages.told = false,
            Err(error) if !std::mem::replace(&mut pages.told, true) => tracing::warn!(
                %error,
                state = %self.0.state.display(),
                "which apps this gateway has started cannot be written down in the state directory: should it be killed \
                 (SIGKILL), they run on, and the next one does not end them"
            ),
            Err(_) => {}
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(state: &Path) -> Vec<(String, usize, u16)> {
        let all = record::all(state).into_iter();
        let apps = all.flat_map(|path| record::read(&path).unwrap().unwrap().apps);
        apps.map(|app| (app.app, app.instance, app.port)).collect()
    }

    #[test]
    fn what_is_started_is_written_down_until_it_ends() {
        let state = tempfile::tempdir().unwrap();
        let started = Started::new(&state.path().join("made"));
        let state = state.path().join("made");
        let own = Some(getpid());
        let one = started.note(("", 0), own, 1000);
        let other = started.note(("/api", 3), own, 1001);
        let names = [(String::new(), 0, 1000), ("/api".to_owned(), 3, 1001)];
        assert_eq!(written(&state), names);
        drop(one);
        assert_eq!(written(&state), names[1..]);
        // Nothing was started: there is nobody to be ended.
        drop(started.note(("", 0), None, 1));
        assert_eq!(written(&state), names[1..]);
        drop(other);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0);
    }

    #[test]
    fn nothing_fails_where_nothing_can_be_written_down() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let started = Started::new(&folder.path().join("file/state"));
        let note = started.note(("", 0), Some(getpid()), 1);
        assert!(started.pages().told);
        drop(note);
    }
}
