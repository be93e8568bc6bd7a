//! What gateways that were killed have left running, and its end.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{sleep, timeout};

use super::record::{self, AppStarted};
use super::running::{self, Found, Here, Identity};

/// Longest for what is left to end by itself; `limits.drain`, where that is shorter. No start waits for longer than
/// this and the next together.
const ASKED: Duration = Duration::from_secs(8);

/// Longest for it to be gone once it is killed.
const KILLED: Duration = Duration::from_secs(2);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// An app that nobody looks after.
#[derive(Debug)]
struct Left {
    group: Pid,
    process: OwnedFd,
}

/// What is written down of gateways that are no more.
#[derive(Debug, Default)]
struct Legacy {
    apps: BTreeMap<Identity, (AppStarted, Left)>,
    /// Files that say nothing any more, once what is left has ended.
    done: Vec<PathBuf>,
}

/// As [`end`], for a gateway that begins; whoever runs on the state directory already does so, or is followed by this one
/// once it has ended.
pub(crate) async fn begin(state: &Path, drain: Duration) {
    if !crate::control::is_answered(state) {
        end(state, drain).await;
    }
}

/// Ends the apps that gateways on this state directory have left running, which were killed: within `drain`, some ten
/// seconds at most. What a gateway that runs has started, and what may be anybody else's, is left alone.
pub(crate) async fn end(state: &Path, drain: Duration) {
    let files = record::all(state);
    if files.is_empty() {
        return;
    }
    let Some(here) = Here::now() else {
        tracing::warn!(
            "/proc does not say where this is (`boot_id`): should what a gateway that was killed has started run on, \
             nobody ends it"
        );
        return;
    };
    let Legacy { apps, done } = look(files, &here);
    for (app, left) in apps.values() {
        tracing::warn!(
            app = label(app),
            instance = app.instance,
            process = app.process.process,
            port = app.port,
            "a gateway that was killed has left this app running; it is ended"
        );
        left.signal(Signal::TERM);
    }
    let mut left: Vec<Left> = apps.into_values().map(|(_, left)| left).collect();
    if timeout(ASKED.min(drain), gone(&mut left)).await.is_err() {
        for app in &left {
            let process = app.group.as_raw_nonzero();
            tracing::warn!(process, "the app does not end; it is killed");
            app.signal(Signal::KILL);
        }
        if timeout(KILLED, gone(&mut left)).await.is_err() {
            tracing::error!(
                left = left.len(),
                "of the apps that were left not all have ended; the next start tries it again"
            );
            return;
        }
    }
    for file in done {
        // Whoever finds it again finds nobody who runs.
        let _ = std::fs::remove_file(file);
    }
}

/// Resolves once all have ended, and all that they have started; those are taken out.
async fn gone(left: &mut Vec<Left>) {
    loop {
        left.retain(|app| !running::has_ended(&app.process) || running::runs(app.group));
        if left.is_empty() {
            return;
        }
        sleep(LOOK).await;
    }
}

impl Left {
    /// As long as anything of a group runs, its number is nobody else's.
    fn signal(&self, signal: Signal) {
        if !running::has_ended(&self.process) || running::runs(self.group) {
            // It may have ended since.
            let _ = kill_process_group(self.group, signal);
        }
    }
}

/// What is there to be ended.
fn look(files: Vec<PathBuf>, here: &Here) -> Legacy {
    let mut legacy = Legacy::default();
    let mut theirs = BTreeSet::new();
    let mut orphaned = Vec::new();
    for file in files {
        match record::read(&file) {
            Ok(None) => {}
            // With a boot or a container all that ran there has ended; or it is not to be seen from here.
            Ok(Some(record)) if record.here != *here => legacy.done.push(file),
            Ok(Some(record)) if record.gateway.runs() => {
                theirs.extend(record.apps.iter().map(|app| app.process));
            }
            Ok(Some(record)) => orphaned.push((file, record.apps)),
            Err(error) => {
                tell_of_nonsense(&file, &error);
                legacy.done.push(file);
            }
        }
    }
    for (file, apps) in orphaned {
        let mut is_clear = true;
        for app in apps
            .into_iter()
            .filter(|app| !theirs.contains(&app.process))
        {
            match (running::find(&app), app.process.pid()) {
                (Found::Runs(process), Some(group)) => {
                    let left = Left { group, process };
                    legacy.apps.insert(app.process, (app, left));
                }
                (Found::Doubtful(why), _) => {
                    is_clear = false;
                    tell_of_doubt(&app, &why);
                }
                _ => {}
            }
        }
        if is_clear {
            legacy.done.push(file);
        }
    }
    legacy
}

fn tell_of_nonsense(file: &Path, error: &io::Error) {
    tracing::warn!(
        %error,
        file = %file.display(),
        "what another gateway has started cannot be read: should that one have been killed, its apps may run on, and \
         are not ended"
    );
}

fn tell_of_doubt(app: &AppStarted, why: &str) {
    let process = app.process.process;
    tracing::warn!(
        app = label(app),
        instance = app.instance,
        process,
        why,
        "a gateway that was killed may have left this app running, and it is left alone, since it may be something \
         else by now: look at it, and end it yourself (`kill -- -{process}`)"
    );
}

fn label(app: &AppStarted) -> &str {
    if app.app.is_empty() { "/" } else { &app.app }
}
