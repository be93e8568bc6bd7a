//! Several limiters that must all agree.

use panoply_core::StoreError;

use super::{Limiter, Rejection, Standing};
use crate::Error;

/// Several limiters that must all agree, each with the same key and points.
///
/// As in rate-limiter-flexible, what one of them refuses still counts with the others. Where a
/// refusal must cost nothing elsewhere, send one decision of
/// [`Action::Reserve`](panoply_core::Action::Reserve) to the store instead.
#[derive(Debug, Clone)]
pub struct Union {
    limiters: Vec<Limiter>,
}

/// Why a union refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnionRejection {
    /// Those that refused, by their key prefix.
    #[error("a limit of {} is reached", .0.len())]
    Limited(Vec<(String, Standing)>),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Union {
    /// A union of `limiters`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn new(limiters: impl IntoIterator<Item = Limiter>) -> Result<Self, Error> {
        let limiters: Vec<Limiter> = limiters.into_iter().collect();
        if limiters.is_empty() {
            return Err(Error::EmptyUnion);
        }
        Ok(Self { limiters })
    }

    /// Takes `points` of `key` from each: how it stands with each, by key prefix.
    ///
    /// # Errors
    ///
    /// When one refuses: those that did; or when a store fails.
    pub async fn consume(
        &self,
        key: &str,
        points: u32,
    ) -> Result<Vec<(String, Standing)>, UnionRejection> {
        let mut granted = Vec::new();
        let mut refused = Vec::new();
        for limiter in &self.limiters {
            let name = limiter.key_prefix().to_owned();
            match limiter.consume(key, points).await {
                Ok(standing) => granted.push((name, standing)),
                Err(Rejection::Limited(standing)) => refused.push((name, standing)),
                Err(Rejection::Store(error)) => return Err(UnionRejection::Store(error)),
            }
        }
        if refused.is_empty() {
            Ok(granted)
        } else {
            Err(UnionRejection::Limited(refused))
        }
    }
}
