//! A proxy that runs, and what it takes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Result;

/// One proxy that runs; it is killed when dropped.
pub(super) struct Running {
    child: Child,
    pub(super) url: String,
}

impl Running {
    pub(super) const fn new(child: Child, url: String) -> Self {
        Self { child, url }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        let rest = self.url.split("//").nth(1).unwrap_or_default();
        Ok(rest.trim_end_matches('/').parse()?)
    }

    /// Seconds of the processor that it and its children have taken.
    pub(super) fn cpu(&self) -> f64 {
        let mut ticks = 0_u64;
        self.each(|_, stat| {
            // utime and stime, behind the name and eleven other fields.
            let times = stat.split_whitespace().skip(11).take(2);
            ticks += times
                .filter_map(|time| time.parse::<u64>().ok())
                .sum::<u64>();
        });
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let seconds = ticks as f64 / 100.0;
        seconds
    }

    /// Resident memory of it and its children, in MB.
    pub(super) fn memory(&self) -> f64 {
        let mut pages = 0_u64;
        self.each(|place, _| {
            let memory = std::fs::read_to_string(place.join("statm"));
            let memory = memory.unwrap_or_default();
            let resident = memory.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
            pages += resident.unwrap_or(0);
        });
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let megabytes = (pages * 4096) as f64 / 1e6;
        megabytes
    }

    /// It and its children: their places in `/proc`, and what `stat` says behind the name.
    fn each(&self, mut look: impl FnMut(&Path, &str)) {
        let own = self.child.id();
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let after = stat.rsplit(')').next().unwrap_or_default();
            let parent = after
                .split_whitespace()
                .nth(1)
                .and_then(|id| id.parse::<u32>().ok());
            if id == own || parent == Some(own) {
                look(&entry.path(), after);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nginx ends its workers only when asked.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        std::thread::sleep(Duration::from_millis(200));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
