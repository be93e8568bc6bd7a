//! The cookie guard both ways, and the seal by itself.

use std::time::Duration;

use anyhow::Result;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use panoply::cookies::Sealer;
use panoply::guard::CookieGuard;
use panoply::{CookieGuardConfig, KeyRing};
use panoply_core::CounterKeys;

use super::Path;

/// A guard as it is by default.
pub(crate) fn guard() -> Result<CookieGuard> {
    let config = CookieGuardConfig::new();
    let guard = config.build(
        &KeyRing::random()?,
        &CounterKeys::new([7; 16]),
        "shop.example",
    );
    Ok(guard?)
}

/// What a client sends back of the cookies that the guard has let out.
pub(crate) fn sent_back(guard: &CookieGuard, set: &[String]) -> Result<HeaderValue> {
    let mut headers = HeaderMap::new();
    for line in set {
        headers.append(SET_COOKIE, HeaderValue::try_from(line)?);
    }
    guard.outgoing(&mut headers, true);
    let lines = headers.get_all(SET_COOKIE).iter();
    let pairs = lines.filter_map(|line| line.to_str().ok()?.split(';').next());
    Ok(HeaderValue::try_from(pairs.collect::<Vec<_>>().join("; "))?)
}

const SESSION: &str =
    "connect.sid=s%3AN6KfUAr1Yz2hQzUTjo7hT0BVvWz3Jm2d.Qc0x9tqjXh2mUe8b7PzF; Path=/; HttpOnly";

/// Three cookies, one of them a session's under another name.
pub(super) fn incoming() -> Result<Path> {
    let guard = guard()?;
    let set = [SESSION.to_owned(), "theme=dark".into(), "lang=de".into()];
    let request = HeaderMap::from_iter([(COOKIE, sent_back(&guard, &set)?)]);
    Ok(Box::new(move |_| {
        let mut headers = request.clone();
        guard.incoming(&mut headers, true).session
    }))
}

/// A session's cookie that is set.
pub(super) fn outgoing() -> Result<Path> {
    let guard = guard()?;
    let set = HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_static(SESSION))]);
    Ok(Box::new(move |_| {
        let mut headers = set.clone();
        guard.outgoing(&mut headers, true)
    }))
}

const VALUE: &[u8] = br#"{"user":"ada","cart":[1,2,3,4,5,6,7,8],"theme":"dark","lang":"de"}"#;

/// A value that is sealed.
pub(super) fn seal() -> Result<Path> {
    let sealer = Sealer::new(&KeyRing::random()?, "shop.example");
    Ok(Box::new(move |_| {
        let text = sealer.seal("basket", VALUE, Duration::from_hours(1));
        text.is_ok_and(|text| text.len() > VALUE.len())
    }))
}

/// A value that is opened.
pub(super) fn open() -> Result<Path> {
    let sealer = Sealer::new(&KeyRing::random()?, "shop.example");
    let text = sealer.seal("basket", VALUE, Duration::from_hours(1))?;
    Ok(Box::new(move |_| {
        let opened = sealer.open("basket", &text);
        opened.is_ok_and(|opened| opened.value == VALUE)
    }))
}
