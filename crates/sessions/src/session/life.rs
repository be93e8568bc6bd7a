//! The session as a whole: whose it is, its id, its end.

use std::time::Duration;

use panoply_core::{Destroy, SessionInfo, UserKey};

use super::state::{Place, REMEMBER, State, USER};
use super::{End, Session, read, write};
use crate::keeper::Keeper;
use crate::sessions::Shared;
use crate::{CookieConfig, Error, Sessions, user_key};

impl Session {
    /// Who is logged in.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn user(&self) -> Result<Option<String>, Error> {
        let state = self.loaded().await?;
        read(USER, state.value(USER))
    }

    /// Logs a user in: call it when the password was right, with whatever the app calls its users
    /// by.
    ///
    /// The session gets a new id, and the old one is good for nothing from the commit on, so that
    /// nobody who has planted it gets in. What is in it stays; but a session of another user's is
    /// ended at once, with all that this request has inserted so far. Its lifetime starts over, and
    /// of the user's other sessions those are ended that are too many
    /// ([`most_per_user`](crate::SessionConfig::most_per_user)).
    ///
    /// What other requests of this session that are under way have changed and not committed is dropped,
    /// and the log says so: nobody can tell them from those of who has planted the old id. They are
    /// answered as their handlers say.
    ///
    /// It is committed with the answer. If that is a server's error (5xx), as of a handler that has failed
    /// or panicked behind the login, nobody is logged in and nothing else of this request is kept; the log
    /// says so. Where it is to stand whatever comes, [`save`](Self::save) it.
    ///
    /// # Errors
    ///
    /// When the session would be too large.
    pub async fn login(&self, user: &str) -> Result<(), Error> {
        let (key, name) = (user_key(user), write(USER, user)?);
        let mut state = self.loaded().await?;
        let earlier = state.record().and_then(|record| record.user);
        if earlier.is_some_and(|earlier| earlier != key) {
            state.destroy(&self.0.shared).await?;
        }
        state.log_in(key, name, &self.0.shared)
    }

    /// Logs the user out by [destroying](Self::destroy) the session.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn logout(&self) -> Result<(), Error> {
        self.destroy().await
    }

    /// Ends the session at once, under every id that leads to it, and drops the cookie. No request
    /// on its way brings it back. What is inserted afterwards is in a session of its own.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn destroy(&self) -> Result<(), Error> {
        let mut state = self.state_to_end(End::Own).await;
        state.destroy(&self.0.shared).await
    }

    /// Gives the session a new id and keeps what is in it; for when it may do more than before.
    /// [`login`](Self::login) does so by itself, and as with it, what other requests that are under way
    /// have changed and not committed is dropped.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn cycle_id(&self) -> Result<(), Error> {
        let mut state = self.loaded().await?;
        state.cycle = matches!(state.place, Place::Live(_));
        Ok(())
    }

    /// Ends the session and begins another one that is empty, as express-session does.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn regenerate(&self) -> Result<(), Error> {
        self.destroy().await
    }

    /// Keeps the session over the end of the browser, for `time` in all and without a request; 400
    /// days at most.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn remember(&self, time: Duration) -> Result<(), Error> {
        let time = time.min(CookieConfig::MOST_MAX_AGE);
        let json = write(REMEMBER, &time.as_secs())?;
        let mut state = self.loaded().await?;
        state.set(REMEMBER, Some(json), self.0.shared.settings.most_bytes)?;
        (state.idle, state.lifetime) = (Some(time), Some(time));
        Ok(())
    }

    /// Another idle time for this session than [`SessionConfig::idle`](crate::SessionConfig::idle)'s.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn expire_after(&self, idle: Duration) -> Result<(), Error> {
        self.loaded().await?.idle = Some(idle);
        Ok(())
    }

    /// All sessions of the user who is logged in, this one among them unless it is new; a thousand
    /// at most.
    ///
    /// # Errors
    ///
    /// [`Error::NoUser`] when nobody is logged in.
    pub async fn list(&self) -> Result<Vec<SessionInfo>, Error> {
        let user = self.user().await?.ok_or(Error::NoUser)?;
        self.sessions().list(&user, None, 1000).await
    }

    /// Ends all other sessions of the user who is logged in; says how many there were.
    ///
    /// # Errors
    ///
    /// [`Error::NoUser`] when nobody is logged in.
    pub async fn revoke_others(&self) -> Result<usize, Error> {
        let mut state = self.state_to_end(End::Others).await;
        // One that failed before is not made up for by one that finds nothing to do.
        let earlier = std::mem::replace(&mut state.unended.others, true);
        state.load(&self.0.shared).await?;
        let (user, store) = match whose(&state, &self.0.shared) {
            Ok(found) => found,
            Err(error) => {
                state.unended.others = earlier;
                return Err(error);
            }
        };
        let key = match &state.place {
            Place::Live(live) => Some(live.key.clone()),
            _ => None,
        };
        let all = Destroy::User {
            user: &user,
            except: key.as_ref(),
        };
        let ended = store.destroy(all).await;
        state.unended.others = ended.is_err();
        ended.map_err(|error| state.fail(error))
    }

    /// The sessions of the layer that this one came from.
    pub fn sessions(&self) -> Sessions {
        Sessions(self.0.shared.clone())
    }
}

/// The user whose sessions are to be ended, and where they are.
fn whose<'s>(state: &State, shared: &'s Shared) -> Result<(UserKey, &'s Keeper), Error> {
    let user: Option<String> = read(USER, state.value(USER))?;
    Ok((user_key(&user.ok_or(Error::NoUser)?), shared.store()?))
}
