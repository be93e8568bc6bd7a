//! What is in a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use panoply_core::{Committed, SessionChange};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state::{Place, State, is_reserved};
use super::{Session, read, write};
use crate::Error;
use crate::sessions::Kind;

impl Session {
    /// The value of that name.
    ///
    /// # Errors
    ///
    /// When it is of another type.
    pub async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let state = self.loaded().await?;
        read(name, state.value(name))
    }

    /// Sets a value, in place of an earlier one of that name. Whatever serde writes as JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON, the name begins with `panoply.`, or the session would be too large.
    pub async fn insert<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), Error> {
        let name = self.own(name)?;
        let json = write(name, value)?;
        let mut state = self.loaded().await?;
        state.set(name, Some(json), self.0.shared.settings.most_bytes)
    }

    /// Takes a value out; says whether it was there.
    ///
    /// # Errors
    ///
    /// When the name begins with `panoply.`.
    pub async fn remove(&self, name: &str) -> Result<bool, Error> {
        let name = self.own(name)?;
        let mut state = self.loaded().await?;
        let there = state.value(name).is_some();
        state.set(name, None, usize::MAX)?;
        Ok(there)
    }

    /// Takes a value out and gives it.
    ///
    /// # Errors
    ///
    /// When it is of another type; it then stays.
    pub async fn take<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let name = self.own(name)?;
        let mut state = self.loaded().await?;
        let value = read(name, state.value(name))?;
        state.set(name, None, usize::MAX)?;
        Ok(value)
    }

    /// Makes a value of its earlier self, so that nothing is lost though others do so at the same
    /// moment: a counter that a hundred requests raise by one is a hundred larger. It is committed
    /// at once; `f` may be called more than once.
    ///
    /// ```
    /// # async fn count(session: panoply_sessions::Session) -> Result<u64, panoply_sessions::Error> {
    /// session.update("views", |views: Option<u64>| views.unwrap_or(0) + 1).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get) and [`insert`](Self::insert); [`Error::Gone`] when the session was
    /// destroyed meanwhile; [`Error::Contended`] when others were faster a thousand times.
    pub async fn update<T, F>(&self, name: &str, mut f: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        let name = self.own(name)?;
        let shared = &self.0.shared;
        let mut state = self.loaded().await?;
        for _ in 0..TRIES {
            let value = f(read(name, state.value(name))?);
            let json = write(name, &value)?;
            let (Place::Live(live), Kind::Stored(store)) = (&state.place, &shared.kind) else {
                state.set(name, Some(json), shared.settings.most_bytes)?;
                state.commit(shared, self.answer()).await?;
                return Ok(value);
            };
            let most = shared.settings.most_bytes;
            let change = SessionChange::new()
                .set(name, json.clone())
                .most_bytes(most);
            let change = change.if_version(live.record.version);
            let committed = store.commit(&live.key, &change).await;
            match committed.map_err(|error| state.fail(error))? {
                Committed::Done(stamp) => {
                    state.changes.remove(name);
                    state.took(name, json, stamp);
                    return Ok(value);
                }
                Committed::Stale => state.look_again(shared).await?,
                Committed::TooLarge { bytes } => return Err(Error::TooLarge { bytes, most }),
                _ => {
                    state.place = Place::Closed;
                    return Err(Error::Gone);
                }
            }
        }
        Err(Error::Contended {
            name: name.to_owned(),
            tries: TRIES,
        })
    }

    /// Keeps a message for the next page: whoever reads it with [`flashed`](Self::flashed) takes it
    /// out.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub async fn flash<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), Error> {
        self.insert(&flash(name), value).await
    }

    /// A message that [`flash`](Self::flash) has kept, once. Two requests at the same moment may
    /// both see it.
    ///
    /// # Errors
    ///
    /// When it is of another type.
    pub async fn flashed<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        self.take(&flash(name)).await
    }

    /// The names of all values.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn names(&self) -> Result<Vec<Arc<str>>, Error> {
        Ok(self.loaded().await?.names())
    }
}

/// How often a value is made of its earlier self before it is given up. Of those that try at once
/// one succeeds each time.
const TRIES: u32 = 1000;

fn flash(name: &str) -> String {
    format!("flash.{name}")
}

impl Session {
    /// The name, if the app may have it.
    fn own<'n>(&self, name: &'n str) -> Result<&'n str, Error> {
        let express = name == "cookie" && self.0.shared.settings.express.is_some();
        if is_reserved(name) || express {
            let name = name.to_owned();
            return Err(Error::Reserved { name });
        }
        Ok(name)
    }
}

impl State {
    /// The names of all values, but for those of the layer itself.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let kept = self
            .record()
            .into_iter()
            .flat_map(|record| record.values.iter());
        let mut names: BTreeMap<&Arc<str>, bool> = kept.map(|(name, _)| (name, true)).collect();
        names.extend(self.changes.iter().map(|(name, to)| (name, to.is_some())));
        let there = names.into_iter().filter(|(_, there)| *there);
        let own = there.filter(|(name, _)| !is_reserved(name));
        own.map(|(name, _)| name.clone()).collect()
    }
}
