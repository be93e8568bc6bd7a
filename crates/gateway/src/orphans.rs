//! Processes that have lost their parent.
//!
//! The first process of a container is given all of them, and whoever does not ask how they ended keeps each
//! as a zombie: an app whose helpers outlive those who have started them would run out of processes.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};

use crate::proc_stat;

/// How often it is looked for them. What somebody here waits for is a zombie for much less.
const LOOK: Duration = Duration::from_secs(5);

/// Lets go of those that have ended, where this is the first process, and `alone` in it: what another program
/// has started that it is part of, that one may ask about when it likes.
pub(crate) async fn reap(alone: bool) {
    if alone && getpid().is_init() {
        reap_children_of(getpid()).await;
    }
}

async fn reap_children_of(parent: Pid) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = HashSet::new();
    loop {
        looks.tick().await;
        let looked = tokio::task::spawn_blocking(move || ended(parent)).await;
        let now = looked.unwrap_or_default();
        for process in now.intersection(&before).copied().filter_map(Pid::from_raw) {
            // Somebody may have been faster.
            let _ = waitpid(Some(process), WaitOptions::NOHANG);
        }
        before = now;
    }
}

/// The children of `parent` that have ended, and that nobody has asked about.
fn ended(parent: Pid) -> HashSet<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ended = processes.filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        is_ended_child(&stat, parent).then_some(process)
    });
    ended.collect()
}

/// By what `proc_pid_stat(5)` says of a process.
fn is_ended_child(stat: &str, parent: Pid) -> bool {
    let Some(mut fields) = proc_stat::fields(stat) else {
        return false;
    };
    let is_over = fields.next() == Some("Z");
    let of = fields.next().and_then(|parent| parent.parse().ok());
    is_over && of == Some(parent.as_raw_nonzero().get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_is_told_from_what_runs_and_from_what_is_anothers() {
        let own = Pid::from_raw(7).unwrap();
        assert!(is_ended_child("9 (a) S) Z 7 9 9 0", own));
        for other in ["9 (a) S 7 9", "9 (a) Z 8 9", "9 (Z 7", "9 () Z", ""] {
            assert!(!is_ended_child(other, own), "{other}");
        }
    }
}
