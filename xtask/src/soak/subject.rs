//! The gateway under load, the app behind it, and what can be seen of them from outside.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::root;

/// What there is of the gateway at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Resident, in KiB.
    pub(super) memory: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    /// As its metrics say; each is a task.
    pub(super) connections: u64,
}

/// Both processes; they end when this is dropped.
pub(super) struct Subject {
    gateway: Child,
    app: Child,
    pub(super) directory: TempDir,
    pub(super) https: SocketAddr,
    pub(super) http: SocketAddr,
    admin: SocketAddr,
}

impl Subject {
    pub(super) fn start(binary: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let names = vec!["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)?;
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem())?;
        std::fs::write(
            directory.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut app = Command::new("node");
        app.arg(root().join("xtask/src/soak/app.mjs"))
            .env("PORT", port.to_string());
        let (app, _) = ready(&mut app)?;
        let config = directory.path().join("panoply.toml");
        std::fs::write(
            &config,
            "[listen]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\n\
             [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n",
        )?;
        let mut gateway = Command::new(binary);
        gateway
            .args(["run", "--upstream", &format!("http://127.0.0.1:{port}")])
            .arg("--config")
            .arg(&config)
            .arg("--state")
            .arg(directory.path().join("state"))
            .current_dir(directory.path());
        let (gateway, line) = ready(&mut gateway)?;
        let mut addresses = addresses(&line);
        let mut next = || {
            addresses
                .next()
                .with_context(|| format!("an address in {line:?}"))
        };
        let (https, http, admin) = (next()?, next()?, next()?);
        Ok(Self {
            gateway,
            app,
            directory,
            https,
            http,
            admin,
        })
    }

    /// Looks.
    ///
    /// # Errors
    ///
    /// When the gateway has ended, or says nothing of itself.
    pub(super) async fn sample(&mut self) -> Result<Sample> {
        if let Some(status) = self.gateway.try_wait()? {
            bail!("the gateway ended with {status}");
        }
        let place = format!("/proc/{}", self.gateway.id());
        let status = std::fs::read_to_string(format!("{place}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let metrics = self.metrics().await?;
        let line = { metrics.lines() }.find_map(|line| line.strip_prefix("panoply_connections "));
        Ok(Sample {
            memory: field("VmRSS:").context("VmRSS")?,
            threads: field("Threads:").context("Threads")?,
            descriptors: std::fs::read_dir(format!("{place}/fd"))?.count() as u64,
            connections: line.context("a count of connections")?.parse()?,
        })
    }

    async fn metrics(&self) -> Result<String> {
        let mut stream = TcpStream::connect(self.admin).await?;
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        for child in [&mut self.gateway, &mut self.app] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The addresses in a line of the gateway's, in their order.
pub(crate) fn addresses(line: &str) -> impl Iterator<Item = SocketAddr> {
    line.split("://").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_alphanumeric());
        let text = rest.get(..end.unwrap_or(rest.len()))?;
        text.replace("localhost", "127.0.0.1").parse().ok()
    })
}

/// Starts a program, and gives the first line that it says; the rest is read and forgotten.
pub(crate) fn ready(command: &mut Command) -> Result<(Child, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{command:?} cannot be started"))?;
    let output = child.stdout.take().context("its output")?;
    let mut reader = BufReader::new(output);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    std::thread::spawn(move || {
        let mut block = vec![0; 64 << 10];
        while matches!(reader.read(&mut block), Ok(1..)) {}
    });
    Ok((child, line))
}
