//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails is found"
)]

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use crate::{ExpressSecret, ExpressSecrets, KeyRing, Sealer, decode, encode};

static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
    let ring = KeyRing::from_text("4d2f0b1c9e8a77665544332211ffeedd").expect("a good key");
    Sealer::new(&ring, "a.example")
});

/// A value that a client sent opens only where it was sealed here, and then it is what was sealed.
pub fn sealed(data: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
    if let Ok(text) = str::from_utf8(data) {
        // The seal's key is in this file: only a fuzzer that broke AES gets through.
        assert!(
            SEALER.open_at("sid", text, now).is_err(),
            "nobody has sealed it"
        );
    }
    assert!(SEALER.unmark("sid", data).is_err(), "nobody has marked it");
    let end = now + Duration::from_mins(1);
    let sealed = SEALER
        .seal_until("sid", data, end)
        .expect("it can be sealed");
    assert_eq!(sealed.len(), Sealer::sealed_len(data.len()));
    let opened = SEALER
        .open_at("sid", &sealed, now)
        .expect("it was sealed here");
    assert!(opened.value == data && !opened.is_stale());
    assert!(SEALER.open_at("sid", &sealed, end).is_err(), "it is over");
    assert!(SEALER.open_at("other", &sealed, now).is_err());
    let marked = SEALER.mark("sid", data).expect("it can be marked");
    assert_eq!(SEALER.unmark("sid", &marked).ok(), Some(data));
    // One letter is another one.
    let at = data.first().map_or(0, |byte| usize::from(*byte)) % sealed.len();
    let mut other = sealed.into_bytes();
    other[at] = if other[at] == b'A' { b'B' } else { b'A' };
    let other = String::from_utf8(other).expect("letters");
    let read = SEALER.open_at("sid", &other, now);
    assert!(read.is_err(), "{other}");
}

/// A cookie of an Express app: what is read of it is what Express reads, and only what is signed counts.
pub fn signed(data: &[u8]) {
    let secrets = ["new", "old"].map(ExpressSecret::danger_of_any_length);
    let secrets = ExpressSecrets::new(secrets);
    let Some(text) = decode(data) else {
        return;
    };
    assert_eq!(secrets.verify(&text), None, "nobody has signed it");
    let written = encode(&text);
    assert_eq!(decode(written.as_bytes()).as_ref(), Some(&text));
    assert!(
        written
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
    );
    let signed = secrets.sign(&text);
    assert_eq!(secrets.verify(&signed), Some((text.as_str(), 0)));
    let own = secrets.sign_cookie("session", &text);
    assert!(secrets.verify_cookie("session", &text, &own).is_some());
    assert!(secrets.verify_cookie("sessions", &text, &own).is_none());
}

/// A file with keys: refused, or written it is the same ring.
pub fn ring(data: &[u8]) {
    let Ok(Ok(ring)) = str::from_utf8(data).map(KeyRing::from_text) else {
        return;
    };
    let text = String::from_utf8(ring.text()).expect("it came from a text");
    let again = KeyRing::from_text(&text).expect("it was written here");
    assert!(again.ids().eq(ring.ids()));
    for line in text.lines() {
        assert!(!format!("{ring:?}").contains(line), "a key is shown");
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[("sealed", sealed), ("signed", signed), ("ring", ring)]);
}
