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
use crate::app::INSTANCE;
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
        let stat = String::from_utf8_lossy(stat);
        let mut fields = proc_stat::fields(&stat)?;
        let is_over = matches!(fields.next()?, "Z" | "X");
        let group = fields.nth(1)?.parse().ok()?;
        let start = fields.nth(16)?.parse().ok()?;
        Some(Self {
            is_over,
            group,
            start,
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
        return Ok(Found::Ended);
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
        if runs(process) {
            return doubtful("it has ended, and something that it has started has not");
        }
        return Ok(Found::Ended);
    }
    let environment = match environment(process) {
        Ok(environment) => environment,
        Err(_) if has_ended(&descriptor) => return Ok(Found::Ended),
        Err(error) => return Ok(Found::Doubtful(format!("its environment: {error}"))),
    };
    let says = |name: &str, value: &str| says(&environment, name, value);
    if !says(INSTANCE, &app.instance.to_string()) || !says("PORT", &app.port.to_string()) {
        return doubtful("its environment does not say that a gateway has started it");
    }
    // Otherwise it may have been another's that was looked at.
    Ok(if has_ended(&descriptor) {
        Found::Ended
    } else {
        Found::Runs(descriptor)
    })
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
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        Stat::parse(&fs::read(entry.path().join("stat")).ok()?)
    });
    let group = group.as_raw_nonzero().get();
    { stats }.any(|stat| stat.group == group && !stat.is_over)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command};

    use super::*;

    #[test]
    fn the_start_is_found_behind_whatever_name() {
        let tail = "0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        for (name, state, is_over) in [
            ("a b", "S", false),
            (") Z 1 2 3", "R", false),
            ("x", "Z", true),
        ] {
            let stat = format!("7 ({name}) {state} 1 7 5 {tail}");
            let expected = Stat {
                is_over,
                group: 7,
                start: 4711,
            };
            assert_eq!(Stat::parse(stat.as_bytes()), Some(expected), "{stat}");
        }
        for broken in ["", "7 (a) S", "7 (a) S 1 7 5 0 -1", "7 (a) S 1 x 5 0"] {
            assert_eq!(Stat::parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_variable_says_one_thing() {
        let environment = b"A=1\0PORT=80\0XPORT=81\0PORTS=82\0B=1\0B=2\0C=\0";
        for (name, value, expected) in [
            ("PORT", "80", true),
            ("PORT", "8", false),
            ("PORT", "81", false),
            ("A", "1", true),
            ("B", "1", false),
            ("B", "2", false),
            ("C", "", true),
            ("D", "", false),
        ] {
            assert_eq!(says(environment, name, value), expected, "{name}={value}");
        }
    }

    /// A child that ends with its test.
    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn sleeper(own_group: bool, variables: &[(&str, &str)]) -> (Sleeper, AppStarted) {
        let mut command = Command::new("sleep");
        command
            .arg("60")
            .env_clear()
            .envs(variables.iter().copied());
        if own_group {
            command.process_group(0);
        }
        let child = command.spawn().unwrap();
        let app = AppStarted {
            app: String::new(),
            instance: 2,
            port: 4000,
            process: Identity::of(Pid::from_child(&child)).unwrap(),
        };
        (Sleeper(child), app)
    }

    const OURS: [(&str, &str); 2] = [("PANOPLY_INSTANCE", "2"), ("PORT", "4000")];

    #[test]
    fn nobody_is_taken_for_the_one_that_was_started() {
        let (mut child, app) = sleeper(true, &OURS);
        assert!(matches!(find(&app), Found::Runs(_)));
        assert!(app.process.runs() && runs(app.process.pid().unwrap()));
        let with = |change: fn(&mut AppStarted)| {
            let mut other = app.clone();
            change(&mut other);
            find(&other)
        };
        let another = with(|app| app.process.start += 1);
        assert!(matches!(another, Found::Ended), "{another:?}");
        for doubtful in [
            with(|app| app.port += 1),
            with(|app| app.instance += 1),
            with(|app| app.process.process = 1),
            with(|app| app.process.process = 0),
        ] {
            assert!(matches!(doubtful, Found::Doubtful(_)), "{doubtful:?}");
        }
        let nobody = with(|app| app.process.process = 2_000_000_000);
        assert!(matches!(nobody, Found::Ended), "{nobody:?}");
        child.0.kill().unwrap();
        // Nobody has asked how it has ended.
        let deadline = std::iter::repeat_with(|| find(&app)).take(100_000);
        let mut ended = deadline.skip_while(|found| !matches!(found, Found::Ended));
        assert!(ended.next().is_some());
        assert!(!app.process.runs() && !runs(app.process.pid().unwrap()));
        child.0.wait().unwrap();
        assert!(matches!(find(&app), Found::Ended));
    }

    #[test]
    fn who_is_in_somebody_elses_group_or_says_nothing_is_left_alone() {
        for (own_group, variables) in [
            (false, &OURS[..]),
            (true, &OURS[..1]),
            (true, &OURS[1..]),
            (true, &[]),
        ] {
            let (_child, app) = sleeper(own_group, variables);
            let found = find(&app);
            assert!(matches!(found, Found::Doubtful(_)), "{found:?}");
        }
    }

    #[test]
    fn this_process_is_never_meant() {
        let own = rustix::process::getpid();
        let app = AppStarted {
            app: String::new(),
            instance: 0,
            port: 0,
            process: Identity::of(own).unwrap(),
        };
        assert!(matches!(find(&app), Found::Doubtful(_)));
        assert!(app.process.runs());
    }
}
