//! The nonce, in place of a placeholder that the app itself wrote.
//!
//! The placeholder is as long as a nonce, so that replacing it changes no length: ranges,
//! `Content-Length` and streaming stay as they are. It must not be known to whoever writes into the
//! page: a placeholder that an attacker knows blesses his script as well.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use memchr::memmem::Finder;
use panoply_core::Nonce;
use pin_project_lite::pin_project;

use crate::body::longer;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

pin_project! {
    /// A body in which each placeholder becomes the nonce, across frames too.
    #[derive(Debug)]
    pub(crate) struct Stamped<B> {
        #[pin]
        inner: B,
        // Boxed, so that answers without one are small: they are moved a dozen times.
        stamp: Box<Stamp>,
        // What must be passed on after the bytes that were held back.
        after: Option<Frame<Bytes>>,
        ended: bool,
    }
}

impl<B> Stamped<B> {
    pub(crate) fn new(inner: B, placeholder: &str, nonce: Nonce) -> Self {
        Self {
            inner,
            stamp: Box::new(Stamp::new(placeholder, nonce)),
            after: None,
            ended: false,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Stamped<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        loop {
            if let Some(frame) = this.after.take() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            let last = |stamp: &mut Stamp| stamp.rest().map(Frame::data);
            match ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let data = this.stamp.pass(data);
                        if !data.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                    Err(trailers) => {
                        *this.after = Some(trailers);
                        if let Some(frame) = last(this.stamp) {
                            return Poll::Ready(Some(Ok(frame)));
                        }
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    *this.ended = true;
                    return Poll::Ready(last(this.stamp).map(Ok));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let nothing_held = self.after.is_none() && self.stamp.held.is_empty();
        nothing_held && (self.ended || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        longer(self.inner.size_hint(), self.stamp.held.len())
    }
}

/// Replaces one text by another of the same length in a stream of pieces.
#[derive(Debug)]
struct Stamp {
    finder: Finder<'static>,
    nonce: Nonce,
    held: BytesMut,
}

impl Stamp {
    fn new(placeholder: &str, nonce: Nonce) -> Self {
        let finder = Finder::new(placeholder).into_owned();
        Self {
            finder,
            nonce,
            held: BytesMut::new(),
        }
    }

    /// Takes `data` and gives what can be passed on: all but an end that may be a beginning.
    fn pass(&mut self, mut data: Bytes) -> Bytes {
        // Most pieces have nothing of it, and need not be copied.
        if self.held.is_empty() && self.finder.find(&data).is_none() {
            let end = data.split_off(self.unsettled(&data, 0));
            self.held.extend_from_slice(&end);
            return data;
        }
        self.held.extend_from_slice(&data);
        let needle = self.finder.needle();
        let found: Vec<usize> = self.finder.find_iter(&self.held).collect();
        for start in &found {
            if let Some(place) = self.held.get_mut(*start..start + needle.len()) {
                place.copy_from_slice(self.nonce.as_str().as_bytes());
            }
        }
        let settled = found.last().map_or(0, |start| start + needle.len());
        let keep_from = self.unsettled(&self.held, settled);
        self.held.split_to(keep_from).freeze()
    }

    /// Where what may be a beginning begins, behind what is `settled`.
    fn unsettled(&self, text: &[u8], settled: usize) -> usize {
        let needle = self.finder.needle();
        let tail = text.len().saturating_sub(needle.len() - 1).max(settled);
        let begins = |start: &usize| {
            text.get(*start..)
                .is_some_and(|end| needle.starts_with(end))
        };
        (tail..text.len()).find(begins).unwrap_or(text.len())
    }

    /// What was held back, at the end.
    fn rest(&mut self) -> Option<Bytes> {
        (!self.held.is_empty()).then(|| self.held.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};
    use proptest::prelude::*;

    use super::*;

    const PLACEHOLDER: &str = "abababababababababababac";

    fn stamped(pieces: Vec<Vec<u8>>, nonce: &Nonce) -> Vec<u8> {
        let frames = pieces
            .into_iter()
            .map(|p| Ok::<_, std::io::Error>(Frame::data(p.into())));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let all = Stamped::new(body, PLACEHOLDER, nonce.clone()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(all).unwrap().to_bytes().to_vec()
    }

    proptest! {
        #[test]
        fn wherever_the_pieces_are_cut(
            texts in prop::collection::vec("(ab){0,14}|x{0,3}|a", 1..6),
            cuts in prop::collection::vec(1_usize..30, 1..20),
        ) {
            let nonce = Nonce::random().unwrap();
            let page = texts.join(PLACEHOLDER);
            let mut pieces = Vec::new();
            let (mut rest, mut cuts) = (page.as_bytes(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                pieces.push(piece.to_vec());
                rest = after;
            }
            let expected = page.replace(PLACEHOLDER, nonce.as_str());
            prop_assert_eq!(stamped(pieces, &nonce), expected.into_bytes());
        }
    }
}
