//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(clippy::expect_used, reason = "what fails is found")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::{ChallengeKind, Directory};
use crate::issuer::{Failure, Fault, Window};
use crate::plan::{Due, Life, Record, moment};

pub use crate::transport::fuzz::acme_answer;

/// What is kept of a certificate, damaged or from a clock that was wrong: it never says that nothing is
/// due for longer than a directory may put an order off, and written it is the same.
pub fn acme_record(data: &[u8]) {
    let mut record = Record::read(Some(data));
    let text = serde_json::to_vec(&record).expect("it can be written");
    assert_eq!(Record::read(Some(&text)), record);
    let day = 24 * 60 * 60;
    let now = 20_000 * day;
    let life = Life {
        start: now - 30 * day,
        end: now + 60 * day,
    };
    for life in [None, Some(life)] {
        let before = record.due(life, now);
        if let Due::Wait(until) = before {
            let most = life.map_or(now + 9 * day, |life| life.end);
            assert!(
                until > now && until <= most,
                "{record:?} waits until {until}"
            );
        }
        let mut begun = record.clone();
        begun.begin(life, now, 0.5);
        let _ = begun.due(life, now);
        let _ = record.broken_off(&begun, now);
        begun.fail(&Failure::new(Fault::Directory, "a", "b"), now);
        let _ = (begun.due(life, now), begun.kinds(&[ChallengeKind::Http01]));
    }
    record.adapt("https://other.example/", now);
    record.asks("https://other.example/", now);
    let again = Duration::from_secs(record.ask_at);
    let window = Window::new(moment(record.renew_at), moment(record.not_before), again);
    record.told(Some(window), now, 0.9);
    let _ = record.due(Some(life), now);
}

/// A directory as the configuration names it: refused with a sentence, or one that can be asked.
pub fn acme_directory(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match text.parse::<Directory>() {
        Ok(directory) => {
            let url = crate::transport::endpoint(directory.url());
            assert!(url.is_some(), "{directory}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The moment of all fuzzed answers.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000)
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[
        ("acme_answer", acme_answer),
        ("acme_record", acme_record),
        ("acme_directory", acme_directory),
    ]);
}
