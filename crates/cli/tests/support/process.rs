//! A child process whose output is kept and which does not outlive its test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::wait_for;

/// A running program, the head of a process group of its own.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<Vec<String>>>,
}

/// How long the last lines of a process that has ended may be on their way.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with_input(command, Stdio::null())
    }

    pub(crate) fn start_with_input(command: &mut Command, input: Stdio) -> Self {
        let mut child = command
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Ends its standard input, where that was piped.
    pub(crate) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lines on standard output so far.
    pub(crate) fn stdout(&self) -> Vec<String> {
        self.stdout.lock().unwrap().clone()
    }

    /// Lines on standard error so far.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.lock().unwrap().clone()
    }

    /// Lines on both.
    pub(crate) fn said(&self) -> Vec<String> {
        [self.stdout(), self.stderr()].concat()
    }

    /// Waits for a line that has all `words`, on either stream.
    pub(crate) fn line_with(&mut self, words: &[&str], limit: Duration) -> String {
        let what = format!("a line with {words:?}");
        let deadline = Instant::now() + limit;
        let mut end = None;
        loop {
            // Asked for first: what is collected by then is read below.
            let ended = self.child.try_wait().unwrap();
            let is_over = ended.is_some() && {
                // What it wrote last may be on its way; a child of its own may hold the pipe open.
                let since = *end.get_or_insert_with(Instant::now);
                let streams = [&self.stdout, &self.stderr];
                streams.map(Arc::strong_count) == [1, 1] || since.elapsed() > LAST_WORDS
            };
            let said = self.said();
            if let Some(line) = said
                .iter()
                .find(|line| words.iter().all(|word| line.contains(word)))
            {
                return line.clone();
            }
            assert!(
                !is_over && Instant::now() < deadline,
                "{what} in vain ({ended:?}); it said:\n{}",
                said.join("\n")
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid(), signal);
    }

    /// Waits for the end.
    pub(crate) fn status(&mut self, limit: Duration) -> ExitStatus {
        wait_for("the process to end", limit, || {
            self.child.try_wait().unwrap()
        })
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The greatest resident size so far, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::TERM);
            let deadline = Instant::now() + Duration::from_secs(2);
            while self.is_running() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- it said:");
            for line in self.said().iter().rev().take(60).rev() {
                eprintln!("{line}");
            }
        }
    }
}

fn collect(stream: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            sink.lock()
                .unwrap()
                .push(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
    lines
}
