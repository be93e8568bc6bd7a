//! A service of axum's in the whole suit, beside the same one bare, dressed by other crates, and
//! beside Express with what its field has.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{middle, replace_section};
use crate::budget;
use crate::install;
use crate::root;

/// Where the section of the page begins.
const TITLE: &str = "## In process";

/// What the app is dressed in, by the name that `panoply-bench` knows, and how the page says it.
const SERVICES: [(&str, &str); 7] = [
    ("bare", "axum, bare"),
    (
        "sent",
        "axum, with the headers of the suit's answers and nothing decided",
    ),
    ("suit", "axum in Panoply's suit"),
    (
        "parts",
        "axum in Panoply's headers, client address, limit and sessions",
    ),
    (
        "served",
        "axum with Panoply's sessions, by its `Server`: all of the gateway in one process",
    ),
    (
        "peers",
        "axum with axum-helmet 1.0, tower-sessions 0.15, tower_governor 0.8",
    ),
    (
        "express",
        "Express 5.3.0 with Helmet 8.3.0, express-session 1.19.0, rate-limiter-flexible 11.4.0",
    ),
];

const PACKAGES: [&str; 4] = [
    "express@5.3.0",
    "helmet@8.3.0",
    "express-session@1.19.0",
    "rate-limiter-flexible@11.4.0",
];

/// What goes into the table of single paths, and how the page says it.
const PATHS: [(&str, &str); 15] = [
    ("headers", "Helmet's headers"),
    ("client", "client address behind two proxies"),
    ("counter", "a counter, by itself"),
    ("limit", "a limit of requests, with its headers"),
    ("cross-site", "the cross-site guard, a POST"),
    ("cookies-in", "the cookie guard, three cookies in"),
    ("cookies-out", "the cookie guard, one out"),
    ("session-read", "a session, read"),
    ("session-write", "a session, written"),
    ("session-sealed-read", "a sealed session, read"),
    ("login", "a login, reserved and settled"),
    ("service-bare", "the service, bare"),
    ("service-suit", "the service in the suit"),
    ("service-parts", "the service in what its peers do"),
    ("service-peers", "the service with its peers"),
];

const CALLS: u32 = 200_000;

/// What every request carries.
const HEADERS: [&str; 4] = [
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Proto: https",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    "Accept: text/html,*/*;q=0.8",
];

/// A server and the session that its requests are of.
struct Server {
    child: Child,
    port: u16,
    cookie: Option<String>,
}

/// Requests a second, and microseconds of the server's processor for each.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    rate: f64,
    micros: f64,
}

/// Measures, prints and writes its section of `docs/benchmarks.md`.
pub(super) fn run(seconds: u32, rounds: u32) -> Result<()> {
    install::packages(&[("wrk", "wrk"), ("node", "nodejs"), ("npm", "npm")], true)?;
    install::packages(&budget::TOOLS, true)?;
    let program = budget::build(&root(), &["served"])?;
    let folder = tempfile::tempdir()?;
    super::limits::npm(folder.path(), &PACKAGES)?;
    let script = folder.path().join("suit.mjs");
    std::fs::write(&script, include_str!("suit.mjs"))?;
    let mut servers = Vec::new();
    for (name, _) in SERVICES {
        servers.push(Server::start(name, &program, &script)?);
    }
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 0..=rounds {
        for (server, samples) in servers.iter().zip(&mut samples) {
            let sample = server.load(if round == 0 { 1 } else { seconds })?;
            // The first round is for warming up.
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    drop(servers);
    let medians: Vec<Sample> = samples.iter().map(|samples| median(samples)).collect();
    let alone = alone(&program)?;
    let section = section(&medians, &alone, seconds, rounds);
    print!("{section}");
    replace_section(TITLE, &section)
}

impl Server {
    fn start(name: &str, program: &Path, script: &Path) -> Result<Self> {
        let mut command = if name == "express" {
            let mut command = Command::new("node");
            command.arg(script).env("NODE_ENV", "production");
            command
        } else {
            let mut command = Command::new(program);
            command.args(["serve", name]);
            command
        };
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let mut line = String::new();
        let said = child.stdout.take().context("it says nothing")?;
        BufReader::new(said).read_line(&mut line)?;
        let port = line
            .trim()
            .parse()
            .with_context(|| format!("{name} said {line:?}"))?;
        let mut server = Self {
            child,
            port,
            cookie: None,
        };
        server.cookie = match name {
            "bare" => None,
            // As long as that of a session.
            "sent" => Some(format!("__Host-session={:a<43}", "")),
            _ => Some(server.session()?),
        };
        Ok(server)
    }

    /// Makes a session; its cookie.
    fn session(&self) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let headers = HEADERS.join("\r\n");
        write!(
            stream,
            "GET /make HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{headers}\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let cookie = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let pair = value.split(';').next()?;
            name.eq_ignore_ascii_case("set-cookie")
                .then(|| pair.to_owned())
        });
        cookie.with_context(|| format!("no session was made: {answer}"))
    }

    fn load(&self, seconds: u32) -> Result<Sample> {
        let before = self.processor()?;
        let mut command = Command::new("wrk");
        command.args(["-t1", "-c64", &format!("-d{seconds}s")]);
        for header in HEADERS {
            command.args(["-H", header]);
        }
        if let Some(cookie) = &self.cookie {
            command.args(["-H", &format!("Cookie: {cookie}")]);
        }
        let output = command
            .arg(format!("http://127.0.0.1:{}/", self.port))
            .output()
            .context("wrk")?;
        let told = String::from_utf8_lossy(&output.stdout);
        ensure!(!told.contains("Non-2xx"), "errors were answered: {told}");
        let after = |label: &str| {
            let line = told.lines().find(|line| line.contains(label))?;
            let mut words = line.split_whitespace();
            words.find_map(|word| word.parse::<f64>().ok())
        };
        let requests = after(" requests in ").with_context(|| told.clone().into_owned())?;
        Ok(Sample {
            rate: after("Requests/sec:").context("wrk measured nothing")?,
            micros: (self.processor()? - before) * 1e6 / requests,
        })
    }

    /// The seconds of processor that the server has had.
    fn processor(&self) -> Result<f64> {
        super::growth::processor(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(samples: &[Sample]) -> Sample {
    let middle = |of: fn(&Sample) -> f64| middle(samples.iter().map(of));
    Sample {
        rate: middle(|sample| sample.rate),
        micros: middle(|sample| sample.micros),
    }
}

/// Nanoseconds and instructions of each path by itself.
fn alone(program: &Path) -> Result<BTreeMap<&'static str, (f64, u64)>> {
    let mut nanos: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..3 {
        for (name, _) in PATHS {
            let mut command = Command::new(program);
            let output = command.args(["path", name, &CALLS.to_string()]).output()?;
            let told = String::from_utf8_lossy(&output.stdout);
            let told = told.trim().parse();
            nanos.entry(name).or_default().push(
                told.with_context(|| {
                    format!("{name}: {}", String::from_utf8_lossy(&output.stderr))
                })?,
            );
        }
    }
    let counted = nanos.into_iter().map(|(name, nanos)| {
        let instructions = budget::instructions(program, name, 4_000)?;
        Ok((name, (middle(nanos), instructions)))
    });
    counted.collect()
}

fn section(
    medians: &[Sample],
    alone: &BTreeMap<&'static str, (f64, u64)>,
    seconds: u32,
    rounds: u32,
) -> String {
    let bare = medians.first().copied().unwrap_or_default();
    let mut section = format!(
        "{TITLE}\n\nMade by `cargo xtask bench suit --seconds {seconds} --rounds {rounds}`: a page of \
         1 KB by HTTP/1.1 over loopback, wrk with one thread and 64 connections, each server on one \
         thread; {rounds} rounds in which all take turns, medians. Dressed, a service has Helmet's \
         headers, the client's address from a proxy, a limit of requests a client and a session in \
         memory that the page reads; Panoply's suit has the login guard, the cross-site guard, the \
         cookie guard and a record of every request besides; those of its layers by themselves that do \
         what the peers do stand below it. What comes before them decides nothing and keeps no session: a \
         request with a cookie as long, answered with the headers of the suit, made once. No dress that \
         sends them can cost less. wrk runs on the same cores, so the time of \
         the processor in the server itself tells more than requests a second.\n\n\
         | | req/s | to bare | µs each in the server |\n|---|---|---|---|\n"
    );
    for ((_, name), sample) in SERVICES.iter().zip(medians) {
        let Sample { rate, micros } = sample;
        let ratio = rate / bare.rate;
        let _ = writeln!(section, "| {name} | {rate:.0} | {ratio:.2} | {micros:.1} |");
    }
    let _ = write!(
        section,
        "\nWithout sockets, by the same command: the layer around a service that answers at once, \
         the request made anew each time, medians of 3 rounds of {} thousand; instructions by \
         callgrind.\n\n| | ns | instructions |\n|---|---|---|\n",
        CALLS / 1000
    );
    for (path, name) in PATHS {
        if let Some((nanos, instructions)) = alone.get(path) {
            let _ = writeln!(section, "| {name} | {nanos:.0} | {instructions} |");
        }
    }
    section.push_str(include_str!("where_the_suit_goes.md"));
    section
}
