//! What is lost when one of three instances of an app is killed, beside nginx, haproxy and caddy.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::peers::{self, Peer};
use super::{Options, replace_section};
use crate::root;

/// The section's title.
const TITLE: &str = "## When an instance of the app is killed";

const PEERS: [Peer; 4] = [Peer::Panoply, Peer::Nginx, Peer::Haproxy, Peer::Caddy];

/// How often one is, in each round.
const KILLS: u32 = 3;

/// What the script has counted.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Counted {
    #[serde(rename = "GET")]
    get: Count,
    #[serde(rename = "POST")]
    post: Count,
    /// Requests that two instances have done.
    twice: u64,
    /// Of one request, in milliseconds.
    longest: u64,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Count {
    asked: u64,
    failed: u64,
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.get.add(other.get);
        self.post.add(other.post);
        self.twice += other.twice;
        self.longest = self.longest.max(other.longest);
    }
}

impl Count {
    const fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.failed += other.failed;
    }
}

/// Measures, prints, and writes its section of `docs/benchmarks.md`.
pub(super) fn run(options: Options, program: &Path) -> Result<()> {
    let mut sums = PEERS.map(|_| Counted::default());
    for round in 0..options.rounds {
        for (peer, sum) in PEERS.into_iter().zip(&mut sums) {
            eprintln!("round {}, failover: {}", round + 1, peer.name());
            sum.add(one(peer, program)?);
        }
    }
    let section = section(options, &sums);
    print!("{section}");
    replace_section(TITLE, &section)
}

fn one(peer: Peer, program: &Path) -> Result<Counted> {
    let scratch = tempfile::tempdir()?;
    let ports = [(); 3].map(|()| peers::free_port());
    let ports = ports.into_iter().collect::<Result<Vec<u16>>>()?;
    let port = peers::free_port()?;
    let config = scratch.path().join("config");
    std::fs::write(&config, configuration(peer, port, &ports, scratch.path()))?;
    let url = format!("http://127.0.0.1:{port}/");
    let command = peers::command(peer, program, scratch.path(), &config)?;
    let running = peers::launch(peer, command, (port, url))?;
    let output = Command::new("node")
        .arg(root().join("xtask/src/bench/failover.mjs"))
        .args([&running.url, &KILLS.to_string()])
        .args(ports.iter().map(ToString::to_string))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("node cannot be started: install it, for example with `apt-get install nodejs`")?;
    ensure!(output.status.success(), "the load failed");
    serde_json::from_slice(&output.stdout).context("the load counted nothing")
}

/// Each as its documentation has it for an app in several instances, with whatever keeps requests from failing that does
/// not do one of them twice.
fn configuration(peer: Peer, port: u16, apps: &[u16], directory: &Path) -> String {
    let dir = directory.display();
    let each = |how: &dyn Fn(u16) -> String| apps.iter().map(|app| how(*app)).collect::<String>();
    match peer {
        Peer::Nginx => {
            let servers = each(&|app| format!("server 127.0.0.1:{app}; "));
            format!(
                "daemon off; worker_processes auto; pid {dir}/nginx.pid; error_log /dev/null crit;\n\
                 events {{ worker_connections 4096; }}\n\
                 http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; \
                 fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n\
                 upstream app {{ least_conn; {servers} keepalive 64; }}\n\
                 server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://app; proxy_http_version 1.1; \
                 proxy_set_header Connection \"\"; proxy_next_upstream error timeout; }} }}\n}}\n"
            )
        }
        Peer::Haproxy => {
            let servers = each(&|app| format!("  server s{app} 127.0.0.1:{app} check inter 2s\n"));
            format!(
                "global\n  maxconn 4096\ndefaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  \
                 timeout connect 5s\n  retries 3\n  option redispatch 1\n  \
                 retry-on conn-failure empty-response\nfrontend f\n  bind 127.0.0.1:{port}\n  \
                 default_backend b\nbackend b\n  balance leastconn\n  \
                 http-request disable-l7-retry if METH_POST\n{servers}"
            )
        }
        Peer::Caddy => {
            let servers = each(&|app| format!(" 127.0.0.1:{app}"));
            format!(
                "{{\n  admin off\n  auto_https off\n}}\nhttp://127.0.0.1:{port} {{\n  reverse_proxy{servers} {{\n    \
                 lb_policy least_conn\n    lb_try_duration 5s\n    fail_duration 2s\n  }}\n}}\n"
            )
        }
        Peer::Panoply | Peer::PanoplyLogging | Peer::Bare => {
            let servers = each(&|app| format!("\"http://127.0.0.1:{app}\", "));
            format!(
                "[app]\nupstream = [{servers}]\n[listen]\nhttp = \"127.0.0.1:{port}\"\n[tls]\nmode = \"off\"\n\
                 [log]\naccess = false\n"
            )
        }
    }
}

fn section(options: Options, sums: &[Counted; 4]) -> String {
    let rounds = options.rounds;
    let kills = KILLS * rounds;
    let flag = options.build().flag();
    let mut text = format!(
        "{TITLE}\n\nMade by `cargo xtask bench failover{flag} --rounds {rounds}`: an app of Node.js in three instances, of \
         which one at a time is killed (SIGKILL) and is back half a second later, {kills} times in all for each proxy; 32 \
         clients meanwhile, half of them by GET, half by POST with a body. Each proxy chooses who has the least to do, and \
         has what its documentation offers to keep requests from failing, short of sending a POST twice (nginx's \
         `proxy_next_upstream`, haproxy's checks, `redispatch` and `retry-on` but for POST, caddy's `lb_try_duration` and \
         `fail_duration`); Panoply has its defaults. A POST that an instance was at when it was killed cannot be saved by \
         anybody. {}.\n\n\
         | | GET asked | failed | POST asked | failed | done twice | longest, ms |\n|---|---|---|---|---|---|---|\n",
        options.build().told()
    );
    for (peer, sum) in PEERS.into_iter().zip(sums) {
        let Counted {
            get,
            post,
            twice,
            longest,
        } = sum;
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {} | {} | {twice} | {longest} |",
            peer.name(),
            peer.version(),
            get.asked,
            get.failed,
            post.asked,
            post.failed
        );
    }
    text
}
