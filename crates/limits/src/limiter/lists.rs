//! Keys that are always or never let through.

use std::collections::HashSet;
use std::time::Duration;

use panoply_core::StoreError;

use super::{Limiter, Rejection, Standing};

/// A limiter with a list of keys that are always let through and one of keys that never are.
///
/// The allow list is asked first. Nothing of a listed key is counted, unless
/// [`run_action_anyway`](Self::run_action_anyway) says so.
#[derive(Debug, Clone)]
pub struct Lists {
    limiter: Limiter,
    allow: HashSet<String>,
    deny: HashSet<String>,
    anyway: bool,
}

/// What JavaScript calls `Number.MAX_SAFE_INTEGER`, which stands for without end.
const WITHOUT_END: i64 = 9_007_199_254_740_991;

impl Lists {
    /// `limiter`, with nobody listed.
    pub fn new(limiter: Limiter) -> Self {
        Self {
            limiter,
            allow: HashSet::new(),
            deny: HashSet::new(),
            anyway: false,
        }
    }

    /// Keys that are always let through (rate-limiter-flexible's `whiteList`).
    #[must_use]
    pub fn allow<T: Into<String>>(mut self, keys: impl IntoIterator<Item = T>) -> Self {
        self.allow.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Keys that never are (rate-limiter-flexible's `blackList`).
    #[must_use]
    pub fn deny<T: Into<String>>(mut self, keys: impl IntoIterator<Item = T>) -> Self {
        self.deny.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Counts listed keys as well.
    #[must_use]
    pub const fn run_action_anyway(mut self, anyway: bool) -> Self {
        self.anyway = anyway;
        self
    }

    /// Takes `points` of `key`, unless it is listed.
    ///
    /// # Errors
    ///
    /// When the key is denied or the limiter refuses.
    pub async fn consume(&self, key: &str, points: u32) -> Result<Standing, Rejection> {
        let Some(standing) = self.listed(key) else {
            return self.limiter.consume(key, points).await;
        };
        if self.anyway {
            drop(self.limiter.consume(key, points).await);
        }
        if self.allow.contains(key) {
            Ok(standing)
        } else {
            Err(Rejection::Limited(standing))
        }
    }

    /// [`Limiter::penalty`], unless `key` is listed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn penalty(&self, key: &str, points: u32) -> Result<Standing, StoreError> {
        match self.listed(key) {
            Some(standing) if !self.anyway => Ok(standing),
            listed => {
                let standing = self.limiter.penalty(key, points).await;
                listed.map_or(standing, Ok)
            }
        }
    }

    /// [`Limiter::reward`], unless `key` is listed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn reward(&self, key: &str, points: u32) -> Result<Standing, StoreError> {
        match self.listed(key) {
            Some(standing) if !self.anyway => Ok(standing),
            listed => {
                let standing = self.limiter.reward(key, points).await;
                listed.map_or(standing, Ok)
            }
        }
    }

    /// [`Limiter::block`], unless `key` is listed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn block(&self, key: &str, duration: Duration) -> Result<Standing, StoreError> {
        match self.listed(key) {
            Some(standing) if !self.anyway => Ok(standing),
            listed => {
                let standing = self.limiter.block(key, duration).await;
                listed.map_or(standing, Ok)
            }
        }
    }

    /// How `key` stands.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn get(&self, key: &str) -> Result<Option<Standing>, StoreError> {
        match self.listed(key) {
            Some(standing) if !self.anyway => Ok(Some(standing)),
            _ => self.limiter.get(key).await,
        }
    }

    /// [`Limiter::set`], unless `key` is listed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn set(
        &self,
        key: &str,
        points: i64,
        duration: Option<Duration>,
    ) -> Result<Standing, StoreError> {
        match self.listed(key) {
            Some(standing) if !self.anyway => Ok(standing),
            listed => {
                let standing = self.limiter.set(key, points, duration).await;
                listed.map_or(standing, Ok)
            }
        }
    }

    /// [`Limiter::delete`], listed or not.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.limiter.delete(key).await
    }

    fn listed(&self, key: &str) -> Option<Standing> {
        if self.allow.contains(key) {
            Some(Standing::listed(WITHOUT_END, Duration::ZERO))
        } else if self.deny.contains(key) {
            let ages = Duration::from_millis(WITHOUT_END.unsigned_abs());
            Some(Standing::listed(0, ages))
        } else {
            None
        }
    }
}
