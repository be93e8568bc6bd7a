//! Honest clients, each kind in a loop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::site::{HONEST, Site, in_time, request, request_1, whole};

/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts them all.
pub(super) fn start(site: &Arc<Site>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(round(site, "HTTP/1.1, kept connections", kept));
        tasks.push(round(site, "WebSocket messages", socket));
        tasks.push(round(site, "server-sent events", events));
    }
    for _ in 0..2 {
        tasks.push(round(site, "HTTP/2, eight at once", streams));
    }
    tasks.push(round(site, "HTTP/1.1, a connection each", fresh));
    tasks.push(round(site, "sent on to HTTPS", redirected));
    tasks.push(round(site, "uploads of 1 MiB", upload));
    let download_half = "downloads of 4 MiB, every other left early";
    tasks.push(round(site, download_half, download));
    tasks.push(round(site, "logins", login));
    tasks
}

/// Goes on with `client` until it is over; it says how many requests it made.
pub(super) fn round<F>(
    site: &Arc<Site>,
    what: &'static str,
    client: impl Fn(Arc<Site>) -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = Result<u64>> + Send,
{
    let site = Arc::clone(site);
    tokio::spawn(async move {
        while !site.is_over() {
            match client(Arc::clone(&site)).await {
                Ok(times) => site.note(what, times, Ok(())),
                Err(error) => {
                    site.note(what, 1, Err(error));
                    sleep(PAUSE).await;
                }
            }
        }
    })
}

async fn page(response: Response<Incoming>) -> Result<()> {
    ensure!(response.status() == 200, "status {}", response.status());
    let headers = response.headers();
    ensure!(
        headers.contains_key("content-security-policy"),
        "no headers"
    );
    let length = whole(response).await?.len();
    ensure!(length == 1024, "{length} bytes of 1024");
    Ok(())
}

async fn kept(site: Arc<Site>) -> Result<u64> {
    let mut sender = site.http1(HONEST).await?;
    for _ in 0..100 {
        let asked = sender.send_request(request_1("GET", "/", Bytes::new())?);
        page(in_time(async { Ok(asked.await?) }).await?).await?;
        sleep(PAUSE).await;
    }
    Ok(100)
}

async fn fresh(site: Arc<Site>) -> Result<u64> {
    let mut sender = site.http1(HONEST).await?;
    let asked = sender.send_request(request_1("GET", "/", Bytes::new())?);
    page(in_time(async { Ok(asked.await?) }).await?).await?;
    sleep(PAUSE * 5).await;
    Ok(1)
}

async fn streams(site: Arc<Site>) -> Result<u64> {
    let sender = site.http2(HONEST).await?;
    for _ in 0..25 {
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let mut sender = sender.clone();
            let request = request("GET", "/", Bytes::new())?;
            asked.spawn(async move {
                page(in_time(async { Ok(sender.send_request(request).await?) }).await?).await
            });
        }
        while let Some(answered) = asked.join_next().await {
            answered??;
        }
        sleep(PAUSE * 4).await;
    }
    Ok(200)
}

async fn redirected(site: Arc<Site>) -> Result<u64> {
    let mut stream = Site::tcp(HONEST, site.http).await?;
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut said = Vec::new();
    in_time(async { Ok(stream.read_to_end(&mut said).await?) }).await?;
    ensure!(said.starts_with(b"HTTP/1.1 308 "), "no redirect");
    sleep(PAUSE * 10).await;
    Ok(1)
}

async fn upload(site: Arc<Site>) -> Result<u64> {
    static BODY: [u8; 1 << 20] = [7; 1 << 20];
    let mut sender = site.http1(HONEST).await?;
    let asked = sender.send_request(request_1("POST", "/upload", Bytes::from_static(&BODY))?);
    let response = in_time(async { Ok(asked.await?) }).await?;
    ensure!(response.status() == 200, "status {}", response.status());
    let count = whole(response).await?;
    ensure!(count == "1048576", "{count:?} bytes arrived");
    sleep(PAUSE * 25).await;
    Ok(1)
}

async fn download(site: Arc<Site>) -> Result<u64> {
    let mut sender = site.http2(HONEST).await?;
    for whole_of_it in [true, false] {
        let asked = sender.send_request(request("GET", "/download?blocks=64", Bytes::new())?);
        let mut body = in_time(async { Ok(asked.await?) }).await?.into_body();
        let (mut seen, wanted) = (0, if whole_of_it { 4 << 20 } else { 256 << 10 });
        while seen < wanted {
            let frame = in_time(async { Ok(body.frame().await.transpose()?) }).await?;
            let Some(frame) = frame else { break };
            seen += frame.data_ref().map_or(0, Bytes::len);
        }
        ensure!(seen >= wanted, "{seen} bytes of {wanted}");
    }
    sleep(PAUSE * 25).await;
    Ok(2)
}

async fn events(site: Arc<Site>) -> Result<u64> {
    let mut sender = site.http1(HONEST).await?;
    let asked = sender.send_request(request_1("GET", "/events", Bytes::new())?);
    let mut body = in_time(async { Ok(asked.await?) }).await?.into_body();
    for _ in 0..20 {
        let frame = in_time(async { Ok(body.frame().await.transpose()?) }).await?;
        ensure!(frame.is_some(), "the stream of events ended");
    }
    Ok(20)
}

async fn socket(site: Arc<Site>) -> Result<u64> {
    let mut sender = site.http1(HONEST).await?;
    let mut request = request_1("GET", "/ws", Bytes::new())?;
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ] {
        request.headers_mut().insert(name, value.parse()?);
    }
    let asked = sender.send_request(request);
    let response = in_time(async { Ok(asked.await?) }).await?;
    ensure!(response.status() == 101, "status {}", response.status());
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await?);
    // A frame of text, masked with zeros.
    let sent = [&[0x81, 0x84, 0, 0, 0, 0][..], b"ping"].concat();
    for _ in 0..50 {
        stream.write_all(&sent).await?;
        let mut came = [0; 6];
        in_time(async { Ok(stream.read_exact(&mut came).await?) }).await?;
        ensure!(came == *b"\x81\x04ping", "another echo: {came:?}");
        sleep(PAUSE * 5).await;
    }
    Ok(50)
}

async fn login(site: Arc<Site>) -> Result<u64> {
    let mut sender = site.http1(HONEST).await?;
    for user in 0..20 {
        let body = format!("username=honest{user}&password=right");
        let mut request = request_1("POST", "/login", Bytes::from(body))?;
        let kind = "application/x-www-form-urlencoded".parse()?;
        request.headers_mut().insert("content-type", kind);
        let asked = sender.send_request(request);
        let response = in_time(async { Ok(asked.await?) }).await?;
        ensure!(response.status() == 302, "status {}", response.status());
        whole(response).await?;
        sleep(PAUSE * 5).await;
    }
    Ok(20)
}
