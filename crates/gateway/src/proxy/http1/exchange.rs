//! A request out and the head of its answer in.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Method;
use memchr::memchr;

use super::head::Head;
use super::interim::{Ahead, Allowance};
use super::line::Line;
use super::upload::{Stopped, Upload};
use super::{Error, START};
use crate::http1::Malformed;
use crate::proxy::AppStream;
use crate::proxy::Busy;
use crate::spares::Spares;

/// One request on one connection, until the head of its answer is there.
#[derive(Debug)]
pub(in crate::proxy) struct Exchange {
    pub(super) line: Line,
    pub(super) upload: Upload,
    method: Method,
    heard: bool,
    refused: Option<io::Error>,
    interim: Allowance,
}

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::proxy) enum Ended {
    /// The client's own body is not to be passed on.
    Body,
    /// The app has taken too long.
    Late,
    /// The app has broken off, or what it says is no answer.
    Broken(Error),
}

impl Exchange {
    pub(in crate::proxy) const fn new(line: Line, upload: Upload, method: Method) -> Self {
        Self {
            line,
            upload,
            method,
            heard: false,
            refused: None,
            interim: Allowance::new(),
        }
    }

    /// Whether the request may be sent over another connection: nothing of it was sent, or it may be sent
    /// twice without harm (RFC 9110 §9.2.2), has no body to lose, and no byte of an answer has come.
    pub(in crate::proxy) fn may_go_again(&self) -> bool {
        let harmless = self.method.is_idempotent() && self.upload.is_bare();
        !self.upload.has_begun() || (harmless && !self.heard)
    }

    /// Whether the app is elsewhere by now than where this goes, as `moves` says.
    pub(in crate::proxy) const fn is_behind(&self, moves: u64) -> bool {
        self.line.move_number != moves
    }

    /// Whether the app may have seen any of the request.
    pub(in crate::proxy) const fn has_begun(&self) -> bool {
        self.upload.has_begun()
    }

    /// Whether all of the request is out.
    pub(in crate::proxy) fn is_sent(&self) -> bool {
        self.upload.is_done()
    }

    /// The request, as if nothing of it had been sent.
    pub(in crate::proxy) fn again(mut self) -> (Upload, Method) {
        self.upload.again();
        (self.upload, self.method)
    }

    /// The connection, once it carries another protocol, what has come of that, and that the app is at it.
    pub(in crate::proxy) fn into_stream(self) -> Option<(AppStream, Bytes, Option<Busy>)> {
        self.line.into_stream().filter(|_| self.upload.is_done())
    }

    /// Sends, as long as the app takes it, and reads.
    pub(in crate::proxy) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        ahead: Ahead<'_>,
        spares: &Spares,
    ) -> Poll<Result<Head, Ended>> {
        if let Some(to) = self.line.to.as_mut()
            && self.refused.is_none()
            && !self.upload.is_done()
        {
            match self.upload.poll(cx, to) {
                Poll::Ready(Err(Stopped::Body)) => return Poll::Ready(Err(Ended::Body)),
                // What it has said before it closed is worth reading.
                Poll::Ready(Err(Stopped::Io(error))) => self.refused = Some(error),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        loop {
            let before = self.line.bytes.len();
            match ready!(self.line.read(cx, 0)) {
                Ok(true) => self.heard = true,
                Ok(false) => {
                    let error = self
                        .refused
                        .take()
                        .map_or(Malformed::Incomplete.into(), Error::Io);
                    return Poll::Ready(Err(Ended::Broken(error)));
                }
                Err(error) => return Poll::Ready(Err(Ended::Broken(error))),
            }
            // Looked at when a line has ended, lest a head that comes byte by byte be read anew each time.
            let news = self.line.bytes.get(before..).unwrap_or(&[]);
            if before >= START.len() && memchr(b'\n', news).is_none() && !self.line.is_full() {
                continue;
            }
            let interim = |status, said: &httparse::Response<'_, '_>| {
                self.interim.pass(ahead, status, said);
            };
            match Head::take(&mut self.line.bytes, &self.method, spares, interim) {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(Ended::Broken(error))),
            }
        }
    }
}
