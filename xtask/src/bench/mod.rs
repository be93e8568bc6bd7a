//! `cargo xtask bench`: figures beside named peers, in one run on one machine.

pub(crate) mod audit;
pub(crate) mod backend;
pub(crate) mod bare;
mod build;
mod failover;
mod growth;
mod handshakes;
pub(crate) mod limits;
mod page;
mod peers;
mod plot;
mod redis;
mod running;
mod sessions;
mod shapes;
mod suit;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use self::build::Build;
use self::peers::{Duty, Peer, Running};
use crate::install::{self, Tool};
use crate::{docs, root};

/// The peers, and what loads them.
const TOOLS: [Tool; 5] = [
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("nginx", "nginx"),
    ("haproxy", "haproxy"),
    ("caddy", "caddy"),
];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum What {
    /// An audit of a thousand files.
    Audit,
    /// What is lost when an instance of the app is killed, beside nginx, haproxy and caddy.
    Failover,
    /// The gateway beside nginx, haproxy and caddy.
    Gateway,
    /// How cost grows with sessions, counters, routes and cookies.
    Growth,
    /// TLS handshakes, full and resumed, beside nginx, haproxy and caddy.
    Handshakes,
    /// The cost of a response's headers beside other Rust layers.
    Headers,
    /// Counting in memory and in Redis beside rate-limiter-flexible and governor.
    Limits,
    /// One to three nodes on one Redis, and what a call takes of it.
    Nodes,
    /// The gateway with everything on, in many shapes, beside nginx, haproxy and caddy.
    Shapes,
    /// Sessions beside express-session, cookie-session and tower-sessions.
    Sessions,
    /// A service in the whole suit beside itself bare, other crates and Express.
    Suit,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Options {
    /// All when not said.
    what: Option<What>,
    /// Seconds of load for each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Rounds, in each of which every proxy has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// The gateway is the one that `cargo xtask dist` has made: for failover, gateway, handshakes and shapes.
    #[arg(long)]
    dist: bool,
}

impl Options {
    const fn build(self) -> Build {
        Build::new(self.dist)
    }

    fn wants(self, what: What) -> bool {
        self.what.is_none_or(|one| one == what)
    }

    /// How the same is measured again.
    fn command(self, what: &str) -> String {
        format!("cargo xtask bench {}", self.arguments(what))
    }

    fn arguments(self, what: &str) -> String {
        let Self {
            seconds, rounds, ..
        } = self;
        let flag = self.build().flag();
        format!("{what}{flag} --seconds {seconds} --rounds {rounds}")
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Sample {
    requests: f64,
    p99: f64,
    memory: f64,
    /// Microseconds of the processor that a request takes in the proxy itself.
    micros: f64,
}

/// The medians of one proxy.
#[derive(Debug)]
struct Row {
    name: String,
    median: Sample,
}

/// Measures, prints, and writes `docs/benchmarks.md`.
///
/// # Errors
///
/// When a program is missing, or a load gives errors.
pub(crate) fn run(options: Options) -> Result<bool> {
    if options.dist {
        use What::{Failover, Gateway, Handshakes, Shapes};
        let measured = [Failover, Gateway, Handshakes, Shapes].map(|what| options.wants(what));
        ensure!(
            measured.contains(&true),
            "`--dist` is for what measures the gateway: failover, gateway, handshakes or shapes"
        );
        // Before anything is measured that takes minutes.
        options.build().prepare()?;
    }
    libraries(options)?;
    gateways(options)?;
    Ok(true)
}

/// What is measured without a build of this that is optimised.
fn libraries(options: Options) -> Result<()> {
    if options.wants(What::Audit) {
        audit::run()?;
    }
    if options.wants(What::Limits) {
        limits::run()?;
    }
    if options.wants(What::Sessions) {
        sessions::run()?;
    }
    if options.wants(What::Headers) {
        cargo("bench --package panoply-headers --bench headers")?;
    }
    if options.wants(What::Suit) {
        suit::run(options.seconds, options.rounds)?;
    }
    if options.wants(What::Growth) {
        growth::run()?;
    }
    if options.wants(What::Nodes) {
        growth::run_nodes()?;
    }
    if options.wants(What::Failover) {
        install::packages(&TOOLS, true)?;
        failover::run(options, &options.build().prepare()?)?;
    }
    Ok(())
}

/// What is measured of the gateway, beside others.
fn gateways(options: Options) -> Result<()> {
    let gateway = options.wants(What::Gateway);
    let handshakes = options.wants(What::Handshakes);
    let shapes = options.wants(What::Shapes);
    if !gateway && !handshakes && !shapes {
        return Ok(());
    }
    install::packages(&TOOLS, true)?;
    if cfg!(debug_assertions) {
        // The app behind the proxies must not be the slowest of them.
        let what = match (gateway, handshakes) {
            (true, _) => "gateway",
            (false, true) => "handshakes",
            (false, false) => "shapes",
        };
        optimised(&options.arguments(what))?;
        if options.what.is_none() {
            for what in [What::Handshakes, What::Shapes] {
                let what = Some(what);
                gateways(Options { what, ..options })?;
            }
        }
        return Ok(());
    }
    let program = options.build().prepare()?;
    if !gateway {
        return if handshakes {
            handshakes::run(options, &program)
        } else {
            shapes::run(options, &program)
        };
    }
    proxies(options, &program)
}

/// The gateway as it is by default beside others that do what they can of the same.
fn proxies(options: Options, program: &Path) -> Result<()> {
    let app = backend::start()?;
    let scratch = tempfile::tempdir()?;
    certificate(scratch.path())?;
    let bare = load(&format!("http://{app}/"), options.seconds)?;
    let mut tables = Vec::new();
    for tls in [false, true] {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); Peer::ALL.len()];
        for round in 0..options.rounds {
            for (peer, samples) in Peer::ALL.into_iter().zip(&mut samples) {
                if tls && peer == Peer::Bare {
                    continue;
                }
                eprintln!("round {}, tls {tls}: {}", round + 1, peer.name());
                let duty = Duty { tls, full: false };
                let running = peers::start(peer, program, app, duty, scratch.path())?;
                samples.push(sample(&running, options.seconds, |seconds| {
                    load(&running.url, seconds)
                })?);
            }
        }
        let rows = Peer::ALL.into_iter().zip(samples);
        let rows = rows.filter(|(_, samples)| !samples.is_empty());
        let rows = rows.map(|(peer, samples)| Row {
            name: peer.name().to_owned(),
            median: median(&samples),
        });
        tables.push((tls, rows.collect::<Vec<_>>()));
    }
    let page = page::render(options, bare, &tables);
    print!("{}", page::figures(bare, &tables));
    // The other section of the page is made by another run.
    let path = root().join(docs::BENCHMARKS);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let kept = before.find(limits::TITLE).and_then(|at| before.get(at..));
    let page = match kept {
        Some(kept) => format!("{}\n\n{kept}", page.trim_end()),
        None => page,
    };
    std::fs::write(path, page)?;
    Ok(())
}

/// What a load shows of a proxy, after a second of the same that warms up; `load` is told for how many seconds.
fn sample(running: &Running, seconds: u32, load: impl Fn(u32) -> Result<Sample>) -> Result<Sample> {
    load(1)?;
    let before = running.cpu();
    let sample = load(seconds)?;
    let spent = running.cpu() - before;
    Ok(Sample {
        memory: running.memory(),
        micros: spent * 1e6 / (sample.requests * f64::from(seconds)),
        ..sample
    })
}

/// Puts a section of the page in its place.
fn replace_section(title: &str, section: &str) -> Result<()> {
    docs::replace_section(docs::BENCHMARKS, title, section)
}

/// wrk, 64 connections: requests a second and the 99th percentile in milliseconds.
fn load(url: &str, seconds: u32) -> Result<Sample> {
    wrk(url, 64, &[], seconds)
}

/// wrk with so many connections, and more to tell it.
fn wrk(url: &str, connections: u32, more: &[&str], seconds: u32) -> Result<Sample> {
    let connections = format!("-c{connections}");
    let output = Command::new("wrk")
        .args(["-t2", &connections, "--latency", "--timeout", "20s"])
        .arg(format!("-d{seconds}s"))
        .args(more)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .context("wrk cannot be started: install it, for example with `apt-get install wrk`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let after = |label: &str| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(label))?;
        line.trim_start()
            .strip_prefix(label)?
            .split_whitespace()
            .next()
            .map(str::to_owned)
    };
    if let Some(bad) = after("Non-2xx") {
        bail!("{url} answered with errors: {bad}");
    }
    let requests = after("Requests/sec:")
        .context("wrk measured nothing")?
        .parse()?;
    let p99 = after("99%").context("wrk gave no percentiles")?;
    let split = p99
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(p99.len());
    let (number, unit) = p99.split_at(split);
    let factor = match unit {
        "us" => 0.001,
        "s" => 1000.0,
        _ => 1.0,
    };
    Ok(Sample {
        requests,
        p99: number.parse::<f64>()? * factor,
        memory: 0.0,
        micros: 0.0,
    })
}

fn median(samples: &[Sample]) -> Sample {
    let middle = |of: fn(&Sample) -> f64| middle(samples.iter().map(of));
    Sample {
        requests: middle(|sample| sample.requests),
        p99: middle(|sample| sample.p99),
        memory: middle(|sample| sample.memory),
        micros: middle(|sample| sample.micros),
    }
}

/// The median.
fn middle(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A certificate for this machine, and its key, each in a file and both in one.
pub(crate) fn certificate(directory: &Path) -> Result<()> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(directory.join("cert.pem"), &certificate)?;
    std::fs::write(directory.join("key.pem"), &key)?;
    std::fs::write(directory.join("both.pem"), certificate + &key)?;
    Ok(())
}

/// Runs this again in a release build.
fn optimised(arguments: &str) -> Result<()> {
    cargo(&format!(
        "run --release --package xtask -- bench {arguments}"
    ))
}

/// A call of cargo; its arguments separated by spaces.
fn cargo(arguments: &str) -> Result<()> {
    let mut command = Command::new("cargo");
    install::succeed(command.args(arguments.split(' ')).current_dir(root()))
}
