//! All that a gateway has started which did not come to serve.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::proc_stat;

/// A session whose leader has ended; what is left of it ends with this.
#[derive(Debug)]
pub(crate) struct Session(Pid);

impl Drop for Session {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Session {
    pub(super) const fn of(leader: Pid) -> Self {
        Self(leader)
    }

    /// Asks everything in it to end, and after `grace` makes it.
    pub(crate) async fn end(self, grace: Duration) {
        if !fs::exists("/proc/self/stat").unwrap_or(false) {
            tracing::warn!(
                session = self.0.as_raw_nonzero(),
                "/proc cannot be read: should what another gateway has started run on, nobody ends it"
            );
        }
        let mut left = self.signal(Signal::TERM);
        let wait = async {
            while left > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                left = self.members().count();
            }
        };
        if tokio::time::timeout(grace, wait).await.is_err() {
            tracing::warn!("what another gateway has started does not end; it is killed");
        }
    }

    /// How many there were to be told.
    fn signal(&self, signal: Signal) -> usize {
        let mut told = 0;
        for process in self.members() {
            // Who has ended meanwhile needs no signal.
            let _ = kill_process(process, signal);
            told += 1;
        }
        told
    }

    /// The processes in it that run.
    fn members(&self) -> impl Iterator<Item = Pid> {
        let leader = self.0;
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes.filter_map(move |entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            (session(&stat)? == leader).then_some(Pid::from_raw(process)?)
        })
    }
}

/// The session of a process that runs, by what `proc_pid_stat(5)` says of it.
fn session(stat: &str) -> Option<Pid> {
    let mut fields = proc_stat::fields(stat)?;
    if fields.next()? == "Z" {
        return None;
    }
    Pid::from_raw(fields.nth(2)?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_session_is_found_behind_whatever_name() {
        let found = |stat| session(stat).map(|session| session.as_raw_nonzero().get());
        assert_eq!(found("7 (a b) S 1 7 5 0 -1"), Some(5));
        assert_eq!(found("7 () Z 9 9 9) R 1 7 6 0 -1"), Some(6));
        assert_eq!(found("7 (over) Z 1 7 5 0 -1"), None);
        assert_eq!(found("7 (a) S 1"), None);
    }

    /// Its own session is of no use to a test: the leader may be in another PID namespace, and then it is 0.
    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "another process is waited for, by the real clock"
    )]
    fn what_is_left_of_a_session_ends_with_it() {
        let mut leader = Command::new("setsid")
            .args(["sleep", "60"])
            .spawn()
            .unwrap();
        let process = Pid::from_child(&leader);
        let session = Session::of(process);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !session.members().any(|member| member == process) {
            assert!(Instant::now() < deadline, "{:?}", leader.try_wait());
            std::thread::yield_now();
        }
        drop(session);
        assert_eq!(leader.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
    }
}
