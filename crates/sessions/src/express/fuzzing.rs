//! What must hold for sessions in a store that an Express app writes too.

#![allow(clippy::expect_used, reason = "what fails is found")]

use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use panoply_cookies::SetCookie;
use panoply_core::{Moment, SessionDocument, SessionKey};

use super::{COOKIE, ExpressCookie, document};

/// A document: refused, or written and read it has the same values, user and times.
pub fn express_session(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (key, day) = (SessionKey::from_hash([7; 32]), Duration::from_hours(24));
    let now = Moment::from_micros(1_760_000_000_000_000);
    let left = data.len().is_multiple_of(2).then_some(day / 2);
    let read = |text: &str, left| {
        let document = SessionDocument::new(text.to_owned(), left);
        document::read(&document, &key, now, day)
    };
    let Ok(record) = read(text, left) else {
        return;
    };
    let (written, lasts) = document::write(&record, None, now, day).expect("it was JSON");
    let again = read(&written, Some(lasts)).expect("it was written here");
    let values = |record: &panoply_core::SessionRecord| -> Vec<_> {
        let values = record.values.iter().filter(|(name, _)| &***name != COOKIE);
        values
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    assert_eq!(values(&again), values(&record), "{written}");
    assert_eq!(again.user, record.user);
    let _ = document::lasts(&record, now, day);
}

/// The `cookie` in it: written it is the same, and its line is one that a browser takes.
pub fn express_cookie(data: &[u8]) {
    let Some(mut cookie) = ExpressCookie::parse(data) else {
        return;
    };
    assert_eq!(ExpressCookie::parse(&cookie.json()).as_ref(), Some(&cookie));
    let now = Timestamp::from_second(1_760_000_000).expect("a moment");
    let line = cookie.line("connect.sid", "s%3Aa.b", now);
    assert!(HeaderValue::from_str(&line).is_ok(), "{line:?}");
    let set = SetCookie::parse(line.as_bytes()).expect("a browser keeps it");
    assert_eq!(
        (set.name(), set.value()),
        (&b"connect.sid"[..], &b"s%3Aa.b"[..])
    );
    cookie.start_over(now);
    let _ = cookie.lasts(now, Duration::from_secs(1));
}
