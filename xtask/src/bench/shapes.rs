//! The gateway with everything on, in many shapes of load, beside nginx, haproxy and caddy.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::peers::{self, Duty, Peer};
use super::{Options, Sample, backend, certificate, median, replace_section, sample, wrk};

/// The section's title.
const TITLE: &str = "## With everything on, in many shapes";

/// A kind of load.
struct Shape {
    name: &'static str,
    path: &'static str,
    tls: bool,
    how: How,
    connections: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// HTTP/1.1, connections that are kept alive.
    Kept,
    /// HTTP/1.1, a new connection for each request.
    New,
    /// HTTP/2, ten requests at once on each connection.
    Http2,
}

const fn shape(
    name: &'static str,
    path: &'static str,
    tls: bool,
    how: How,
    connections: u32,
) -> Shape {
    Shape {
        name,
        path,
        tls,
        how,
        connections,
    }
}

const SHAPES: [Shape; 11] = [
    shape("plain, 1 KB", "", false, How::Kept, 64),
    shape("plain, 1 KB, 1,000 connections", "", false, How::Kept, 1000),
    shape(
        "plain, 1 KB, a new connection each",
        "",
        false,
        How::New,
        64,
    ),
    shape("plain, 64 KB", "64k", false, How::Kept, 64),
    shape("plain, 10 MB", "10m", false, How::Kept, 8),
    shape("TLS 1.3, 1 KB", "", true, How::Kept, 64),
    shape(
        "TLS 1.3, 1 KB, 1,000 connections",
        "",
        true,
        How::Kept,
        1000,
    ),
    shape("TLS 1.3, 64 KB", "64k", true, How::Kept, 64),
    shape("TLS 1.3, 10 MB", "10m", true, How::Kept, 8),
    shape("HTTP/2, 1 KB", "", true, How::Http2, 16),
    shape("HTTP/2, 64 KB", "64k", true, How::Http2, 16),
];

const PEERS: [Peer; 4] = [Peer::Panoply, Peer::Nginx, Peer::Haproxy, Peer::Caddy];

/// Measures, prints, and writes its section of `docs/benchmarks.md`.
pub(super) fn run(options: Options, program: &Path) -> Result<()> {
    let app = backend::start()?;
    let scratch = tempfile::tempdir()?;
    certificate(scratch.path())?;
    let mut rows = Vec::new();
    for shape in &SHAPES {
        let duty = Duty {
            tls: shape.tls,
            full: true,
        };
        let mut samples = PEERS.map(|_| Vec::new());
        for round in 0..options.rounds {
            for (peer, samples) in PEERS.into_iter().zip(&mut samples) {
                eprintln!("round {}, {}: {}", round + 1, shape.name, peer.name());
                let running = peers::start(peer, program, app, duty, scratch.path())?;
                let url = format!("{}{}", running.url, shape.path);
                samples.push(sample(&running, options.seconds, |seconds| {
                    load(shape, &url, seconds)
                })?);
            }
        }
        rows.push((shape, samples.map(|samples| median(&samples))));
    }
    let section = section(options, &rows);
    print!("{section}");
    replace_section(TITLE, &section)
}

fn load(shape: &Shape, url: &str, seconds: u32) -> Result<Sample> {
    match shape.how {
        How::Kept => wrk(url, shape.connections, &[], seconds),
        How::New => wrk(
            url,
            shape.connections,
            &["-H", "Connection: close"],
            seconds,
        ),
        How::Http2 => h2load(url, shape.connections, seconds),
    }
}

/// h2load, ten streams at once on each connection; it knows no percentiles, so that the greatest time is
/// not asked for.
fn h2load(url: &str, connections: u32, seconds: u32) -> Result<Sample> {
    let output = Command::new("h2load")
        .args(["-t2", "-m10"])
        .arg(format!("-c{connections}"))
        .arg(format!("-D{seconds}"))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .context("h2load cannot be started: install nghttp2-client")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("finished in"));
    let line = line.context("h2load measured nothing")?;
    let requests = line.split(',').nth(1).unwrap_or_default();
    let requests = requests.trim().trim_end_matches(" req/s").parse()?;
    let codes = text.lines().find(|line| line.starts_with("status codes:"));
    let codes = codes.unwrap_or_default();
    ensure!(
        codes.contains(" 0 4xx, 0 5xx"),
        "{url} answered with errors: {codes}"
    );
    Ok(Sample {
        requests,
        p99: f64::NAN,
        memory: 0.0,
        micros: 0.0,
    })
}

fn section(options: Options, rows: &[(&Shape, [Sample; 4])]) -> String {
    let mut text = format!(
        "{TITLE}\n\nMade by `{}`: each proxy with its access \
         log, a limit on requests by client that nobody reaches, flags on cookies where it has them, and the \
         same headers; Panoply besides with the login guard, the cross-site guard and all else that is on by \
         itself. 64 connections where nothing else is said, 8 for 10 MB, 16 with ten streams each for HTTP/2. \
         Medians of alternating rounds; thousands of requests a second, and in brackets the 99th percentile \
         in milliseconds and the resident memory in MB. {}.\n\n\
         | | panoply | nginx | haproxy | caddy | to nginx | to haproxy | to caddy |\n\
         |---|---|---|---|---|---|---|---|\n",
        options.command("shapes"),
        options.build().told()
    );
    for (shape, samples) in rows {
        let _ = write!(text, "| {} ", shape.name);
        for sample in samples {
            let rate = sample.requests / 1e3;
            let digits = if rate < 1.0 { 3 } else { 1 };
            let _ = write!(text, "| {rate:.digits$} (");
            if sample.p99.is_finite() {
                let _ = write!(text, "{:.1}, ", sample.p99);
            }
            let _ = write!(text, "{:.0}) ", sample.memory);
        }
        let [ours, peers @ ..] = samples;
        for peer in peers {
            let _ = write!(text, "| {:.2} ", ours.requests / peer.requests);
        }
        text.push_str("|\n");
    }
    text.push_str(&processor(rows));
    text
}

/// What a request takes of the processor in each proxy: wrk and h2load share its cores, and the app does,
/// so that requests a second tell of all of them.
fn processor(rows: &[(&Shape, [Sample; 4])]) -> String {
    let mut text = "\nMicroseconds of the processor that a request takes in the proxy itself, in the same run: what \
         it would be on cores of its own, where the load and the app are elsewhere; a ratio above 1 is in favour \
         of Panoply.\n\n\
         | | panoply | nginx | haproxy | caddy | nginx to it | haproxy to it | caddy to it |\n\
         |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (shape, samples) in rows {
        let _ = write!(text, "| {} ", shape.name);
        for sample in samples {
            let micros = sample.micros;
            let digits = usize::from(micros < 1e3);
            let _ = write!(text, "| {micros:.digits$} ");
        }
        let [ours, peers @ ..] = samples;
        for peer in peers {
            let _ = write!(text, "| {:.2} ", peer.micros / ours.micros);
        }
        text.push_str("|\n");
    }
    text
}
