//! How a date is shown.

use std::fmt;
use std::time::SystemTime;

/// A point in time as people are shown it: `2030-01-31 12:00 UTC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub(crate) SystemTime);

impl From<SystemTime> for Date {
    fn from(moment: SystemTime) -> Self {
        Self(moment)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::try_from(self.0) {
            Ok(time) => write!(f, "{}", time.strftime("%Y-%m-%d %H:%M UTC")),
            Err(_) => f.write_str("a date beyond the calendar"),
        }
    }
}
