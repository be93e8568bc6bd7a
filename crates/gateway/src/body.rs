//! The bodies that pass through the gateway, frame by frame, never gathered.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use panoply::limits::{GuardedBody, UserHeaders};
use panoply_core::BodyTooLong;

use crate::wire::{Feed, Upload, pass_trailers, trailers_are_too_long};

mod app;
mod progress;
mod response;

pub(crate) use app::{AppBody, Broken};
pub(crate) use progress::Progress;
pub(crate) use response::ResponseBody;

/// Why a request's body could not be passed on whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was longer than the limit.
    TooLarge,
    /// The client sent something that is no body, or went away.
    Broken,
    /// The client sent nothing more.
    Stalled,
}

/// The error of a body that must not be passed on as if it were whole.
#[derive(Debug, thiserror::Error)]
#[error("the client's request body was refused or broke off")]
pub(crate) struct Refused(#[source] Option<BodyTooLong>);

impl Refused {
    fn of(fault: Fault) -> Self {
        Self((fault == Fault::TooLarge).then_some(BodyTooLong))
    }
}

/// Where a request's body comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// There is none.
    None,
    /// Its HTTP/1 connection.
    Http1(Fed),
    /// Its HTTP/2 stream, on a connection that is in use for as long.
    Http2(Upload),
}

impl Source {
    /// The body of the request with this `number` on a connection.
    pub(crate) fn http1(feed: Rc<dyn Feed>, number: u64) -> Self {
        Self::Http1(Fed(feed, number))
    }
}

/// A share in a connection that has a body to give; its drop says that nobody wants the rest.
#[derive(Debug)]
pub(crate) struct Fed(Rc<dyn Feed>, u64);

impl Drop for Fed {
    fn drop(&mut self) {
        self.0.let_go(self.1);
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = Refused;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        match self.get_mut() {
            Self::None => Poll::Ready(None),
            Self::Http1(Fed(feed, number)) => feed.poll(*number, cx).map_err(|_| Refused(None)),
            Self::Http2(upload) => upload.poll_frame(cx).map_err(|_| Refused(None)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Http1(Fed(feed, number)) => feed.is_end(*number),
            Self::Http2(upload) => upload.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::None => SizeHint::with_exact(0),
            Self::Http1(Fed(feed, number)) => feed.size_hint(*number),
            Self::Http2(upload) => upload.size_hint(),
        }
    }
}

/// A request's body as the client sends it, up to a limit.
///
/// It is moved through all layers with its request, and most have none: what there is of one stands elsewhere.
#[derive(Debug)]
pub(crate) struct RequestBody {
    rest: Option<Box<Rest>>,
    progress: Rc<Progress>,
}

/// What is to come of a body.
#[derive(Debug)]
struct Rest {
    /// What the login guard has read, and the app is still to have.
    read: VecDeque<Frame<Bytes>>,
    inner: Source,
    left: u64,
    /// What no trailer may say either.
    withheld: Option<UserHeaders>,
}

impl RequestBody {
    pub(crate) fn new(inner: Source, limit: u64) -> Self {
        if matches!(inner, Source::None) {
            return Self::empty();
        }
        let progress = Rc::<Progress>::default();
        progress.ended.set(inner.is_end_stream());
        Self {
            rest: Some(Box::new(Rest {
                read: VecDeque::new(),
                inner,
                left: limit,
                withheld: None,
            })),
            progress,
        }
    }

    /// Whether it says by itself that it is longer than the limit.
    pub(crate) fn is_too_large(&self) -> bool {
        let left = self.rest.as_ref().map(|rest| rest.left);
        left.is_some_and(|left| self.size_hint().lower() > left)
    }

    /// No body at all.
    pub(crate) fn empty() -> Self {
        let progress = Rc::<Progress>::default();
        progress.ended.set(true);
        Self {
            rest: None,
            progress,
        }
    }

    /// The body as it came, of which the login guard may have read some or all.
    pub(crate) fn from_guarded(body: GuardedBody<Self>) -> Self {
        let (read, body) = body.into_parts();
        let mut body = body.unwrap_or_else(Self::empty);
        if !read.is_empty() {
            let rest = body.rest.get_or_insert_with(|| {
                Box::new(Rest {
                    read: VecDeque::new(),
                    inner: Source::None,
                    left: 0,
                    withheld: None,
                })
            });
            rest.read.extend(read);
        }
        body
    }

    pub(crate) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Takes what is called like `headers` off the trailers as well.
    pub(crate) fn withhold(&mut self, headers: &UserHeaders) {
        if let Some(rest) = self.rest.as_mut().filter(|_| !headers.is_empty()) {
            rest.withheld = Some(headers.clone());
        }
    }

    /// All of it, if nothing of it is still to come.
    pub(crate) fn take_whole(&mut self) -> Option<VecDeque<Frame<Bytes>>> {
        let Some(rest) = &mut self.rest else {
            return Some(VecDeque::new());
        };
        let whole = { rest.inner.is_end_stream() }.then(|| std::mem::take(&mut rest.read))?;
        let whole = whole.into_iter();
        Some(whole.filter_map(|frame| rest.pass(frame)).collect())
    }
}

impl Rest {
    /// What of `frame` goes on.
    fn pass(&self, mut frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        if let (Some(fields), Some(withheld)) = (frame.trailers_mut(), &self.withheld) {
            withheld.remove_from(fields);
        }
        pass_trailers(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.inner.is_end_stream()
    }
}

impl Progress {
    fn refuse(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        self.fault.set(Some(fault));
        Poll::Ready(Some(Err(Refused::of(fault))))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Refused;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        let Self { rest, progress } = self.get_mut();
        if let Some(fault) = progress.fault() {
            // What has broken off never comes to an end that could be taken for its own.
            return Poll::Ready(Some(Err(Refused::of(fault))));
        }
        let Some(rest) = rest else {
            return Poll::Ready(None);
        };
        if let Some(frame) = rest.read.pop_front() {
            // Counted when it was read.
            let frame = rest.pass(frame);
            return Poll::Ready(frame.map(Ok));
        }
        let polled = Pin::new(&mut rest.inner).poll_frame(cx);
        progress.waits.set(polled.is_pending());
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return progress.refuse(Fault::Broken),
            None => {
                progress.ended.set(true);
                return Poll::Ready(None);
            }
        };
        progress.frames.set(progress.frames.get() + 1);
        if let Some(data) = frame.data_ref() {
            let glance = progress.password.get();
            progress.password.set(glance.at(data));
        }
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match rest.left.checked_sub(length) {
            Some(left) => rest.left = left,
            None => return progress.refuse(Fault::TooLarge),
        }
        // Over HTTP/1 that is seen where they are read.
        if trailers_are_too_long(&frame) {
            return progress.refuse(Fault::Broken);
        }
        let frame = rest.pass(frame);
        let ended = frame.is_none() || rest.is_end_stream();
        progress.ended.set(ended);
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let Some(rest) = &self.rest else {
            return SizeHint::with_exact(0);
        };
        let hint = rest.inner.size_hint();
        let data = rest.read.iter().filter_map(Frame::data_ref);
        longer(hint, data.map(Bytes::len).sum())
    }
}

/// How long a body is of which so many bytes were taken already, and go before the rest.
pub(crate) fn longer(rest: SizeHint, bytes: usize) -> SizeHint {
    let (mut hint, bytes) = (SizeHint::new(), bytes as u64);
    if let Some(upper) = rest.upper() {
        hint.set_upper(upper.saturating_add(bytes));
    }
    hint.set_lower(rest.lower().saturating_add(bytes));
    hint
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;
    use std::task::Waker;

    use http::{HeaderMap, HeaderValue};

    use super::*;

    /// A trailer section of this length and nothing else, which nobody has looked at.
    #[derive(Debug)]
    pub(crate) struct Trails(pub(crate) usize);

    impl Feed for Trails {
        fn poll(&self, _: u64, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            let value = HeaderValue::try_from("a".repeat(self.0 - "x:\r\n".len()));
            let fields = HeaderMap::from_iter([("x".parse().unwrap(), value.unwrap())]);
            Poll::Ready(Some(Ok(Frame::trailers(fields))))
        }

        fn is_end(&self, _: u64) -> bool {
            false
        }

        fn size_hint(&self, _: u64) -> SizeHint {
            SizeHint::new()
        }

        fn let_go(&self, _: u64) {}
    }

    #[test]
    fn trailers_that_are_too_long_break_a_body_off() {
        for (length, fault) in [(16 << 10, None), ((16 << 10) + 1, Some(Fault::Broken))] {
            let mut body = RequestBody::new(Source::http1(Rc::new(Trails(length)), 1), 1);
            let polled = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
            assert_eq!(
                matches!(polled, Poll::Ready(Some(Ok(_)))),
                fault.is_none(),
                "{length}"
            );
            assert_eq!(body.progress().fault(), fault, "{length}");
        }
    }

    #[test]
    fn trailers_say_no_more_than_a_head() {
        let access = panoply::AccessConfig::with_passwords(
            "/",
            [(
                "ada",
                "$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2",
            )],
        );
        let access = access.user_header("X");
        let suit = panoply::Panoply::recommended().access([access]).build();
        let suit = suit.unwrap();
        for (read, left) in [(false, false), (true, false)] {
            let mut body = RequestBody::new(Source::http1(Rc::new(Trails(4)), 1), 1);
            if read {
                // What the login guard has read of it.
                let fields = HeaderMap::from_iter([("x".parse().unwrap(), "1".parse().unwrap())]);
                let rest = body.rest.as_mut().unwrap();
                rest.read.push_back(Frame::trailers(fields));
            }
            body.withhold(suit.user_headers());
            let polled = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
            assert_eq!(matches!(polled, Poll::Ready(Some(Ok(_)))), left, "{read}");
        }
    }
}
