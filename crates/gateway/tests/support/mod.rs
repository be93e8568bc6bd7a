//! A server on a port of its own, and what is said to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use http::{Request, Response};
use panoply_gateway::{Incoming, Server, ServerError};
use tokio::sync::oneshot;
use tower::Service;

/// Longest for anything to come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    runs: Option<JoinHandle<Result<(), ServerError>>>,
    _state: tempfile::TempDir,
}

impl Site {
    /// One of `app`, configured by `more` besides what every test needs.
    pub(crate) fn of(app: Router, more: &str) -> Self {
        Self::of_service(app, more)
    }

    pub(crate) fn of_service<S, B>(service: S, more: &str) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: 'static,
        B: http_body::Body<Data = bytes::Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let state = tempfile::tempdir().unwrap();
        let (ready, is_ready) = mpsc::channel();
        let text = format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\nworkers = 2\n[tls]\nmode = \"off\"\n[admin]\nlisten = \"off\"\n{more}"
        );
        let server = Server::new(service)
            .config_text(text)
            .state(state.path())
            .on_ready(move |addresses| ready.send(addresses.http.unwrap()).unwrap());
        let (stop, stops) = oneshot::channel();
        let runs = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(server.serve_until(async {
                let _ = stops.await;
            }))
        });
        let Ok(address) = is_ready.recv_timeout(PATIENCE) else {
            panic!("it does not serve: {:?}", runs.join());
        };
        Self {
            address,
            stop: Some(stop),
            runs: Some(runs),
            _state: state,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The answer to a request on a connection of its own, of which nothing more comes.
    pub(crate) fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        let request = request.replacen("\r\nHost:", "\r\nConnection: close\r\nHost:", 1);
        // Whoever is refused may have gone before all is written.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn ended(&mut self) -> Result<(), ServerError> {
        self.stop();
        self.runs.take().unwrap().join().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
        if let Some(runs) = self.runs.take() {
            let _ = runs.join();
        }
    }
}

/// What comes until it ends so, byte for byte.
pub(crate) fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = String::new();
    let mut byte = [0];
    while !read.ends_with(end) {
        match stream.read(&mut byte) {
            Ok(1) => read.push(byte[0].into()),
            other => panic!("{other:?} after {read}"),
        }
    }
    read
}

/// An answer of which the length is told.
pub(crate) fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = read_until(stream, "\r\n\r\n");
    let length = answer
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    answer.push_str(&String::from_utf8_lossy(&body));
    answer
}

pub(crate) fn status(answer: &str) -> u16 {
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer:?}"))
}
