//! Cookies of one request.

use anyhow::Result;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::{Told, nanos};
use crate::paths::Path;
use crate::paths::cookies::{guard, sent_back};

const CALLS: u32 = 20_000;

/// So many, the last of them a session's.
pub(super) fn run(size: u32) -> Result<Told> {
    let set: Vec<String> = (1..size)
        .map(|number| format!("preference{number}=value-{number}; Path=/"))
        .chain(["connect.sid=s%3AN6KfUAr1Yz2hQzUTjo7hT0BVvWz3Jm2d.Qc0x9tqjX; Path=/".to_owned()])
        .collect();
    let guard = guard()?;
    let request = HeaderMap::from_iter([(COOKIE, sent_back(&guard, &set)?)]);
    let mut answered = HeaderMap::new();
    for line in &set {
        answered.append(SET_COOKIE, HeaderValue::try_from(line)?);
    }
    let inside = guard.clone();
    let mut incoming: Path = Box::new(move |_| {
        let mut headers = request.clone();
        inside.incoming(&mut headers, true).session
    });
    let mut outgoing: Path = Box::new(move |_| {
        let mut headers = answered.clone();
        guard.outgoing(&mut headers, true)
    });
    let incoming = nanos(&mut incoming, CALLS)?;
    Ok(vec![
        ("in", incoming),
        ("out", nanos(&mut outgoing, CALLS)?),
    ])
}
