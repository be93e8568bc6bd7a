//! How often the app has ended by itself: between two ends it is up, and nothing else says that there was one.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use panoply_tls::Date;

#[derive(Debug, Default)]
pub(crate) struct Falls(Mutex<Option<Fall>>);

#[derive(Debug)]
struct Fall {
    times: u32,
    status: String,
    at: SystemTime,
}

impl Falls {
    /// It has ended once more.
    pub(crate) fn note(&self, status: &str, at: SystemTime) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = last.as_ref().map_or(0, |last| last.times);
        *last = Some(Fall {
            times: times.saturating_add(1),
            status: status.to_owned(),
            at,
        });
    }

    /// What follows how it stands now.
    pub(crate) fn told(&self) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|Fall { times, status, at }| {
            let often = match times {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            };
            format!(
                "; it has ended by itself {often}, last {} ({status})",
                Date::from(*at)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_last_end_is_told_of_with_how_many_there_were() {
        let falls = Falls::default();
        assert_eq!(falls.told(), None);
        falls.note("exit status: 7", UNIX_EPOCH);
        let told = falls.told().unwrap();
        assert_eq!(
            told,
            "; it has ended by itself once, last 1970-01-01 00:00 UTC (exit status: 7)"
        );
        falls.note("signal: 9 (SIGKILL)", UNIX_EPOCH + Duration::from_mins(5));
        let told = falls.told().unwrap();
        assert!(
            told.contains("2 times, last 1970-01-01 00:05 UTC (signal: 9 (SIGKILL))"),
            "{told}"
        );
    }
}
