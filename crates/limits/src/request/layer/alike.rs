//! What tells the limits of one layer apart.

use std::collections::{HashMap, HashSet};

use super::Limit;
use crate::Error;
use crate::request::LimitConfig;

/// Each with what tells it from the others.
///
/// # Errors
///
/// When one is wrong, or has the name of another for the same domains: by their order alone could they be told apart, and
/// with another before them not any more.
pub(super) fn checked(limits: impl IntoIterator<Item = LimitConfig>) -> Result<Vec<Limit>, Error> {
    let mut names = HashSet::new();
    let mut alike: HashMap<_, u64> = HashMap::new();
    let mut checked = Vec::new();
    for (number, limit) in limits.into_iter().enumerate() {
        let is_named = limit.is_named();
        let mut limit = limit.check()?;
        let name = limit.rule.name().to_owned();
        if is_named && !names.insert((name.clone(), limit.sign)) {
            return Err(Error::NameTaken { number, name });
        }
        let before = alike.entry((name, limit.sign, limit.alike)).or_default();
        limit.alike = limit.alike.wrapping_add(*before);
        *before += 1;
        checked.push(limit);
    }
    Ok(checked)
}
