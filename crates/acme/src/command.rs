//! Commands of the operator's, which may hang, say more than anybody reads, and leave children behind.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use crate::printable::printable;

/// As much of what a command says is kept, the last of it.
const KEPT: usize = 4096;

/// How long the last words of a command that has ended are waited for: a child that it has left
/// behind may hold on to the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Why a command has not done what it is for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unrun {
    #[error("there is no command")]
    Nothing,
    #[error("`{program}` cannot be started: {source}")]
    Start { program: String, source: io::Error },
    #[error("`{program}` did not end within {}", text(*patience))]
    Late { program: String, patience: Duration },
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The last line that it wrote to standard error.
    pub(crate) said: String,
    /// The last lines of all that it wrote, where they were asked for.
    pub(crate) lines: Vec<String>,
}

/// What a command is given beside its arguments, and whether all that it writes is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told<'a> {
    pub(crate) environment: &'a [(&'a str, &'a OsStr)],
    pub(crate) lines: bool,
}

/// How commands are started: what the process has changed for itself alone is theirs too, unless it is set back for
/// as long as that takes.
#[derive(Debug, Clone, Copy)]
pub struct Starting(fn(&mut dyn FnMut()));

impl Default for Starting {
    /// As they come.
    fn default() -> Self {
        Self(|start| start())
    }
}

impl Starting {
    /// Within `around`, which is to call what it is given.
    pub const fn within(around: fn(&mut dyn FnMut())) -> Self {
        Self(around)
    }

    fn started<T>(self, mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let mut started = None;
        (self.0)(&mut || started = Some(start()));
        started.unwrap_or_else(|| Err(io::Error::other("nothing was started")))
    }
}

/// Runs `command` with these arguments as well, for `patience` at most.
///
/// It has a process group of its own, which ends with it when it is late, or when nobody waits for
/// it any more.
pub(crate) async fn run(
    command: &[String],
    more: &[&str],
    patience: Duration,
    starting: Starting,
) -> Result<Ended, Unrun> {
    run_with(command, more, Told::default(), patience, starting).await
}

/// As [`run`], with what it is `told` in its environment.
pub(crate) async fn run_with(
    command: &[String],
    more: &[&str],
    told: Told<'_>,
    patience: Duration,
    starting: Starting,
) -> Result<Ended, Unrun> {
    let (program, arguments) = command.split_first().ok_or(Unrun::Nothing)?;
    let mut calls = Command::new(program);
    calls
        .args(arguments)
        .args(more)
        .envs(told.environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(if told.lines {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let begun = starting.started(|| calls.spawn());
    let unstarted = |source| Unrun::Start {
        program: program.clone(),
        source,
    };
    let mut group = Group(begun.map_err(unstarted)?);
    let (stdout, stderr) = (group.0.stdout.take(), group.0.stderr.take());
    let (mut printed, mut said) = (Vec::new(), Vec::new());
    let run = async {
        let both = async { tokio::join!(listen(stdout, &mut printed), listen(stderr, &mut said)) };
        let mut listening = std::pin::pin!(both);
        let mut has_said_all = false;
        let status = loop {
            tokio::select! {
                status = group.0.wait() => break status?,
                _ = listening.as_mut(), if !has_said_all => has_said_all = true,
            }
        };
        if !has_said_all {
            let _ = tokio::time::timeout(LAST_WORDS, listening).await;
        }
        Ok::<_, io::Error>(status)
    };
    match tokio::time::timeout(patience, run).await {
        Ok(Ok(status)) => Ok(Ended {
            status,
            said: last_line(&said),
            lines: if told.lines {
                [last_lines(&printed), last_lines(&said)].concat()
            } else {
                Vec::new()
            },
        }),
        Ok(Err(error)) => Err(unstarted(error)),
        Err(_) => Err(Unrun::Late {
            program: program.clone(),
            patience,
        }),
    }
}

/// Starts `command` and waits for nothing: for one that must still be called by a process that ends.
pub(crate) fn begin(command: &[String], more: &[&str], starting: Starting) -> io::Result<()> {
    use std::os::unix::process::CommandExt as _;

    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut calls = std::process::Command::new(program);
    calls
        .args(arguments)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = starting.started(|| calls.spawn())?;
    // So that it does not stay a zombie where the process goes on.
    std::thread::Builder::new()
        .name("hook".to_owned())
        .spawn(move || child.wait())?;
    Ok(())
}

/// Keeps the last of what is said, and reads the rest, so that nobody waits for a full pipe.
async fn listen(pipe: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut part = [0; KEPT];
    while let Ok(length @ 1..) = pipe.read(&mut part).await {
        said.extend_from_slice(part.get(..length).unwrap_or_default());
        let over = said.len().saturating_sub(KEPT);
        said.drain(..over);
    }
}

fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    printable(said.trim().lines().last().unwrap_or_default(), 300)
}

/// As many lines as are told of at most, as they can be shown.
fn last_lines(said: &[u8]) -> Vec<String> {
    const MOST: usize = 20;
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = lines.iter().skip(lines.len().saturating_sub(MOST));
    last.map(|line| printable(line, 300)).collect()
}

fn text(patience: Duration) -> String {
    match patience.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// A command with whatever it has started.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // One that was waited for to its end has no id any more: what it left behind was meant to stay.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script, "hook"]
            .map(str::to_owned)
            .to_vec()
    }

    async fn ran(script: &str, patience: Duration) -> Result<Ended, Unrun> {
        run(&shell(script), &["present"], patience, Starting::default()).await
    }

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn much_is_said_and_little_is_kept() {
        let script = "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; exit 3";
        let ended = ran(script, MINUTE).await.unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert!(ended.said.len() < 1000, "{}", ended.said.len());
    }

    #[tokio::test]
    async fn the_last_words_are_those_of_text() {
        let script = "printf 'first\\n\\033[2J\\033[31mno token\\n' >&2; exit 1";
        let ended = ran(script, MINUTE).await.unwrap();
        assert_eq!(ended.said, "[2J [31mno token");
    }

    #[tokio::test]
    async fn a_child_left_behind_holds_nobody_up() {
        let ended = ran("sleep 20 & exit 0", Duration::from_secs(10))
            .await
            .unwrap();
        assert!(ended.status.success());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_ends_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        let path = pipe.display();
        let script = format!("(sleep 20; echo alive) > {path} & wait; echo alive > {path}");
        // The clock stands still while this waits, until the child has opened the pipe too.
        let begun = tokio::task::spawn_blocking(move || std::fs::File::open(pipe).unwrap());
        let (late, begun) = tokio::join!(ran(&script, MINUTE), begun);
        assert!(matches!(late, Err(Unrun::Late { .. })), "{late:?}");
        // It ends once nobody is left who could write.
        assert_eq!(std::io::read_to_string(begun.unwrap()).unwrap(), "");
    }

    #[tokio::test]
    async fn all_are_started_as_they_are_to_be() {
        static BEGUN: AtomicU32 = AtomicU32::new(0);
        let starting = Starting::within(|start| {
            BEGUN.fetch_add(1, Ordering::Relaxed);
            start();
        });
        let hook = shell("exit 0");
        let ended = run(&hook, &[], MINUTE, starting).await.unwrap();
        assert!(ended.status.success());
        begin(&hook, &[], starting).unwrap();
        assert_eq!(BEGUN.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let missing = run(
            &["/no/such/hook".to_owned()],
            &[],
            MINUTE,
            Starting::default(),
        )
        .await;
        let said = missing.unwrap_err().to_string();
        assert!(
            said.starts_with("`/no/such/hook` cannot be started"),
            "{said}"
        );
        assert_eq!(text(MINUTE * 10), "10 minutes");
        assert_eq!(text(Duration::from_secs(10)), "10 seconds");
    }
}
