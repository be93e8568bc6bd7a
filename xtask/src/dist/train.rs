//! What the program meets while it counts: visitors of a shop as a gateway has them, some fifty seconds of
//! it, and an audit, which is in the same program.
//!
//! Nothing here is of the benchmarks: what is taken often is laid out for speed, and what is never taken
//! for size, so that whatever matters to somebody has to be met.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::app::{self, PLACEHOLDER};
use super::gateway::Gateway;
use super::load::{Count, few, http2, visit};
use crate::bench::backend::Protocol;
use crate::{bench, soak};

/// What is asked for by HTTP/2.
const PAGES: [&str; 9] = [
    "shop",
    "",
    "cart",
    "style.css",
    "logo.png",
    "app.js",
    "api/items",
    "chunked",
    "search?q=gorget",
];

/// The longest for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets `program` meet all of it.
///
/// # Errors
///
/// When it does not answer as it should: a profile of refusals is none.
pub(super) fn run(program: &Path) -> Result<()> {
    let app = app::start(Protocol::Http1)?;
    let scratch = tempfile::tempdir()?;
    let here = scratch.path();
    bench::certificate(here)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let start = |config: &str| Gateway::start(program, app, here, config);

    let gateway = start(&config("http", false, ""))?;
    let asked = plain(&gateway, &runtime)?;
    gateway.stop()?;
    println!("plain HTTP: {asked} requests");

    let counting = "[client]\ntrusted_proxies = [\"loopback\"]\n\
        [[login]]\npath = \"/login\"\n[[login]]\npath = \"/session\"\n\
        [[limit]]\npath = \"/api/\"\npoints = 20\nwindow = \"1m\"\n\
        [[limit]]\npath = \"/\"\npoints = 10000\nwindow = \"1m\"\n";
    let gateway = start(&config("http", true, counting))?;
    let Count { asked, refused } = counted(&gateway)?;
    gateway.stop()?;
    println!("logins and limits behind a proxy: {asked} requests, {refused} refused");

    let nonces = format!("[headers]\npreset = \"strict\"\nnonce_placeholder = \"{PLACEHOLDER}\"\n");
    let gateway = start(&config("https", false, &nonces))?;
    let asked = tls(&gateway, &runtime, here)?;
    gateway.stop()?;
    println!("TLS and HTTP/2, with nonces: {asked} requests");

    let app = app::start(Protocol::Http2)?;
    let multiplexed = config("https", false, "[app]\nh2c = true\n");
    let gateway = Gateway::start(program, app, here, &multiplexed)?;
    let asked = both(&gateway)?;
    gateway.stop()?;
    println!("HTTP/2 to the app: {asked} requests");

    let gateway = start(&config("https", true, ""))?;
    let redirects = gateway.redirects.context("an address that redirects")?;
    let certificate = here.join("cert.pem");
    let lasting = Duration::from_secs(5);
    let visited = soak::visit(&certificate, gateway.address, redirects, lasting);
    let asked = runtime.block_on(visited)?;
    gateway.stop()?;
    println!("sockets, events, uploads and attacks: {asked} requests");

    let lines = audit(program)?;
    println!("an audit: {lines} lines");
    Ok(())
}

/// What a gateway is told; the rest is as it is by itself.
fn config(scheme: &str, access: bool, more: &str) -> String {
    let listen = if scheme == "https" {
        "[listen]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\n\
         [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n"
    } else {
        "[listen]\nhttp = \"127.0.0.1:0\"\n[tls]\nmode = \"off\"\n"
    };
    format!("{listen}[log]\naccess = {access}\n{more}")
}

fn plain(gateway: &Gateway, runtime: &Runtime) -> Result<u64> {
    let address = gateway.address;
    let cookies = runtime.block_on(async { log_in(TcpStream::connect(address).await?).await })?;
    let url = format!("http://{address}/");
    let mut asked = few(&visit(&url, 64, 8, &["browse", &cookies])?)?;
    asked += few(&visit(&url, 32, 4, &["browse", &cookies, "close"])?)?;
    Ok(asked + few(&visit(&url, 16, 3, &["large", &cookies])?)?)
}

fn counted(gateway: &Gateway) -> Result<Count> {
    let url = format!("http://{}/", gateway.address);
    let count = visit(&url, 64, 8, &["counted", "theme=dark"])?;
    let Count { asked, refused } = count;
    let some = refused * 100 >= asked && refused * 2 <= asked;
    ensure!(
        some,
        "{refused} of {asked} requests were refused behind a proxy, and some should be, by a limit, a lock \
         or a wrong password"
    );
    Ok(count)
}

fn tls(gateway: &Gateway, runtime: &Runtime, here: &Path) -> Result<u64> {
    let address = gateway.address;
    let connector = connector(&here.join("cert.pem"))?;
    let cookies = runtime.block_on(async {
        let name = ServerName::try_from("localhost")?;
        let stream = TcpStream::connect(address).await?;
        log_in(connector.connect(name, stream).await?).await
    })?;
    let url = format!("https://{address}/");
    let mut asked = few(&visit(&url, 64, 6, &["browse", &cookies])?)?;
    asked += few(&visit(&url, 16, 4, &["browse", &cookies, "close"])?)?;
    asked += few(&visit(&url, 16, 2, &["large", &cookies])?)?;
    asked += http2(&url, &PAGES, &cookies, 7, &[])?;
    asked += http2(&url, &["64k", "64k", "1m"], &cookies, 2, &[])?;
    let form = here.join("form");
    std::fs::write(&form, format!("text={}", "well+made+".repeat(30)))?;
    let form = form.to_string_lossy();
    Ok(asked + http2(&url, &["comment"], &cookies, 2, &["--data", &form])?)
}

/// Clients of both protocols.
fn both(gateway: &Gateway) -> Result<u64> {
    let url = format!("https://{}/", gateway.address);
    let asked = few(&visit(&url, 32, 2, &["browse", "theme=dark"])?)?;
    Ok(asked + http2(&url, &PAGES, "theme=dark", 2, &[])?)
}

fn connector(certificate: &Path) -> Result<TlsConnector> {
    let pem = std::fs::read(certificate)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).context("the certificate")?)?;
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(TlsConnector::from(std::sync::Arc::new(
        config.with_no_client_auth(),
    )))
}

/// Logs in; the cookies that a browser sends from then on, under the names that the gateway gave them.
async fn log_in(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<String> {
    let body = "username=ada&password=right";
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut said = Vec::new();
    let talk = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.read_to_end(&mut said).await
    };
    timeout(PATIENCE, talk)
        .await
        .context("no answer to a login")??;
    cookies(&String::from_utf8_lossy(&said))
}

/// Those that an answer sets, as they are sent back.
fn cookies(answer: &str) -> Result<String> {
    ensure!(
        answer.starts_with("HTTP/1.1 302 "),
        "a right password was answered with {:?}",
        answer.lines().next()
    );
    let set = answer.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let pair = value.split(';').next()?.trim();
        name.eq_ignore_ascii_case("set-cookie").then_some(pair)
    });
    let set: Vec<&str> = set.collect();
    ensure!(set.len() >= 3, "a login has set no cookies: {answer}");
    Ok(set.join("; "))
}

/// An audit of a thousand files; how many lines they have.
fn audit(program: &Path) -> Result<usize> {
    let project = tempfile::tempdir()?;
    let lines = bench::audit::project(project.path())?;
    let output = Command::new(program)
        .args(["audit", "--offline", "--format", "json"])
        .arg(project.path())
        .stdin(Stdio::null())
        .output()?;
    let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        found.get("findings").is_some(),
        "the audit has found nothing"
    );
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_sent_back_as_a_login_set_them() {
        let answer = "HTTP/1.1 302 Found\r\nlocation: /cart\r\n\
            set-cookie: __Host-id-1=a%3Ab; Path=/; HttpOnly\r\nSet-Cookie: session=x==; Path=/\r\n\
            set-cookie: theme=dark; Path=/\r\ncontent-length: 0\r\n\r\n";
        let sent = cookies(answer).unwrap();
        assert_eq!(sent, "__Host-id-1=a%3Ab; session=x==; theme=dark");
        assert!(cookies(&answer.replace("302 Found", "429 Too Many Requests")).is_err());
        assert!(cookies("HTTP/1.1 302 Found\r\n\r\n").is_err());
    }
}
