//! Durations and sizes as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use panoply_core::TimeText;
use serde::{Deserialize, Deserializer, de};

/// A length of time written as text: `"10s"`, `"5m"`, `"1h 30m"`, `"365d"`; ten years at most.
///
/// ```
/// use panoply_gateway::config::Span;
/// use std::time::Duration;
///
/// assert_eq!("1m 30s".parse::<Span>()?.get(), Duration::from_secs(90));
/// assert!("90".parse::<Span>().is_err(), "a unit is needed");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(Duration);

impl Span {
    /// No sum of two of them overflows any clock.
    const LONGEST: Duration = Duration::from_hours(24 * 3650);

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The span itself.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |_| format!("`{text}` is not a length of time: write it as `10s`, `5m` or `1h`");
        let span = humantime::parse_duration(text).map_err(bad)?;
        if span > Self::LONGEST {
            return Err(format!("`{text}` is too long: write `3650d` at most"));
        }
        Ok(Self(span))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TimeText(self.0).fmt(f)
    }
}

/// A number of bytes written as text: `"512"`, `"32KiB"`, `"10MB"`, `"1GiB"`.
///
/// ```
/// use panoply_gateway::config::ByteSize;
///
/// assert_eq!("32KiB".parse::<ByteSize>()?.get(), 32_768);
/// assert_eq!("1.5 MB".parse::<ByteSize>()?.get(), 1_500_000);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(u64);

/// Units from large to small, each with its size.
const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// A size of `bytes`.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a size: write it as `32KiB`, `10MB` or `1GiB`");
        let split = text
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let find = |(name, _): &&(&str, u64)| name.eq_ignore_ascii_case(unit.trim());
        let factor = if unit.is_empty() {
            Some(1)
        } else {
            UNITS.iter().find(find).map(|u| u.1)
        };
        let factor = factor.ok_or_else(bad)?;
        let number = number.trim();
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self).ok_or_else(bad);
        }
        let (whole, fraction) = number.split_once('.').ok_or_else(bad)?;
        if fraction.is_empty() || fraction.len() > 6 {
            return Err(bad());
        }
        let whole = whole
            .parse::<u64>()
            .ok()
            .and_then(|w| w.checked_mul(factor))
            .ok_or_else(bad)?;
        let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(6));
        let part = fraction
            .parse::<u64>()
            .ok()
            .and_then(|f| f.checked_mul(factor))
            .ok_or_else(bad)?;
        whole.checked_add(part / scale).map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, size): &&(&str, u64)| self.0 >= *size && self.0.is_multiple_of(*size);
        match UNITS.iter().find(whole) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

macro_rules! as_text {
    ($type:ty, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    };
}

as_text!(Span, "a length of time as text, such as \"10s\"");
as_text!(ByteSize, "a size as text, such as \"32KiB\"");
pub(super) use as_text;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_shown_as_they_are_written() {
        for (written, shown) in [
            ("1d", "1d"),
            ("365d", "365d"),
            ("40d 1s", "40d 1s"),
            ("36h", "1d 12h"),
            ("30m", "30m"),
            ("0s", "0s"),
        ] {
            let span: Span = written.parse().unwrap();
            assert_eq!(span.to_string(), shown);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "KiB",
            "-1KiB",
            "1XB",
            "1.KiB",
            "1e3",
            "99999999999TiB",
            "1.5.2MB",
            "0x10",
        ] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
        for bad in ["", "10", "-1s", "s", "1 fortnight", "3651d", "99999999999d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_size_printed_and_parsed_is_itself(bytes: u64) {
            let size = ByteSize::bytes(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn a_span_printed_and_parsed_is_itself(seconds in 0_u64..=315_360_000) {
            let span = Span::seconds(seconds);
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
