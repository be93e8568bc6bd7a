//! Reading from a configuration file what is written as text.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{self, Visitor};

use crate::Error;

/// Reads a text through `FromStr`; `what` says what is expected when it is no text at all.
pub(crate) fn from_str<'de, D, T>(from: D, what: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = Error>,
{
    from.deserialize_str(TextVisitor(what, PhantomData))
}

struct TextVisitor<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err = Error>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as text", self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// A duration written as text, such as `365d`, `12h` or `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DurationText(pub(crate) Duration);

impl FromStr for DurationText {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let duration = humantime::parse_duration(text).map_err(|_| {
            Error::form(
                "a duration such as \"365d\", \"12h\" or \"90s\"",
                format!("{text:?}"),
            )
        })?;
        Ok(Self(duration))
    }
}

/// For `#[serde(deserialize_with)]` on an optional duration.
pub(crate) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text: DurationText = from_str(from, "a duration such as \"365d\"")?;
    Ok(Some(text.0))
}
