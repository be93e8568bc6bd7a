//! hyper behind the wire, fed from memory.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{Sweeper, Wire};

/// The bodies of the requests that came whole, the bytes read in pieces of `step`.
pub(super) fn read(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
    let bodies = Rc::new(RefCell::new(Vec::new()));
    let pieces = Pieces {
        bytes: bytes.to_vec(),
        at: 0,
        step,
    };
    let wire = Wire::http1(pieces, Sweeper::default().watch());
    let sink = Rc::clone(&bodies);
    let service = service_fn(move |request: Request<Incoming>| {
        let sink = Rc::clone(&sink);
        async move {
            if let Ok(body) = request.into_body().collect().await {
                sink.borrow_mut().push(body.to_bytes().to_vec());
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let served = http1::Builder::new()
        .half_close(false)
        .max_headers(100)
        .serve_connection(TokioIo::new(wire), service);
    drive(served);
    bodies.take()
}

/// Polls until it ends or nobody wakes it: memory never makes it wait.
fn drive(future: impl Future) {
    let mut future = std::pin::pin!(future);
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut cx = Context::from_waker(&waker);
    while future.as_mut().poll(&mut cx).is_pending() && alarm.0.swap(false, Ordering::Relaxed) {}
}

#[derive(Default)]
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            // A client that waits for its answers; a hang-up would cut off the last one.
            return Poll::Pending;
        }
        let piece = rest.len().min(self.step).min(buf.remaining());
        buf.put_slice(&rest[..piece]);
        self.at += piece;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
