//! The proxies that are compared, each set to do the same.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

pub(super) use super::running::Running;

/// The headers that each of them adds, as Helmet does.
pub(super) const HEADERS: [(&str, &str); 10] = [
    (
        "Content-Security-Policy",
        "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Origin-Agent-Cluster", "?1"),
    ("Referrer-Policy", "no-referrer"),
    (
        "Strict-Transport-Security",
        "max-age=31536000; includeSubDomains",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-DNS-Prefetch-Control", "off"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Permitted-Cross-Domain-Policies", "none"),
];

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Panoply,
    PanoplyLogging,
    Bare,
    Nginx,
    Haproxy,
    Caddy,
}

impl Peer {
    pub(super) const ALL: [Self; 6] = [
        Self::Panoply,
        Self::PanoplyLogging,
        Self::Bare,
        Self::Nginx,
        Self::Haproxy,
        Self::Caddy,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Panoply => "panoply",
            Self::PanoplyLogging => "panoply, with its access log",
            Self::Bare => "a bare hyper proxy",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    /// The version, as the program itself says it.
    pub(super) fn version(self) -> String {
        let (program, flag) = match self {
            Self::Panoply | Self::PanoplyLogging | Self::Bare => {
                return env!("CARGO_PKG_VERSION").to_owned();
            }
            Self::Nginx => ("nginx", "-v"),
            Self::Haproxy => ("haproxy", "-v"),
            Self::Caddy => ("caddy", "version"),
        };
        let Ok(output) = Command::new(program).arg(flag).output() else {
            return "?".to_owned();
        };
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let digits = said.split(|c: char| !c.is_ascii_digit() && c != '.');
        digits
            .into_iter()
            .find(|word| word.contains('.'))
            .unwrap_or("?")
            .to_owned()
    }
}

/// What a proxy is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Duty {
    pub(super) tls: bool,
    /// Beside the headers: a limit on requests by client, flags on cookies, an access log, and what else
    /// each has of what Panoply does.
    pub(super) full: bool,
}

/// Starts `peer` in front of `app`, with files in `directory`; `program` is Panoply.
pub(super) fn start(
    peer: Peer,
    program: &Path,
    app: SocketAddr,
    duty: Duty,
    directory: &Path,
) -> Result<Running> {
    let tls = duty.tls;
    let port = free_port()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let dir = directory.display();
    let scheme = if tls { "https" } else { "http" };
    let url = format!("{scheme}://127.0.0.1:{port}/");
    let (file, text) = match peer {
        Peer::Panoply | Peer::PanoplyLogging => ("panoply.toml", panoply(peer, duty, port, &dir)),
        Peer::Bare => ("bare.txt", String::new()),
        Peer::Nginx => ("nginx.conf", nginx(app, duty, port, cores, &dir)),
        Peer::Haproxy => ("haproxy.cfg", haproxy(app, duty, port, cores, &dir)),
        Peer::Caddy => ("Caddyfile", caddy(app, duty, port, &dir)),
    };
    let config = directory.join(file);
    std::fs::write(&config, text)?;
    let mut command = command(peer, program, directory, &config)?;
    match peer {
        Peer::Panoply | Peer::PanoplyLogging => {
            command.args(["--upstream", &format!("http://{app}")]);
        }
        Peer::Bare => {
            command.args([format!("127.0.0.1:{port}"), app.to_string()]);
        }
        Peer::Nginx | Peer::Haproxy | Peer::Caddy => {}
    }
    launch(peer, command, (port, url))
}

/// How `peer` is started with its configuration; `program` is Panoply.
pub(super) fn command(
    peer: Peer,
    program: &Path,
    directory: &Path,
    config: &Path,
) -> Result<Command> {
    let mut command = match peer {
        Peer::Panoply | Peer::PanoplyLogging => Command::new(program),
        Peer::Bare => Command::new(std::env::current_exe()?),
        Peer::Nginx => Command::new("nginx"),
        Peer::Haproxy => Command::new("haproxy"),
        Peer::Caddy => Command::new("caddy"),
    };
    match peer {
        Peer::Panoply | Peer::PanoplyLogging => {
            command.args(["run", "--config"]).arg(config);
            command.arg("--state").arg(directory.join("state"))
        }
        Peer::Bare => command.arg("bare-proxy"),
        Peer::Nginx => command.arg("-c").arg(config).arg("-p").arg(directory),
        Peer::Haproxy => command.arg("-db").arg("-f").arg(config),
        Peer::Caddy => {
            command.args(["run", "--adapter", "caddyfile", "--config"]);
            command.arg(config).env("HOME", directory)
        }
    };
    Ok(command)
}

/// Starts it, and waits until it listens at this port, which is reached by this URL.
pub(super) fn launch(
    peer: Peer,
    mut command: Command,
    (port, url): (u16, String),
) -> Result<Running> {
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let ours = matches!(peer, Peer::Panoply | Peer::PanoplyLogging | Peer::Bare);
    command.stdout(if ours { Stdio::piped() } else { Stdio::null() });
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {}", peer.name()))?;
    if let Some(output) = child.stdout.take() {
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
    }
    let running = Running::new(child, url);
    wait_for(port).with_context(|| format!("{} does not listen", peer.name()))?;
    Ok(running)
}

fn panoply(peer: Peer, duty: Duty, port: u16, dir: &dyn std::fmt::Display) -> String {
    let (listen, mode) = if duty.tls {
        let files = format!("certificate = \"{dir}/cert.pem\"\nkey = \"{dir}/key.pem\"");
        (
            format!("http = \"off\"\nhttps = \"127.0.0.1:{port}\""),
            files,
        )
    } else {
        (
            format!("http = \"127.0.0.1:{port}\""),
            "mode = \"off\"".to_owned(),
        )
    };
    let access = peer == Peer::PanoplyLogging || duty.full;
    // One that nobody reaches here, but that is counted for each request.
    let limit = "[[limit]]\npath = \"/\"\npoints = 1000000000\nwindow = \"1m\"\n";
    let limit = if duty.full { limit } else { "" };
    format!(
        "[listen]\n{listen}\n[tls]\n{mode}\n[log]\naccess = {access}\n[limits]\n\
         connections_per_client = 4096\n{limit}"
    )
}

fn nginx(
    app: SocketAddr,
    duty: Duty,
    port: u16,
    cores: usize,
    dir: &dyn std::fmt::Display,
) -> String {
    let mut added = String::new();
    for (name, value) in HEADERS {
        let _ = writeln!(added, "    add_header {name} \"{value}\" always;");
    }
    let log = if duty.full {
        added.push_str(
            "    limit_req zone=clients burst=100000 nodelay;\n    \
             proxy_cookie_flags ~ secure httponly samesite=lax;\n",
        );
        format!(
            "access_log {dir}/access.log combined buffer=32k; \
             limit_req_zone $binary_remote_addr zone=clients:10m rate=1000000r/s;"
        )
    } else {
        "access_log off;".to_owned()
    };
    let listen = if duty.tls {
        format!(
            "listen 127.0.0.1:{port} ssl http2 reuseport; ssl_certificate {dir}/cert.pem; \
             ssl_certificate_key {dir}/key.pem; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;"
        )
    } else {
        format!("listen 127.0.0.1:{port} reuseport;")
    };
    format!(
        "daemon off; worker_processes {cores}; pid {dir}/nginx.pid; error_log /dev/null crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  {log} server_tokens off; keepalive_requests 10000000;\n\
           client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; \
           uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n\
           upstream app {{ server {app}; keepalive 128; keepalive_requests 10000000; }}\n\
           server {{ {listen}\n{added}    location / {{ proxy_pass http://app; proxy_http_version 1.1; \
           proxy_set_header Connection \"\"; proxy_set_header Host $host; \
           proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; \
           proxy_hide_header X-Powered-By; }}\n  }}\n}}\n"
    )
}

fn haproxy(
    app: SocketAddr,
    duty: Duty,
    port: u16,
    cores: usize,
    dir: &dyn std::fmt::Display,
) -> String {
    let mut added = String::new();
    for (name, value) in HEADERS {
        let value = value.replace('\'', "\\'").replace(' ', "\\ ");
        let _ = writeln!(added, "  http-response set-header {name} {value}");
    }
    if duty.full {
        added.push_str(
            "  stick-table type ip size 100k expire 1m store http_req_rate(1m)\n  \
             http-request track-sc0 src\n  \
             http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000000 }\n",
        );
    }
    // To its output, which is what it does in a container; it has no files of its own.
    let log = if duty.full {
        "  log stdout format raw local0 info\n  option httplog\n"
    } else {
        ""
    };
    let bind = if duty.tls {
        format!("ssl crt {dir}/both.pem alpn h2,http/1.1")
    } else {
        String::new()
    };
    format!(
        "global\n  nbthread {cores}\n  maxconn 4096\ndefaults\n  mode http\n{log}  timeout client 30s\n  \
         timeout server 30s\n  timeout connect 5s\n  http-reuse always\nfrontend f\n  \
         bind 127.0.0.1:{port} {bind}\n  option forwardfor\n  \
         http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}\n{added}  \
         http-response del-header X-Powered-By\n  default_backend b\nbackend b\n  server s {app}\n"
    )
}

fn caddy(app: SocketAddr, duty: Duty, port: u16, dir: &dyn std::fmt::Display) -> String {
    let mut added = String::new();
    for (name, value) in HEADERS {
        let _ = writeln!(added, "    {name} \"{value}\"");
    }
    let log = if duty.full {
        format!("  log {{\n    output file {dir}/caddy.log\n  }}\n")
    } else {
        String::new()
    };
    let (site, certificate) = if duty.tls {
        (
            format!("https://127.0.0.1:{port}"),
            format!("  tls {dir}/cert.pem {dir}/key.pem\n"),
        )
    } else {
        (format!("http://127.0.0.1:{port}"), String::new())
    };
    format!(
        "{{\n  admin off\n  auto_https off\n}}\n{site} {{\n{certificate}{log}  header {{\n{added}    \
         -X-Powered-By\n  }}\n  reverse_proxy {app}\n}}\n"
    )
}

pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

#[expect(clippy::disallowed_methods, reason = "a bound on waiting")]
fn wait_for(port: u16) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        if std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("nothing accepts connections on port {port}")
}
