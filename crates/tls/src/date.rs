//! How a date is shown.

use std::fmt;
use std::time::SystemTime;

/// Shows a point in time as `2030-01-31 12:00 UTC`.
#[derive(Debug)]
pub(crate) struct Date(pub(crate) SystemTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::try_from(self.0) {
            Ok(time) => write!(f, "{}", time.strftime("%Y-%m-%d %H:%M UTC")),
            Err(_) => f.write_str("a date beyond the calendar"),
        }
    }
}
