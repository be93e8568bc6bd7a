//! Which process is meant, and whether it is that one which runs.
//!
//! A process is known by its number and the time of its start together: a number comes to be another's, but not at the
//! same time, in one namespace of one boot.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use super::record::AppStarted;
use crate::app::{INSTANCE, listens};
use crate::proc_stat;

/// Where numbers of processes mean something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Here {
    /// Of this run of the system.
    pub(super) boot: String,
    /// That of a container; not known everywhere.
    pub(super) namespace: Option<String>,
}

impl Here {
    /// Where this process is; none where the system does not say.
    pub(super) fn now() -> Option<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let boot = boot.trim().to_owned();
        let namespace = fs::read_link("/proc/self/ns/pid").ok();
        (!boot.is_empty()).then_some(Self {
            boot,
            namespace: namespace.and_then(|link| Some(link.to_str()?.to_owned())),
        })
    }
}

/// A process that cannot be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Above 1.
    #[serde(deserialize_with = "above_one")]
    pub(super) process: i32,
    /// When it was started, in ticks since the system was.
    pub(super) start: u64,
}

/// 0 is one's own group, 1 the system's first process, and what is below 0 is a group, or everybody.
fn above_one<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
    let process = i32::deserialize(from)?;
    if process > 1 {
        Ok(process)
    } else {
        Err(serde::de::Error::custom("no process that may be ended"))
    }
}

impl Identity {
    /// That of a process; none where it has ended, or the system does not say.
    pub(super) fn of(process: Pid) -> Option<Self> {
        let stat = Stat::of(process).ok()??;
        Some(Self {
            process: process.as_raw_nonzero().get(),
            start: stat.start,
        })
    }

    /// Its number; none of one that nobody could have.
    pub(super) fn pid(self) -> Option<Pid> {
        { self.process > 1 }.then(|| Pid::from_raw(self.process))?
    }

    /// Whether it runs; where that cannot be known, it does.
    pub(super) fn runs(self) -> bool {
        let stat = self.pid().map(Stat::of);
        match stat {
            Some(Ok(Some(stat))) => stat.start == self.start && !stat.is_over,
            Some(Ok(None)) | None => false,
            Some(Err(_)) => true,
        }
    }
}

/// What the system says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// Whether it has ended, and nobody has asked how.
    is_over: bool,
    group: i32,
    start: u64,
}

impl Stat {
    /// None where there is no such process.
    fn of(process: Pid) -> io::Result<Option<Self>> {
        match fs::read(format!("/proc/{}/stat", process.as_raw_nonzero())) {
            Ok(stat) => { Self::parse(&stat).map(Some) }.ok_or_else(|| io::ErrorKind::Other.into()),
            // It may be there, and hidden (`hidepid`).
            Err(error) => match open(process)? {
                None => Ok(None),
                Some(_) => Err(error),
            },
        }
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // A program may have cut a name in the middle of a letter.
        let line = String::from_utf8_lossy(stat);
        let mut fields = proc_stat::fields(&line)?;
        let is_over = matches!(fields.next()?, "Z" | "X");
        let group = fields.nth(1)?.parse().ok()?;
        Some(Self {
            is_over,
            group,
            start: fields.nth(16)?.parse().ok()?,
        })
    }
}

/// A descriptor of the process, which cannot come to mean another; none where there is no such process.
pub(super) fn open(process: Pid) -> io::Result<Option<OwnedFd>> {
    match pidfd_open(process, PidfdFlags::empty()) {
        Ok(descriptor) => Ok(Some(descriptor)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether it has ended.
pub(super) fn has_ended(process: &OwnedFd) -> bool {
    let mut processes = [PollFd::new(process, PollFlags::IN)];
    poll(&mut processes, Some(&Timespec::default())).is_ok_and(|ended| ended > 0)
}

/// Whether an app that was started runs.
#[derive(Debug)]
pub(super) enum Found {
    /// It has ended.
    Ended,
    /// It runs, and is the one that was started.
    Runs(OwnedFd),
    /// It may, as far as this says; nobody can be sure.
    Doubtful(String),
}

/// Whether `app` runs, in the namespace in which it was started.
pub(super) fn find(app: &AppStarted) -> Found {
    look_for(app).unwrap_or_else(|error| Found::Doubtful(error.to_string()))
}

fn look_for(app: &AppStarted) -> io::Result<Found> {
    let doubtful = |why: &str| Ok(Found::Doubtful(why.to_owned()));
    let Some(process) = app.process.pid() else {
        return doubtful("it is no process");
    };
    // From here on the number is nobody else's, as long as this one has not ended.
    let Some(descriptor) = open(process)? else {
        return Ok(without_head(app, process));
    };
    let stat = match Stat::of(process)? {
        Some(stat) if stat.start == app.process.start => stat,
        _ => return Ok(Found::Ended),
    };
    if process == rustix::process::getpid() || process == rustix::process::getpgrp() {
        return doubtful("it is this gateway's own");
    }
    if stat.group != app.process.process {
        return doubtful("it is not the head of its process group");
    }
    if stat.is_over {
        return Ok(without_head(app, process));
    }
    // One with a title of its own may have written over its environment.
    let is_it = is_of(app, process).map(|says| says || listens(process, app.port));
    // Where it has, it may have been another's that was looked at.
    if has_ended(&descriptor) {
        return Ok(without_head(app, process));
    }
    match is_it {
        Ok(true) => Ok(Found::Runs(descriptor)),
        Ok(false) => doubtful(
            "its environment does not say that a gateway has started it, and it does not listen on its port",
        ),
        Err(error) => Ok(Found::Doubtful(format!("its environment: {error}"))),
    }
}

const WITHOUT_HEAD: &str = "it has ended, and something that it has started has not";

/// What there is of an app whose own process has ended: `npm start` may have died without what it started.
fn without_head(app: &AppStarted, group: Pid) -> Found {
    if members(group).any(|member| is_of(app, member).unwrap_or(false)) {
        Found::Doubtful(WITHOUT_HEAD.to_owned())
    } else {
        Found::Ended
    }
}

/// Whether the environment of a process is the one that `app` was given.
fn is_of(app: &AppStarted, process: Pid) -> io::Result<bool> {
    let environment = environment(process)?;
    let says = |name: &str, value: &str| says(&environment, name, value);
    Ok(says(INSTANCE, &app.instance.to_string()) && says("PORT", &app.port.to_string()))
}

/// More is none that a gateway has started one with.
const MOST_BYTES: u64 = 8 << 20;

fn environment(process: Pid) -> io::Result<Vec<u8>> {
    let file = File::open(format!("/proc/{}/environ", process.as_raw_nonzero()))?;
    let mut environment = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut environment)?;
    Ok(environment)
}

/// Whether a variable has this value, and no other.
fn says(environment: &[u8], name: &str, value: &str) -> bool {
    let variables = environment.split(|byte| *byte == 0);
    let of = |variable: &'_ [u8]| {
        let rest = variable.strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=").map(<[u8]>::to_vec)
    };
    let mut values = variables.filter_map(of).peekable();
    values.peek().is_some() && values.all(|own| own == value.as_bytes())
}

/// Whether anything in the process group of this number runs.
pub(super) fn runs(group: Pid) -> bool {
    members(group).next().is_some()
}

/// The processes in it that run.
fn members(group: Pid) -> impl Iterator<Item = Pid> {
    let group = group.as_raw_nonzero().get();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let stat = Stat::parse(&fs::read(entry.path().join("stat")).ok()?)?;
        (stat.group == group && !stat.is_over).then_some(Pid::from_raw(process)?)
    })
}

#[cfg(test)]
mod tests;
