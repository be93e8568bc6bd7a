//! A web server for tests: HTTP and HTTPS at one port, told apart by the first byte, each answer as the
//! test writes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) secure: bool,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let is = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().find(is).map(|(_, value)| &**value)
    }
}

/// What is answered; `None` hangs up.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn page(body: impl Into<String>) -> Self {
        Self::new(200)
            .header("Content-Type", "text/html; charset=utf-8")
            .body(body)
    }

    pub(crate) fn redirect(status: u16, to: impl Into<String>) -> Self {
        Self::new(status).header("Location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into().into_bytes();
        self
    }

    fn bytes(&self, head_only: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Said\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let empty = matches!(self.status, 204 | 304);
        if !empty {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("Connection: close\r\n\r\n");
        // Headers are bytes: what is above ASCII goes out as it would from a careless server.
        let mut bytes: Vec<u8> = head
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect();
        if !head_only && !empty {
            bytes.extend(&self.body);
        }
        bytes
    }
}

type Handler = Arc<dyn Fn(&Asked) -> Option<Reply> + Send + Sync>;

/// A server that runs until it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Site {
    /// Serves at a free port; without `tls` only plain HTTP.
    pub(crate) async fn serve(
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::on(listener, tls, handler)
    }

    pub(crate) fn on(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let handler: Handler = Arc::new(handler);
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, handler) = (tls.clone(), Arc::clone(&handler));
                tokio::spawn(async move {
                    let served = serve(stream, tls, &handler);
                    tokio::time::timeout(Duration::from_secs(30), served)
                        .await
                        .ok();
                });
            }
        });
        Self { address, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port())
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, handler: &Handler) {
    let mut first = [0];
    if stream.peek(&mut first).await.ok() != Some(1) {
        return;
    }
    match (first[0], tls) {
        (0x16, Some(tls)) => {
            if let Ok(stream) = tls.accept(stream).await {
                answer(stream, true, handler).await;
            }
        }
        (0x16, None) => {}
        _ => answer(stream, false, handler).await,
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, secure: bool, handler: &Handler) {
    let Some(asked) = read(&mut stream, secure).await else {
        return;
    };
    if let Some(reply) = handler(&asked) {
        let bytes = reply.bytes(asked.method == "HEAD");
        stream.write_all(&bytes).await.ok();
        stream.shutdown().await.ok();
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), secure: bool) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let read = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend(&chunk[..read]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut asked = Asked {
        secure,
        method,
        path,
        headers,
        body: bytes[end + 4..].to_vec(),
    };
    let length: usize = asked.header("content-length").unwrap_or("0").parse().ok()?;
    while asked.body.len() < length {
        let read = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        asked.body.extend(&chunk[..read]);
    }
    Some(asked)
}
