//! Those who mean no good, one attack after the other.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::clients::round;
use super::site::{HOSTILE, Site};

const HEAD: &str = "Host: localhost\r\n";

/// Starts three, each of which goes round all attacks.
pub(super) fn start(site: &Arc<Site>) -> Vec<JoinHandle<()>> {
    let attack = |_| round(site, "attacks, withstood", attacks);
    (0..3).map(attack).collect()
}

async fn attacks(site: Arc<Site>) -> Result<u64> {
    // What is no TLS where TLS is wanted, and a handshake that is never finished.
    let mut garbage = Site::tcp(HOSTILE, site.https).await?;
    send(&mut garbage, b"GET / HTTP/1.1\r\n\r\n").await;
    let mut half = Site::tcp(HOSTILE, site.https).await?;
    send(&mut half, b"\x16\x03\x01\x02\x00\x01\x00").await;

    let large = format!(
        "GET / HTTP/1.1\r\n{HEAD}X-Large: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let both = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG";
    for refused in [
        format!("POST / HTTP/1.1\r\n{HEAD}{both}"),
        format!("GET / HTTP/1.1\r\n{HEAD}X : 1\r\n\r\n"),
        format!("GET / HTTP/1.1\n{HEAD}\n"),
        large,
    ] {
        let mut stream = site.tls(HOSTILE, false).await?;
        send(&mut stream, refused.as_bytes()).await;
        let said = answer(&mut stream).await;
        ensure!(said.starts_with(b"HTTP/1.1 4"), "{:?}", said.get(..20));
    }
    // A head and two bodies without an end.
    let mut unfinished = Vec::new();
    for begun in [
        "GET / HTTP/1.1\r\nHost:".to_owned(),
        format!("POST /upload HTTP/1.1\r\n{HEAD}Content-Length: 100000\r\n\r\nx"),
        format!(
            "POST /upload HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz"
        ),
    ] {
        let mut stream = site.tls(HOSTILE, false).await?;
        send(&mut stream, begun.as_bytes()).await;
        unfinished.push(stream);
    }
    sleep(Duration::from_millis(500)).await;
    drop(unfinished);

    for guess in 0..3 {
        let body = format!("username=victim{guess}&password={guess}");
        let mut stream = site.tls(HOSTILE, false).await?;
        let head = format!(
            "POST /login HTTP/1.1\r\n{HEAD}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        send(&mut stream, head.as_bytes()).await;
        let said = answer(&mut stream).await;
        let wrong = said.starts_with(b"HTTP/1.1 401") || said.starts_with(b"HTTP/1.1 429");
        ensure!(wrong, "a guess: {:?}", said.get(..20));
    }
    resets(&site).await?;
    continuations(&site).await?;
    untaken(&site).await?;
    sleep(Duration::from_millis(500)).await;
    Ok(15)
}

/// A request for `/`, or for a large answer, in HPACK by RFC 7541.
fn asked(large: bool) -> Vec<u8> {
    let path: &[u8] = if large { b"/download?blocks=16" } else { b"/" };
    let length = u8::try_from(path.len()).unwrap_or(0);
    [
        &[0x82, 0x87, 0x41, 9][..],
        b"localhost",
        &[0x04, length],
        path,
    ]
    .concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let mut bytes = length.get(1..).unwrap_or_default().to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `SETTINGS` with a window of `window` for every stream.
fn begin(window: u32) -> Vec<u8> {
    let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &settings),
    ]
    .concat()
}

/// Streams that are opened and reset.
async fn resets(site: &Site) -> Result<()> {
    let mut stream = site.tls(HOSTILE, true).await?;
    send(&mut stream, &begin(65_535)).await;
    for id in (1..400).step_by(2) {
        let both = [
            frame(1, 5, id, &asked(false)),
            frame(3, 0, id, &[0, 0, 0, 8]),
        ]
        .concat();
        send(&mut stream, &both).await;
    }
    answer(&mut stream).await;
    Ok(())
}

/// A head without an end.
async fn continuations(site: &Site) -> Result<()> {
    let mut stream = site.tls(HOSTILE, true).await?;
    send(&mut stream, &begin(65_535)).await;
    send(&mut stream, &frame(1, 0, 1, &asked(false))).await;
    let part = [&[0, 1][..], b"x", &[100], &[b'y'; 100]]
        .concat()
        .repeat(100);
    for _ in 0..50 {
        send(&mut stream, &frame(9, 0, 1, &part)).await;
    }
    answer(&mut stream).await;
    Ok(())
}

/// Large answers that are not taken.
async fn untaken(site: &Site) -> Result<()> {
    let mut stream = site.tls(HOSTILE, true).await?;
    send(&mut stream, &begin(0)).await;
    for id in (1..60).step_by(2) {
        send(&mut stream, &frame(1, 5, id, &asked(true))).await;
    }
    sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// Sends; that the gateway has hung up is as it should be.
async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    let sent = timeout(Duration::from_secs(5), async {
        stream.write_all(bytes).await?;
        stream.flush().await
    });
    let _ = sent.await;
}

/// What is said until the other side closes, or nothing more comes for a second.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut said = Vec::new();
    let mut block = [0; 4096];
    while said.len() < 1 << 20
        && let Ok(Ok(read @ 1..)) = timeout(Duration::from_secs(20), stream.read(&mut block)).await
    {
        said.extend_from_slice(block.get(..read).unwrap_or_default());
    }
    said
}
