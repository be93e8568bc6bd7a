//! The end of a request: what is committed, and what the browser is told.

use panoply_core::{Loaded, SessionChange, SessionFingerprint, StoreError, UserChange};

use super::answer::Answer;
use super::state::{Out, State};
use super::{Place, Session};
use crate::config::Sent;
use crate::express::COOKIE;
use crate::sessions::Kind;
use crate::{Error, OnOutage};

/// What becomes of the answer.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The `Set-Cookie` line.
    pub(crate) cookie: Option<String>,
    /// Whether the session had a part in the answer.
    pub(crate) involved: bool,
    /// Why the answer must not be sent.
    pub(crate) refused: Option<Refused>,
}

/// Why an answer is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The store is away.
    Outage,
    /// What the app wrote cannot be kept.
    Unkept,
}

impl Session {
    /// Whether an answer in which it had a part is not to be kept by caches.
    pub(crate) fn forbids_caching(&self) -> bool {
        self.0.shared.settings.no_store
    }

    /// What becomes of the answer, where nothing is left to be committed, as with most requests, or
    /// the store keeps nobody waiting. `is_error` where it is a server's error.
    pub(crate) fn finish_at_once(&self, is_error: bool) -> Option<Finished> {
        let shared = &*self.0.shared;
        let answer = self.answer_to_come();
        let mut state = self.0.state.try_lock()?;
        if state.has_failed() || self.has_given_up() {
            return None;
        }
        state.closing = true;
        if is_error {
            state.give_login_up();
        }
        if shared.settings.save_uninitialized {
            if let Err(error) = state.load_now(shared)? {
                return Some(self.close(&mut state, Err(error)));
            }
        } else if state.is_settled(shared, answer) {
            return Some(self.close(&mut state, Ok(())));
        }
        let kept = state.commit_now(shared, answer)?;
        if matches!(kept, Err(Error::Gone))
            && let (Kind::Stored(store), Some((name, key))) = (&shared.kind, state.missed.take())
        {
            let loaded = store.load_now(&key);
            tell_of_loss(name, matches!(loaded, Some(Ok(Loaded::Replaced))));
        }
        Some(self.close(&mut state, kept))
    }

    /// Commits what is left, and says what becomes of the answer.
    pub(crate) async fn finish(&self, is_error: bool) -> Finished {
        let shared = &*self.0.shared;
        let settings = &shared.settings;
        let answer = self.answer_to_come();
        let mut state = self.0.state.lock().await;
        state.closing = true;
        if is_error {
            state.give_login_up();
        }
        let mut kept = Ok(());
        if settings.save_uninitialized {
            kept = state.load(shared).await;
        }
        if kept.is_ok() && !state.has_failed() && !self.has_given_up() {
            kept = state.commit(shared, answer).await;
        }
        if matches!(kept, Err(Error::Gone))
            && let (Kind::Stored(store), Some((name, key))) = (&shared.kind, state.missed.take())
        {
            let loaded = store.load(&key).await;
            tell_of_loss(name, matches!(loaded, Ok(Loaded::Replaced)));
        }
        self.close(&mut state, kept)
    }

    /// What the browser is told, after a commit that went as `kept` says.
    fn close(&self, state: &mut State, kept: Result<(), Error>) -> Finished {
        let shared = &*self.0.shared;
        let settings = &shared.settings;
        let sends_cookies = self.answer_to_come() == Answer::Open;
        let failed = state.has_failed() || self.has_given_up();
        let outage = failed || matches!(kept, Err(Error::Store(_)));
        let refused = match kept {
            _ if outage && settings.on_outage == OnOutage::Refuse => Some(Refused::Outage),
            _ if outage => None,
            // What became of one that is gone is told where that is known.
            Ok(()) | Err(Error::Gone) => None,
            Err(error) => {
                tracing::error!(%error, "a session cannot be kept");
                Some(Refused::Unkept)
            }
        };
        self.0.progress.send();
        if outage {
            state.forget_changes();
        }
        let starts_over = settings.rolling || state.modified;
        let rolls = settings.rolling && settings.express.is_some();
        // Express sends again whenever it is told to roll.
        let again = starts_over && (rolls || state.max_age(shared).is_some());
        if state.out.is_none() && (again || state.is_stale()) {
            state.send_again(shared);
        }
        // What is committed is told, even beside a refusal: the old id may be good for nothing.
        let out = state.out.take();
        if let Some(Out::Set { .. }) = &out
            && !sends_cookies
        {
            shared.tell_of_plain_http();
        }
        let https = self.0.https.unwrap_or(false);
        let cookie = out.filter(|_| sends_cookies).map(|out| match out {
            Out::Set { id, max_age } => {
                let attributes = state.value(COOKIE).map(|json| &**json);
                let id = &id;
                let sent = Sent {
                    id,
                    max_age,
                    attributes,
                };
                settings.line(&sent, https)
            }
            Out::Delete => settings.cookie.deletion(https),
        });
        let involved = state.involved || matches!(state.place, Place::Closed);
        Finished {
            cookie,
            involved,
            refused,
        }
    }
}

/// Says that what a request has changed is lost, since its session was gone meanwhile.
fn tell_of_loss(session: SessionFingerprint, is_replaced: bool) {
    if is_replaced {
        tracing::warn!(
            session.fp = %session,
            "what a request has changed is not kept: another one has logged in or cycled the id meanwhile, \
             and the old id may be that of somebody who has planted it"
        );
    } else {
        tracing::debug!(session.fp = %session, "a session was ended while a request was changing it");
    }
}

/// Sessions that were to be ended, and were not: that the others are does not make up for it. What the
/// handler does not wait for, as under a time limit of its own, is taken for not done.
#[derive(Debug, Default)]
pub(super) struct Unended {
    /// The request's own.
    pub(super) own: bool,
    /// All others of its user.
    pub(super) others: bool,
}

impl State {
    /// Whether the store failed in a way that nothing has made up for. That something else was done since
    /// does not make up for what was to be ended.
    const fn has_failed(&self) -> bool {
        self.failed || self.unended.own || self.unended.others
    }

    /// Takes note of whether the session was ended.
    pub(super) fn ended<T>(&mut self, ended: Result<T, StoreError>) -> Result<T, Error> {
        self.unended.own = ended.is_err();
        ended.map_err(|error| self.fail(error))
    }

    /// Commits no login, nor what goes with it, of a handler that has failed behind it: what it had still to
    /// look up, or to write down, may have been what the login hangs on.
    fn give_login_up(&mut self) {
        if !matches!(self.user, UserChange::Set { .. }) {
            return;
        }
        self.forget_changes();
        tracing::warn!(
            "a login is not kept, nor what else its request has changed: the answer is a server's error. \
             Where it is to stand all the same, call `save` behind `login`"
        );
    }

    /// Whether there is anything to be committed that would be missed.
    pub(super) fn is_dirty(&self) -> bool {
        !self.changes.is_empty() || self.user != UserChange::Keep || self.cycle
    }

    /// Whether nothing but some of the session's time is lost where this is not committed.
    pub(super) fn is_spared(&self, change: &SessionChange) -> bool {
        change.is_touch() && !self.cycle && self.idle.is_none() && self.lifetime.is_none()
    }

    /// Whether the client's cookie is to be made anew: a secret that is not the first has signed it.
    fn is_stale(&self) -> bool {
        matches!(&self.place, Place::Live(live) if live.id.stale)
    }
}
