//! An answer whose body is still to come, whole or in part.

use std::pin::Pin;
use std::rc::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Error;
use super::exchange::Exchange;
use super::line::{Line, Patience, Sending};
use crate::body::longer;
use crate::http1::{Decoder, Extent, Malformed};
use crate::proxy::Pool;

/// The body of an answer, and the connection that it comes over; dropped early, it is closed.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was taken off already.
    first: Option<Frame<Bytes>>,
    decoder: Decoder,
    line: Option<Line>,
    sending: Option<Sending>,
    home: Home,
}

/// Where a connection goes back to.
#[derive(Debug)]
pub(in crate::proxy) struct Home {
    pub(in crate::proxy) pool: Weak<Pool>,
    /// For how long it can be used again; zero when it cannot.
    pub(in crate::proxy) keep: Duration,
}

/// What of an answer's body is there with its head.
#[derive(Debug)]
pub(in crate::proxy) enum Begun {
    /// All of it, and its connection has gone back.
    Whole(Bytes),
    Rest(Box<Answer>),
}

/// Begins to read the body behind a head.
pub(in crate::proxy) fn begin(
    exchange: Exchange,
    extent: Extent,
    home: Home,
    patience: Patience,
) -> Result<Begun, Error> {
    let Exchange {
        mut line, upload, ..
    } = exchange;
    let sending = if upload.is_done() {
        line.text = upload.into_text();
        None
    } else {
        line.to
            .take()
            .map(|to| Sending::start(upload, to, patience))
    };
    let mut decoder = Decoder::new(extent);
    let first = decoder.decode(&mut line.bytes)?;
    let mut answer = Answer {
        first,
        decoder,
        line: Some(line),
        sending,
        home,
    };
    if answer.decoder.is_done() {
        answer.finish();
        match answer.first.take().map(Frame::into_data).transpose() {
            Ok(data) => return Ok(Begun::Whole(data.unwrap_or_default())),
            Err(trailers) => answer.first = Some(trailers),
        }
    }
    Ok(Begun::Rest(Box::new(answer)))
}

impl Answer {
    /// The body has been read to its end.
    fn finish(&mut self) {
        let Some(mut line) = self.line.take() else {
            return;
        };
        if let Some(sending) = self.sending.take() {
            line.to = sending.finish();
        }
        let pool = self.home.pool.upgrade();
        // Its answer may have come early, and the request may still be wanted: the next must not wait
        // for that. Whatever comes unasked is the answer to nothing.
        if let Some(pool) = pool.filter(|_| line.to.is_some() && line.bytes.is_empty()) {
            line.rest();
            pool.give_back(line, &self.home);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Error>> {
        if let Some(frame) = self.first.take() {
            return Poll::Ready(Ok(Some(frame)));
        }
        loop {
            let Some(line) = self.line.as_mut() else {
                // What has broken off never comes to an end that could be taken for its own.
                return Poll::Ready(if self.decoder.is_done() {
                    Ok(None)
                } else {
                    Err(Malformed::Incomplete.into())
                });
            };
            let frame = self.decoder.decode(&mut line.bytes)?;
            if self.decoder.is_done() {
                self.finish();
                return Poll::Ready(Ok(frame));
            }
            if frame.is_some() {
                return Poll::Ready(Ok(frame));
            }
            let announced = self.decoder.size_hint().lower();
            if !ready!(line.read(cx, announced))? {
                if self.sending.as_ref().is_some_and(Sending::is_broken) {
                    return Poll::Ready(Err(Malformed::Incomplete.into()));
                }
                self.decoder.end()?;
                self.line = None;
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let polled = ready!(this.poll(cx));
        if polled.is_err() {
            this.line = None;
        }
        Poll::Ready(polled.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.decoder.is_done()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref);
        longer(self.decoder.size_hint(), first.map_or(0, Bytes::len))
    }
}
