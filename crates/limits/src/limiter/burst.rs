//! A rate with a reserve for bursts.

use std::time::Duration;

use panoply_core::StoreError;

use super::{Limiter, Rejection, Standing};

/// A limiter, and a second one that is drawn on when the first has nothing left.
#[derive(Debug, Clone)]
pub struct Burst {
    rate: Limiter,
    burst: Limiter,
}

impl Burst {
    /// `burst` is drawn on when `rate` refuses; their key prefixes must differ.
    pub const fn new(rate: Limiter, burst: Limiter) -> Self {
        Self { rate, burst }
    }

    /// Takes `points` of `key`; the standing is the rate's.
    ///
    /// # Errors
    ///
    /// When both refuse, or a store fails.
    pub async fn consume(&self, key: &str, points: u32) -> Result<Standing, Rejection> {
        let rate = match self.rate.consume(key, points).await {
            Err(Rejection::Limited(rate)) => rate,
            other => return other,
        };
        match self.burst.consume(key, points).await {
            Ok(burst) => Ok(sooner(rate, Some(&burst))),
            Err(Rejection::Limited(burst)) => Err(Rejection::Limited(sooner(rate, Some(&burst)))),
            Err(error) => Err(error),
        }
    }

    /// How `key` stands, if the rate knows anything of it.
    ///
    /// # Errors
    ///
    /// When a store fails.
    pub async fn get(&self, key: &str) -> Result<Option<Standing>, StoreError> {
        let Some(rate) = self.rate.get(key).await? else {
            return Ok(None);
        };
        let burst = self.burst.get(key).await?;
        Ok(Some(sooner(rate, burst.as_ref())))
    }
}

/// The rate's standing, with the sooner of both ends.
fn sooner(rate: Standing, burst: Option<&Standing>) -> Standing {
    let Some(burst) = burst else {
        return rate.waiting(Some(Duration::ZERO));
    };
    let ends = [rate.before_next(), burst.before_next()];
    rate.waiting(ends.into_iter().flatten().min())
}
