//! `cargo xtask soak`: everything at once for as long as you like, and what of it stays behind.
//!
//! Honest clients of every kind and hostile ones beside them load a gateway with SQLite and TLS. What
//! is asked for is answered, or it is said what was not; memory, file descriptors and threads are
//! looked at all the while, and once more when everybody has gone.

mod clients;
mod hostile;
mod site;
mod subject;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::time::{Instant, sleep};

use self::site::{Site, Tally};
use self::subject::{Sample, Subject};
pub(crate) use self::subject::{addresses, ready};
use crate::docs;
use crate::root;

/// The section's title.
const TITLE: &str = "## Soak";

/// What memory may grow by after warming up, in KiB: 8 MiB.
const GROWTH: u64 = 8 << 10;

/// What may be open at the end more than at the start: connections to the app that are kept.
const KEPT: u64 = 64;

/// Threads that the runtime starts for a moment, for files and names.
const MORE_THREADS: u64 = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long.
    #[arg(long, default_value_t = 30)]
    minutes: u32,
    /// The gateway; built with `cargo build --release -p panoply-cli`.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Looks only: the page keeps the figures that it has.
    #[arg(long)]
    dry: bool,
}

/// Loads, measures, prints, and writes its section of `docs/hostile.md`; `true` when nothing leaks and
/// nobody honest was turned away.
///
/// # Errors
///
/// When the gateway or the app cannot be started, or the gateway ends.
pub(crate) fn run(options: &Options) -> Result<bool> {
    ensure!(options.minutes > 0, "a soak takes a minute at least");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let binary =
        { options.binary.clone() }.unwrap_or_else(|| root().join("target/release/panoply"));
    let report = runtime.block_on(soak(&binary, options.minutes))?;
    let (section, holds) = report.section(options.minutes);
    print!("{section}");
    if !options.dry {
        docs::replace_section(docs::HOSTILE, TITLE, &section)?;
    }
    Ok(holds)
}

/// What came of it.
struct Report {
    /// The longest time for which this machine gave the soak itself nothing to do.
    starved: Duration,
    tally: Vec<(&'static str, Tally)>,
    failures: Vec<String>,
    before: Sample,
    samples: Vec<Sample>,
    after: Sample,
}

async fn soak(binary: &Path, minutes: u32) -> Result<Report> {
    let mut subject = Subject::start(binary)?;
    let certificate = subject.directory.path().join("cert.pem");
    let site = Arc::new(Site::new(&certificate, subject.https, subject.http)?);
    let before = subject.sample().await?;
    let load = clients::start(&site)
        .into_iter()
        .chain(hostile::start(&site))
        .collect::<Vec<_>>();
    let starved = tokio::spawn(pauses(Arc::clone(&site)));
    let every = Duration::from_secs(u64::from(minutes)).max(Duration::from_secs(5));
    let end = Instant::now() + Duration::from_mins(1) * minutes;
    let mut samples = Vec::new();
    while Instant::now() < end {
        sleep(every.min(end - Instant::now())).await;
        let sample = subject.sample().await?;
        eprintln!("{sample:?}, {} failed", site.failures().len());
        samples.push(sample);
    }
    site.stop();
    for task in load {
        task.await?;
    }
    // Who has gone is missed at once; what was cut off in the middle, when its time is up.
    let mut after = subject.sample().await?;
    for _ in 0..120 {
        if after.connections == 0 {
            break;
        }
        sleep(Duration::from_secs(1)).await;
        after = subject.sample().await?;
    }
    Ok(Report {
        starved: starved.await?,
        tally: site.tally(),
        failures: site.failures(),
        before,
        samples,
        after,
    })
}

/// Has everybody visit a gateway with such a certificate for a while; how many honest requests it
/// answered.
///
/// # Errors
///
/// When one was not answered as it should be.
pub(crate) async fn visit(
    certificate: &Path,
    https: SocketAddr,
    http: SocketAddr,
    lasting: Duration,
) -> Result<u64> {
    let site = Arc::new(Site::new(certificate, https, http)?);
    let (honest, hostile) = (clients::start(&site), hostile::start(&site));
    sleep(lasting).await;
    site.stop();
    for task in hostile {
        task.abort();
    }
    for task in honest {
        task.await?;
    }
    if let Some(failure) = site.failures().first() {
        bail!("{failure}");
    }
    Ok(site.tally().iter().map(|(_, tally)| tally.answered).sum())
}

/// How late a nap of a tenth of a second ended, at worst.
async fn pauses(site: Arc<Site>) -> Duration {
    const NAP: Duration = Duration::from_millis(100);
    let mut worst = Duration::ZERO;
    while !site.is_over() {
        let began = Instant::now();
        sleep(NAP).await;
        worst = worst.max(began.elapsed().saturating_sub(NAP));
    }
    worst
}

impl Report {
    /// The median of a fifth of the samples, counted from 0.
    fn fifth(&self, number: usize, of: fn(&Sample) -> u64) -> u64 {
        let (all, from) = (self.samples.len(), self.samples.len() * number / 5);
        let part = self
            .samples
            .get(from..(all * (number + 1) / 5).max(from + 1));
        let mut part: Vec<u64> = part.unwrap_or_default().iter().map(of).collect();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or(0)
    }

    fn most(&self, of: fn(&Sample) -> u64) -> u64 {
        self.samples.iter().map(of).max().unwrap_or(0)
    }

    /// The section, and whether all of it holds.
    fn section(&self, minutes: u32) -> (String, bool) {
        let failed: u64 = self.tally.iter().map(|(_, tally)| tally.failed).sum();
        let (warm, last) = (self.fifth(1, |s| s.memory), self.fifth(4, |s| s.memory));
        let grown = last.saturating_sub(warm);
        let descriptors = self
            .after
            .descriptors
            .saturating_sub(self.before.descriptors);
        let threads = self.most(|s| s.threads).saturating_sub(self.before.threads);
        let checks = [
            ("honest requests failed", failed, 0),
            ("memory grown, KiB", grown, GROWTH),
            ("file descriptors left open", descriptors, KEPT),
            ("threads more than at the start", threads, MORE_THREADS),
            ("connections left", self.after.connections, 0),
        ];
        let mut text = format!(
            "{TITLE}\n\nMade by `cargo xtask soak --minutes {minutes}`: all of it at once for {minutes} minutes, \
             a release build, TLS, counting in SQLite, {} samples. Memory is compared between the \
             second and the last fifth of the time, by their medians.\n\n| | found | allowed |\n|---|---|---|\n",
            self.samples.len()
        );
        for (what, found, allowed) in checks {
            let _ = writeln!(text, "| {what} | {found} | {allowed} |");
        }
        let _ = write!(
            text,
            "\nResident KiB: {} at the start, {} in the first fifth, {warm} in the second, {last} in the \
             last, {} at most, {} when all had gone. File descriptors: {} at the start, {} at most, {} at the \
             end. Threads: {} at the start, {} at most. Connections: {} at most. Without the \
             processor: {} ms at once, at worst.\n\n\
             | load | asked | answered as expected | failed |\n|---|---|---|---|\n",
            self.before.memory,
            self.fifth(0, |s| s.memory),
            self.most(|s| s.memory),
            self.after.memory,
            self.before.descriptors,
            self.most(|s| s.descriptors),
            self.after.descriptors,
            self.before.threads,
            self.most(|s| s.threads),
            self.most(|s| s.connections),
            self.starved.as_millis(),
        );
        for (what, tally) in &self.tally {
            let Tally {
                asked,
                answered,
                failed,
            } = tally;
            let _ = writeln!(text, "| {what} | {asked} | {answered} | {failed} |");
        }
        for failure in self.failures.iter().take(20) {
            eprintln!("failed: {failure}");
        }
        let holds = checks.iter().all(|(_, found, allowed)| found <= allowed);
        (text, holds)
    }
}
