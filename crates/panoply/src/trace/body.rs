//! The body that knows when an exchange is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf as _;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Exchange;
use super::layer::Shared;

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) exchange: Exchange,
    pub(super) started: Duration,
    pub(super) shared: Arc<Shared>,
}

impl Record {
    pub(super) fn elapsed(&self) -> Duration {
        self.shared.clock.monotonic().saturating_sub(self.started)
    }

    fn finish(mut self, aborted: bool) {
        self.exchange.duration = self.elapsed();
        self.exchange.aborted = aborted;
        // An exchange may be over because the service panics: a second panic would end the process.
        let told = || self.shared.observer.answered(&self.exchange);
        if catch_unwind(AssertUnwindSafe(told)).is_err() {
            tracing::error!(id = %self.exchange.id, "an observer panicked, and has not been told all");
        }
    }

    /// There will be no answer: the client has gone, or the service has panicked.
    pub(super) fn unanswered(mut self) {
        let gone = StatusCode::from_u16(499);
        match gone {
            Ok(gone) if !std::thread::panicking() => self.exchange.status = gone,
            _ => return self.failed(),
        }
        self.finish(true);
    }

    /// There will be no answer, since the service has failed.
    pub(super) fn failed(mut self) {
        self.exchange.status = StatusCode::INTERNAL_SERVER_ERROR;
        self.finish(true);
    }
}

pin_project! {
    /// A response's body, counted as it passes, that reports its exchange when it ends or is
    /// dropped; its frames are not touched, but to HEAD none goes.
    #[derive(Debug)]
    pub struct TracedBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: B,
        record: Option<Box<Record>>,
        // It answers HEAD, to which no body goes, whatever a layer within has put there (RFC 9110
        // §9.3.2): over HTTP/2 it would break the stream.
        none: bool,
    }

    impl<B: Body> PinnedDrop for TracedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(record) = this.record.take() {
                // Whoever knows the length stops asking once it has it all.
                let complete = this.inner.is_end_stream()
                    || *this.none
                    || this.inner.size_hint().exact() == Some(0);
                record.finish(!complete);
            }
        }
    }
}

impl<B: Body> TracedBody<B> {
    /// A body of an answer to HEAD (`none`) or any other method; nobody is told where there is no record.
    pub(super) const fn new(inner: B, record: Option<Box<Record>>, none: bool) -> Self {
        Self {
            inner,
            record,
            none,
        }
    }
}

impl<B: Body> Body for TracedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        if *this.none {
            if let Some(record) = this.record.take() {
                record.finish(false);
            }
            return Poll::Ready(None);
        }
        let frame = ready!(this.inner.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(record), Some(data)) = (this.record.as_mut(), frame.data_ref()) {
                    record.exchange.bytes += data.remaining() as u64;
                } else if frame.is_trailers()
                    && let Some(record) = this.record.take()
                {
                    // Nothing comes after trailers, so nobody asks again.
                    record.finish(false);
                }
            }
            Some(Err(_)) | None => {
                if let Some(record) = this.record.take() {
                    record.finish(frame.is_some());
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.none || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
