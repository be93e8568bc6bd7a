//! Whom a rule does not hold for.

use panoply_core::Networks;

use crate::Error;

/// The networks that `exempt` names.
pub(crate) fn exempt(entries: &[String]) -> Result<Networks, Error> {
    networks("exempt", entries)
}

/// The networks that the entries below `key` name, which are not everybody's.
pub(crate) fn networks(key: &'static str, entries: &[String]) -> Result<Networks, Error> {
    let wrong = |problem| Error::Value {
        key,
        problem,
        example: "an address (`192.0.2.7`), a network (`10.0.0.0/8`), or `loopback`, `linklocal` or `uniquelocal`",
    };
    let networks = Networks::parse(entries)
        .map_err(|unknown| wrong(format!("has `{}`{}", unknown.entry, unknown.hint)))?;
    if networks.are_all() {
        return Err(wrong("lets everybody through".to_owned()));
    }
    Ok(networks)
}
