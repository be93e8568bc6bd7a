//! What must hold for answers of a directory, whoever it is.

#![allow(clippy::expect_used, reason = "what fails is found")]

use http::Response;
use instant_acme::Error;

use super::{FAREST, HeaderValue, LOCATION, MUST, RETRY_AFTER, Value, endpoint, judge};
use crate::advice::{Of, Tried};
use crate::config::{ChallengeKind, Directory};
use crate::fuzzing::now;

/// A line with the first digit of a status and a `d` for a directory, one with when to come again, one
/// with where to go, and a body: refused with advice, or one whose calls can be made; nothing is put
/// off beyond reason.
pub fn acme_answer(data: &[u8]) {
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let first = line();
    let status = match first.first() {
        Some(b'3') => 302,
        Some(b'4') => 403,
        Some(b'9') => 429,
        Some(b'5') => 503,
        _ => 200,
    };
    let is_directory = first.ends_with(b"d");
    let mut response = Response::builder().status(status);
    for name in [RETRY_AFTER, LOCATION] {
        if let Ok(value) = HeaderValue::from_bytes(line()) {
            response = response.header(name, value);
        }
    }
    let (mut parts, ()) = response.body(()).expect("a response").into_parts();
    let body = line();
    let judged = judge(&mut parts, body, is_directory, now());
    if let Some(pause) = parts.headers.get(RETRY_AFTER) {
        let pause: u64 = pause.to_str().expect("digits").parse().expect("digits");
        assert!(pause <= FAREST.as_secs());
    }
    let Err(unusable) = judged else {
        if is_directory && parts.status.is_success() {
            let named: Value = serde_json::from_slice(body).expect("it was read");
            let url = |key: &str| endpoint(named.get(key)?.as_str()?);
            assert!(MUST.into_iter().all(|key| url(key).is_some()));
        }
        return;
    };
    let error = Error::Other(Box::new(unusable));
    let (directory, names) = (Directory::lets_encrypt(), ["shop.example".to_owned()]);
    let kinds = [
        ChallengeKind::Http01,
        ChallengeKind::Dns01,
        ChallengeKind::TlsAlpn01,
    ];
    let orders = kinds.map(Of::Challenge);
    for of in orders
        .into_iter()
        .chain([Of::Account { is_external: true }])
    {
        let tried = Tried {
            directory: &directory,
            names: &names,
            of,
        };
        let failure = tried.error(&error);
        for text in [&failure.problem, &failure.advice] {
            assert!(
                !text.is_empty() && !text.contains(char::is_control),
                "{text:?}"
            );
        }
    }
}
