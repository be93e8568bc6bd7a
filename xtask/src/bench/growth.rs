//! How cost grows with sessions, counters, routes, cookies and nodes: plots and two sections of the page.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::plot::{Line, Plot};
use crate::redis_server::RedisServer;
use crate::root;

/// Where the section of the page begins.
const TITLE: &str = "## How cost grows";
const NODES: &str = "## Nodes on one Redis";

/// What grows.
struct Growing {
    /// What it is called by `panoply-bench`, each with the figures that go into the plot.
    asked: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    sizes: &'static [u32],
    plot: Plot<'static>,
    file: &'static str,
    /// Below the plot.
    says: &'static str,
}

const GROWING: [Growing; 4] = [
    Growing {
        asked: &[("sessions", &[("read", "a read"), ("write", "a write")])],
        sizes: &[1_000, 10_000, 100_000, 1_000_000, 3_000_000, 10_000_000],
        plot: Plot {
            title: "Sessions in memory: ns a request",
            across: "sessions",
            log: true,
        },
        file: "sessions.svg",
        says: "A request through the layer and a handler, sessions in random order; beyond a \
               thousand sessions it is the processor's caches that no longer hold them.",
    },
    Growing {
        asked: &[("counters", &[("decision", "a decision")])],
        sizes: &[1_000, 10_000, 100_000, 1_000_000, 10_000_000],
        plot: Plot {
            title: "Counters in memory: ns a decision",
            across: "counters",
            log: true,
        },
        file: "counters.svg",
        says: "Keys in random order, each made anew.",
    },
    Growing {
        asked: &[
            (
                "limits",
                &[
                    ("matched", "limits, the last"),
                    ("unmatched", "limits, none"),
                ],
            ),
            (
                "headers",
                &[
                    ("matched", "headers, the last"),
                    ("unmatched", "headers, none"),
                ],
            ),
        ],
        sizes: &[1, 10, 100, 1_000, 10_000],
        plot: Plot {
            title: "Rules by path: ns a request",
            across: "rules",
            log: true,
        },
        file: "routes.svg",
        says: "The layer of limits with so many `[[limit]]`, of which the first is for all paths; the \
               layer of headers with so many `[[headers.path]]`. A request to the last of them, and \
               to none.",
    },
    Growing {
        asked: &[("cookies", &[("in", "in"), ("out", "out")])],
        sizes: &[1, 2, 5, 10, 20, 30, 40, 50],
        plot: Plot {
            title: "Cookies: ns a request in the cookie guard",
            across: "cookies",
            log: false,
        },
        file: "cookies.svg",
        says: "The headers are copied for each call, which is a part of it.",
    },
];

/// Measures, plots and writes its section of `docs/benchmarks.md`.
pub(super) fn run() -> Result<()> {
    let program = crate::budget::build(&root(), &[])?;
    let plots = root().join("docs/plots");
    std::fs::create_dir_all(&plots)?;
    let mut section = format!(
        "{TITLE}\n\nMade by `cargo xtask bench growth`: each size in a process of its own, one thread, \
         medians of 5 rounds. Bytes by the memory of the process.\n"
    );
    for growing in &GROWING {
        growing.measure(&program, &plots, &mut section)?;
    }
    print!("{section}");
    super::replace_section(TITLE, &section)
}

/// The same of nodes that share one Redis.
pub(super) fn run_nodes() -> Result<()> {
    let program = crate::budget::build(&root(), &[])?;
    let plots = root().join("docs/plots");
    std::fs::create_dir_all(&plots)?;
    let section = nodes(&program, &plots)?;
    print!("{section}");
    super::replace_section(NODES, &section)
}

impl Growing {
    fn measure(&self, program: &Path, plots: &Path, section: &mut String) -> Result<()> {
        let mut lines = Vec::new();
        let mut rows = vec![String::new(); self.sizes.len()];
        let mut heads = String::new();
        let mut stopped = None;
        for (asked, figures) in self.asked {
            let mut told = Vec::new();
            for size in self.sizes {
                let needs = self.needs(*size);
                if needs > free()? {
                    stopped = Some((*size, needs));
                    break;
                }
                eprintln!("{asked} {size}");
                told.push((*size, grow(program, asked, *size, None)?));
            }
            let bytes = told.iter().any(|(_, told)| told.get("bytes").is_some());
            let all = figures
                .iter()
                .copied()
                .chain(bytes.then_some(("bytes", "bytes each")));
            for (key, name) in all {
                let _ = write!(
                    heads,
                    " {name}{} |",
                    if key == "bytes" { "" } else { ", ns" }
                );
                let points: Result<Vec<(f64, f64)>> = told
                    .iter()
                    .map(|(size, told)| Ok((f64::from(*size), figure(told, key)?)))
                    .collect();
                let points = points?;
                for (row, (_, figure)) in rows.iter_mut().zip(&points) {
                    let _ = write!(row, " {figure:.0} |");
                }
                if key != "bytes" {
                    let name = name.to_owned();
                    lines.push(Line { name, points });
                }
            }
        }
        std::fs::write(plots.join(self.file), self.plot.draw(&lines))?;
        let columns = heads.matches('|').count();
        let Self {
            plot, file, says, ..
        } = self;
        let _ = write!(
            section,
            "\n![{}](plots/{file})\n\n{says}\n\n| {} |{heads}\n|---|{}\n",
            plot.title,
            plot.across,
            "---|".repeat(columns)
        );
        for (size, row) in self
            .sizes
            .iter()
            .zip(rows)
            .filter(|(_, row)| !row.is_empty())
        {
            let _ = writeln!(section, "| {} |{row}", thousands(*size));
        }
        if let Some((size, needs)) = stopped {
            let _ = writeln!(
                section,
                "\n{} of them need about {:.0} GB, which this machine has not free.",
                thousands(size),
                needs / 1e9
            );
        }
        Ok(())
    }

    /// About how many bytes of memory so many take.
    fn needs(&self, size: u32) -> f64 {
        let each = match self.file {
            "sessions.svg" => 1100.0,
            "counters.svg" => 100.0,
            _ => 30_000.0,
        };
        f64::from(size) * each
    }
}

/// Nodes that share one Redis, and what they and it spend on a decision.
fn nodes(program: &Path, plots: &Path) -> Result<String> {
    let mut lines = Vec::new();
    let mut rows = String::new();
    let asked = [
        (1, "a decision, one counter"),
        (4, "a decision, four of a login"),
        // By the numbers that `panoply-bench` knows.
        (100, "a session read"),
        (101, "a session written"),
    ];
    for (asked, name) in asked {
        let mut points = Vec::new();
        for count in 1..=3_u32 {
            let server = RedisServer::start(&[])?;
            let url = server.url();
            let before = processor(server.process())?;
            eprintln!("{count} nodes, {name}");
            let nodes: Vec<_> = (0..count)
                .map(|_| {
                    let (program, url) = (program.to_owned(), url.clone());
                    std::thread::spawn(move || grow(&program, "node", asked, Some(&url)))
                })
                .collect();
            let mut rate = 0.0;
            let mut decisions = 0.0;
            for node in nodes {
                let told = node
                    .join()
                    .map_err(|_| anyhow::anyhow!("a node ended early"))??;
                rate += figure(&told, "rate")?;
                decisions += figure(&told, "decisions")?;
            }
            let spent = (processor(server.process())? - before) * 1e6 / decisions;
            let _ = writeln!(
                rows,
                "| {name} | {count} | {:.1} | {spent:.1} | {:.0} |",
                rate / 1e3,
                1e3 / spent
            );
            points.push((f64::from(count), rate));
        }
        lines.push(Line {
            name: name.to_owned(),
            points,
        });
    }
    let plot = Plot {
        title: "Nodes on one Redis: calls a second in all",
        across: "nodes",
        log: false,
    };
    std::fs::write(plots.join("nodes.svg"), plot.draw(&lines))?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut section = format!(
        "{NODES}\n\nMade by `cargo xtask bench nodes`.\n\n![{}](plots/nodes.svg)\n\nEach node is a process with one thread, one connection and 50 \
         calls under way; they and the redis-server share {cores} cores, so that more nodes than \
         one mostly take from each other. What it would be where Redis has a core of its own is told \
         by the time that its processor takes for a call.\n\n| | nodes | thousand/s \
         in all | µs each in Redis | thousand/s at most |\n|---|---|---|---|---|\n{rows}",
        plot.title
    );
    let server = RedisServer::start(&[])?;
    let told = grow(program, "redis", KEYS, Some(&server.url()))?;
    let _ = write!(
        section,
        "\nIn Redis's own memory (`used_memory`, {} of each): a counter of a limit takes {:.0} bytes, \
         one of a login {:.0}, a session of one small value {:.0}.\n",
        thousands(KEYS),
        figure(&told, "counter")?,
        figure(&told, "counter of a login")?,
        figure(&told, "session")?
    );
    Ok(section)
}

/// How many keys of each kind Redis is filled with.
const KEYS: u32 = 50_000;

/// What one process tells.
fn grow(program: &Path, name: &str, size: u32, redis: Option<&str>) -> Result<Value> {
    let mut command = Command::new(program);
    command
        .args(["grow", name, &size.to_string()])
        // A huge page that was just begun would be counted as if it were full.
        .env("MIMALLOC_ALLOW_THP", "0")
        .envs(redis.map(|url| ("PANOPLY_BENCH_REDIS", url)))
        .stdin(Stdio::null());
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{name} {size}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn figure(told: &Value, key: &str) -> Result<f64> {
    let figure = told.get(key).and_then(Value::as_f64);
    figure.with_context(|| format!("no {key} in {told}"))
}

/// The seconds of processor that a process has had.
pub(super) fn processor(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name before it may have anything in it.
    let (_, rest) = stat.rsplit_once(')').context("no process")?;
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse::<f64>).collect();
    // A hundred a second wherever Linux runs.
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

/// The memory that can be had, less what neighbours may want.
fn free() -> Result<f64> {
    let told = std::fs::read_to_string("/proc/meminfo")?;
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: f64 = kilobytes.context("no MemAvailable")?.parse()?;
    Ok(kilobytes * 1024.0 - 6e9)
}

fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
