//! A length of time as people write it.

use std::fmt;
use std::time::Duration;

/// A length of time as a configuration has it: `1d`, `1h 30m`, `250ms`. What is shown so can be written there.
///
/// Days are its largest unit: a month or a year would be so many days and a fraction.
///
/// ```
/// use std::time::Duration;
/// use panoply_core::TimeText;
///
/// assert_eq!(TimeText(Duration::from_secs(86_400)).to_string(), "1d");
/// assert_eq!(TimeText(Duration::from_millis(5_400_250)).to_string(), "1h 30m 250ms");
/// assert_eq!(TimeText(Duration::ZERO).to_string(), "0s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "it is nothing but another look of a duration"
)]
pub struct TimeText(pub Duration);

impl fmt::Display for TimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), u64::from(self.0.subsec_nanos()));
        let parts = [
            (seconds / 86_400, "d"),
            (seconds / 3_600 % 24, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
            (nanos / 1_000_000, "ms"),
            (nanos / 1_000 % 1_000, "us"),
            (nanos % 1_000, "ns"),
        ];
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let mut between = "";
        for (number, unit) in parts.iter().filter(|(number, _)| *number > 0) {
            write!(f, "{between}{number}{unit}")?;
            between = " ";
        }
        Ok(())
    }
}
