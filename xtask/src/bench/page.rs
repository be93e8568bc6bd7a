//! `docs/benchmarks.md`.

use std::fmt::Write as _;

use super::peers::Peer;
use super::{Options, Row, Sample};

/// The whole page.
pub(super) fn render(options: Options, bare: Sample, tables: &[(bool, Vec<Row>)]) -> String {
    let Options {
        seconds, rounds, ..
    } = options;
    let (command, told) = (options.command("gateway"), options.build().told());
    let peers = [Peer::Nginx, Peer::Haproxy, Peer::Caddy];
    let versions = peers
        .map(|peer| format!("{} {}", peer.name(), peer.version()))
        .join(", ");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut page = String::new();
    let _ = write!(
        page,
        "# Benchmarks\n\n\
         Made by `{command}`, which anyone can \
         run again. Only the ratios within one table mean anything: all of it, the load, the proxy \
         and the app, runs on the same {cores} cores.\n\n\
         wrk with 64 connections that are kept alive, answers of 1 KB, HTTP/1.1; the proxies take \
         turns, {rounds} rounds of {seconds} s each after a second of warming up; medians. Each adds \
         Helmet's headers, keeps its connections to the app, and passes the client's address on. \
         Beside that Panoply does all it does by default: framing checks, client address, request \
         ids, limits, metrics, reports; the others do not. {told}; {versions}.\n\n"
    );
    page.push_str(&figures(bare, tables));
    page.push_str(include_str!("where_time_goes.md"));
    page
}

/// The tables alone.
pub(super) fn figures(bare: Sample, tables: &[(bool, Vec<Row>)]) -> String {
    let mut text = String::new();
    for (tls, rows) in tables {
        let title = if *tls { "TLS 1.3" } else { "Plain HTTP" };
        let nginx = rows.iter().find(|row| row.name == Peer::Nginx.name());
        let nginx = nginx.map_or(1.0, |row| row.median.requests);
        let _ = writeln!(
            text,
            "## {title}\n\n| | req/s | to nginx | p99 ms | RSS MB | µs each in the proxy |\n\
             |---|---|---|---|---|---|"
        );
        if !tls {
            let ratio = bare.requests / nginx;
            let (requests, p99) = (bare.requests, bare.p99);
            let _ = writeln!(
                text,
                "| straight to the app | {requests:.0} | {ratio:.2} | {p99:.1} | | |"
            );
        }
        for row in rows {
            let Sample {
                requests,
                p99,
                memory,
                micros,
            } = row.median;
            let (name, ratio) = (&row.name, requests / nginx);
            let _ = writeln!(
                text,
                "| {name} | {requests:.0} | {ratio:.2} | {p99:.1} | {memory:.0} | {micros:.1} |"
            );
        }
        text.push('\n');
    }
    text
}
