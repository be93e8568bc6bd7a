//! The session of one request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::lock::{Mutex, MutexGuard};
use panoply_core::SessionFingerprint;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::id::SessionId;
use crate::sessions::Shared;
use crate::{Error, Sessions};

mod answer;
mod commit;
mod finish;
mod life;
mod plain;
mod state;
mod step;
mod values;

use answer::Progress;
pub(crate) use finish::{Finished, Refused};
pub(crate) use state::USER;
use state::{Place, State};

/// The session of one request. Clones are the same.
///
/// It is looked up when it is first asked for anything; a request that asks nothing costs no call
/// of the store. What is changed is committed before the head of the answer is sent, in one round
/// trip, and only what was changed: what other requests do to other values of the same session
/// stays. Until then it is seen by this request alone.
///
/// Each method may wait for the store and fails as it does ([`Error::Store`]); the layer then
/// answers 503 in place of the handler, see [`OnOutage`](crate::OnOutage).
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    state: Mutex<State>,
    progress: Progress,
    /// Which ends are asked for and wait for their turn: one that is given up is not done.
    waiting: [AtomicBool; 2],
    /// Whether the request came over HTTPS, as far as anybody knows.
    https: Option<bool>,
}

/// What is to be ended.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The request's own session.
    Own,
    /// All others of its user.
    Others,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, id: Option<SessionId>, https: Option<bool>) -> Self {
        Self(Arc::new(Inner {
            shared,
            state: Mutex::new(State::new(id, https.unwrap_or(false))),
            progress: Progress::default(),
            waiting: [AtomicBool::new(false), AtomicBool::new(false)],
            https,
        }))
    }

    /// Forgets what this request has changed and not committed, and looks the session up again.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn reload(&self) -> Result<(), Error> {
        let mut state = self.state().await;
        state.reload(&self.0.shared).await
    }

    /// Starts the idle time over with this request, though the last time was no minute ago.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn touch(&self) -> Result<(), Error> {
        self.loaded().await?.touch = true;
        Ok(())
    }

    /// Commits now. The layer does so before the head of the answer is sent; a body that is streamed
    /// and tasks that go on behind the answer do it themselves.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when the session was destroyed meanwhile; [`Error::Late`] when it needs a
    /// cookie, as a session that is new, a login and [`cycle_id`](Self::cycle_id) do, and the head has
    /// been sent, or nobody waits for the answer any more. Nothing is kept then.
    pub async fn save(&self) -> Result<(), Error> {
        let mut state = self.loaded().await?;
        state.commit(&self.0.shared, self.answer()).await
    }

    /// What the session is called in logs and lists; none if there is none in the store.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn fingerprint(&self) -> Result<Option<SessionFingerprint>, Error> {
        let state = self.loaded().await?;
        Ok(state.record().map(panoply_core::SessionRecord::fingerprint))
    }

    /// Whether there is no session in the store yet.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn is_new(&self) -> Result<bool, Error> {
        Ok(self.fingerprint().await?.is_none())
    }

    /// Whether it is one of those.
    pub(crate) fn is_of(&self, sessions: &Sessions) -> bool {
        Arc::ptr_eq(&self.0.shared, &sessions.0)
    }

    async fn state(&self) -> MutexGuard<'_, State> {
        self.0.progress.look();
        // Seldom do two parts of a handler ask at the same moment.
        match self.0.state.try_lock() {
            Some(state) => state,
            None => Box::pin(self.0.state.lock()).await,
        }
    }

    /// The same for who is to end sessions, which is taken note of before its turn comes: a handler that gives it
    /// up meanwhile would go on as if it were done.
    async fn state_to_end(&self, what: End) -> MutexGuard<'_, State> {
        let [own, others] = &self.0.waiting;
        let waits = match what {
            End::Own => own,
            End::Others => others,
        };
        if let Some(state) = self.0.state.try_lock() {
            self.0.progress.look();
            // One that was given up before is made up for.
            waits.store(false, Ordering::Release);
            return state;
        }
        waits.store(true, Ordering::Release);
        let state = self.state().await;
        waits.store(false, Ordering::Release);
        state
    }

    /// Whether an end was asked for and given up before its turn.
    fn has_given_up(&self) -> bool {
        let is_set = |waits: &AtomicBool| waits.load(Ordering::Acquire);
        self.0.waiting.iter().any(is_set)
    }

    async fn loaded(&self) -> Result<MutexGuard<'_, State>, Error> {
        // What may have to wait is in a box, so that handlers need not make room for it.
        match self.loaded_now() {
            Some(loaded) => loaded,
            None => Box::pin(self.loaded_later()).await,
        }
    }

    fn loaded_now(&self) -> Option<Result<MutexGuard<'_, State>, Error>> {
        self.0.progress.look();
        let mut state = self.0.state.try_lock()?;
        let loaded = state.load_now(&self.0.shared)?;
        Some(loaded.map(|()| state))
    }

    async fn loaded_later(&self) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state().await;
        state.load(&self.0.shared).await?;
        Ok(state)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if self.progress.is_sent() && state.is_dirty() {
            tracing::warn!(
                "a session was changed after the head of its answer was sent, and that is lost: \
                 call `save` there"
            );
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}

fn read<T: DeserializeOwned>(name: &str, value: Option<&Bytes>) -> Result<Option<T>, Error> {
    let Some(json) = value else { return Ok(None) };
    let value = serde_json::from_slice(json).map_err(|source| Error::Type {
        name: name.to_owned(),
        source: Arc::new(source),
    })?;
    Ok(Some(value))
}

fn write<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<Bytes, Error> {
    let json = serde_json::to_vec(value).map_err(|source| Error::Unwritable {
        name: name.to_owned(),
        source: Arc::new(source),
    })?;
    Ok(json.into())
}
