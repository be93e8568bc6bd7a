//! The bodies of requests over connections that others use too, each of which ends when its answer has.
//!
//! hyper gives what is left of a request's body a task of its own, and that one waits for as long as the app
//! leaves the stream's window shut, whoever still wants an answer. h2 resets a stream that nobody holds any more
//! (`CANCEL`), so it is enough to end that task. It is the next that hyper starts after it has asked the body for
//! its first piece; were it another, that one would be ended after the answer, when there is nothing to end.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;

use super::deadlines::Deadlines;
use super::http1::Patience;
use crate::body::{Progress, Refused, RequestBody};

/// Runs hyper's tasks on the worker's thread, those of bodies no longer than they may last.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks(Rc<RefCell<Option<Rc<Upload>>>>);

impl<F: Future + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let upload = self.0.take();
        tokio::task::spawn_local(async move {
            match upload {
                Some(upload) => upload.run(task).await,
                None => drop(task.await),
            }
        });
    }
}

/// What a request's body, its task and its answer know of each other.
#[derive(Debug)]
pub(super) struct Upload {
    progress: Rc<Progress>,
    deadlines: Rc<Deadlines>,
    /// How long it may stand still once it is answered; nothing once it has a task.
    patience: RefCell<Option<Patience>>,
    answered: Cell<bool>,
    task: RefCell<Option<Waker>>,
}

impl Upload {
    /// The answer has ended, or nobody wants the rest of it.
    pub(super) fn is_answered(&self) {
        self.answered.set(true);
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Runs its task; once it is answered, for as long as some of it goes on within its patience.
    async fn run<F: Future>(self: Rc<Self>, task: F) {
        let patience = self.patience.take();
        let mut task = pin!(task);
        let mut waited = None;
        poll_fn(|cx| {
            if task.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if let Some(patience) = patience.as_ref().filter(|_| self.answered.get()) {
                let (moved, _) = self.progress.mark();
                return patience.poll(cx, &mut waited, moved);
            }
            *self.task.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A request's body on its way to the app.
#[derive(Debug)]
pub(super) struct Outgoing {
    body: RequestBody,
    /// Nothing where there is no body.
    upload: Option<Rc<Upload>>,
    tasks: Tasks,
}

impl Outgoing {
    /// `body` over a connection whose tasks run on `tasks`.
    pub(super) fn new(body: RequestBody, tasks: &Tasks, patience: Patience) -> Self {
        let upload = (!body.is_end_stream()).then(|| {
            Rc::new(Upload {
                progress: body.progress(),
                deadlines: Rc::clone(&patience.deadlines),
                patience: RefCell::new(Some(patience)),
                answered: Cell::new(false),
                task: RefCell::default(),
            })
        });
        Self {
            body,
            upload,
            tasks: tasks.clone(),
        }
    }

    /// What its answer tells of its end.
    pub(super) fn upload(&self) -> Option<Rc<Upload>> {
        self.upload.clone()
    }

    /// The body, none of which has been sent.
    pub(super) fn into_body(self) -> RequestBody {
        self.body
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Refused;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        let this = self.get_mut();
        if let Some(upload) = &this.upload
            && upload.patience.borrow().is_some()
        {
            // It has no task yet: that is the next one.
            this.tasks.0.replace(Some(Rc::clone(upload)));
        }
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Some(upload) = &this.upload {
            // Whoever waits for the answer does not see it pass.
            upload.progress.look(upload.deadlines.now());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::body::Source;
    use crate::body::tests::Trails;

    #[test]
    fn whoever_waits_for_the_answer_knows_when_it_moved() {
        let deadlines = Rc::<Deadlines>::default();
        let patience = Patience {
            deadlines: Rc::clone(&deadlines),
            going_on: Rc::default(),
            limit: Duration::ZERO,
        };
        let body = RequestBody::new(Source::http1(Rc::new(Trails(4)), 1), 2);
        let progress = body.progress();
        let mut outgoing = Outgoing::new(body, &Tasks::default(), patience);
        for at in [3, 5].map(Duration::from_secs) {
            deadlines.sweep(at);
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut outgoing).poll_frame(cx).is_ready());
            assert_eq!(progress.moved(), at);
        }
    }
}
