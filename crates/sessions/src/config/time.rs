//! Times as they are written: `30m`, `12h`, `1h 30m`.

use std::fmt;
use std::time::Duration;

use panoply_core::TimeText;
use serde::de::{self, Deserializer, Visitor};

struct Text;

impl Visitor<'_> for Text {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time with its unit, such as \"30s\", \"15m\" or \"12h\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        let time = humantime::parse_duration(text);
        time.map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_str(Text)
}

/// For `#[serde(deserialize_with)]` on what may be missing.
pub(super) fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from).map(Some)
}

/// A time as one writes it, in the largest unit that says it exactly.
pub(super) fn written(time: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "m")];
    let seconds = time.as_secs();
    let exact = |(unit, _): &&(u64, &str)| seconds > 0 && seconds.is_multiple_of(*unit);
    if time.subsec_nanos() > 0 {
        return TimeText(time).to_string();
    }
    match UNITS.iter().find(exact) {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}
