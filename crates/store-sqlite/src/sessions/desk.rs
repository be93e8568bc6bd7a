//! Where questions to a thread wait, and who waits for their answers.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_core::{Clock, StoreError, SystemClock};
use tokio::sync::oneshot;

/// How long anybody waits for a thread whose disk does not answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Beyond so many questions that wait, the next is refused.
const MOST: usize = 16 * 1024;

/// Beyond so many bytes of them too.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How many questions are answered at once, at most.
const AT_ONCE: usize = 1024;

/// Beyond so many bytes of them, none is added.
const BYTES_AT_ONCE: usize = 8 * 1024 * 1024;

/// Questions on their way to a thread.
///
/// The one who asks waits apart from the question, so that nobody has to wait for a thread that a
/// disk keeps.
#[derive(Debug)]
pub(super) struct Desk<Q, A> {
    state: Mutex<State<Q, A>>,
    wake: Condvar,
    clock: SystemClock,
}

#[derive(Debug)]
struct State<Q, A> {
    waiting: VecDeque<Waiting<Q, A>>,
    /// What they take.
    bytes: usize,
    flying: Vec<Option<Asker<A>>>,
    /// Why nothing more is taken.
    shut: Option<Shut>,
}

#[derive(Debug)]
struct Waiting<Q, A> {
    question: Q,
    bytes: usize,
    asker: Asker<A>,
}

#[derive(Debug)]
struct Asker<A> {
    since: Duration,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shut {
    /// The thread does not come back.
    Stalls,
    /// There is no thread any more.
    Over,
}

/// What is still to be answered.
#[derive(Debug)]
pub(super) struct Answer<A>(oneshot::Receiver<Result<A, StoreError>>);

impl<A> Answer<A> {
    pub(super) async fn come(self) -> Result<A, StoreError> {
        // Dropped without an answer: the thread has panicked.
        self.0.await.unwrap_or_else(|_| Err(no_thread()))
    }
}

impl<Q, A> Desk<Q, A> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                bytes: 0,
                flying: Vec::new(),
                shut: None,
            }),
            wake: Condvar::new(),
            clock: SystemClock::new(),
        }
    }

    /// Puts a question of about so many bytes in line.
    pub(super) fn ask(&self, question: Q, bytes: usize) -> Result<Answer<A>, StoreError> {
        let since = self.clock.monotonic();
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        match state.shut {
            Some(Shut::Stalls) => return Err(stalls()),
            Some(Shut::Over) => return Err(no_thread()),
            None => {}
        }
        if state.waiting.len() >= MOST || state.bytes >= MOST_BYTES {
            return Err(StoreError::transient(
                "too many sessions wait for the database",
            ));
        }
        state.bytes += bytes;
        state.waiting.push_back(Waiting {
            question,
            bytes,
            asker: Asker { since, answer },
        });
        drop(state);
        self.wake.notify_one();
        Ok(Answer(answered))
    }

    /// For the thread: the next questions, if there are any. Each is to be
    /// [answered](Self::answer).
    pub(super) fn take(&self) -> Vec<Q> {
        Self::take_of(&mut self.lock())
    }

    /// For the thread: the next questions as soon as there are any, and none at the end.
    pub(super) fn wait(&self) -> Vec<Q> {
        let idle = |state: &mut State<Q, A>| state.waiting.is_empty() && state.shut.is_none();
        let waited = self.wake.wait_while(self.lock(), idle);
        Self::take_of(&mut waited.unwrap_or_else(PoisonError::into_inner))
    }

    fn take_of(state: &mut State<Q, A>) -> Vec<Q> {
        // It is here, so it has come back.
        if state.shut == Some(Shut::Stalls) {
            state.shut = None;
        }
        let (mut questions, mut bytes) = (Vec::new(), 0);
        while questions.len() < AT_ONCE && bytes < BYTES_AT_ONCE {
            let Some(next) = state.waiting.pop_front() else {
                break;
            };
            bytes += next.bytes;
            questions.push(next.question);
            state.flying.push(Some(next.asker));
        }
        state.bytes = state.bytes.saturating_sub(bytes);
        questions
    }

    /// For the thread: the answers to what it has taken last, in the same order.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Result<A, StoreError>>) {
        let askers = mem::take(&mut self.lock().flying);
        for (asker, answer) in askers.into_iter().zip(answers) {
            if let Some(asker) = asker {
                // Nobody may be waiting any more.
                drop(asker.answer.send(answer));
            }
        }
    }

    /// Whether anybody waits to be taken.
    pub(super) fn is_waited_at(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Sends everybody away if the first has waited for too long; whether that is so. Until the
    /// thread comes back, nobody is let in.
    pub(super) fn give_up(&self) -> bool {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        if state.shut.is_some() {
            return false;
        }
        let flying = state.flying.iter().flatten();
        let waiting = state.waiting.front().map(|next| &next.asker);
        let first = flying.chain(waiting).map(|asker| asker.since).min();
        if first.is_none_or(|first| now.saturating_sub(first) < PATIENCE) {
            return false;
        }
        state.shut = Some(Shut::Stalls);
        let away = Self::send_away(&mut state);
        drop(state);
        for asker in away {
            drop(asker.answer.send(Err(stalls())));
        }
        true
    }

    /// Lets nobody in any more; whoever still waits is sent away.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.shut = Some(Shut::Over);
        let away = Self::send_away(&mut state);
        drop(state);
        self.wake.notify_all();
        for asker in away {
            drop(asker.answer.send(Err(no_thread())));
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().shut == Some(Shut::Over)
    }

    fn send_away(state: &mut State<Q, A>) -> Vec<Asker<A>> {
        // The places stay, since the thread will answer in their order.
        let flying: Vec<Asker<A>> = state.flying.iter_mut().filter_map(Option::take).collect();
        let waiting = mem::take(&mut state.waiting);
        let waiting = waiting.into_iter().map(|next| next.asker);
        state.bytes = 0;
        flying.into_iter().chain(waiting).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stalls() -> StoreError {
    StoreError::transient("the disk on which the sessions are does not answer")
}

fn no_thread() -> StoreError {
    StoreError::permanent("the store of the sessions has been closed")
}
