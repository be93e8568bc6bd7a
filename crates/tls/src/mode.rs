//! The words of the `[tls]` table.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::error::Error;
use crate::nearest::Nearest;

/// Where certificates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum Mode {
    /// `local`: from an authority of our own in the state directory. It is trusted by nobody until
    /// its `ca.pem` is put into a browser's or system's store.
    Local,
    /// `files`: from PEM files, read again when they change.
    Files,
    /// `acme`: from an ACME directory such as Let's Encrypt, and from the local authority until they
    /// have come.
    Acme,
    /// `off`: no TLS at all. Whoever stands in front must bring it.
    Off,
}

impl Mode {
    const WORDS: [(&'static str, Self); 4] = [
        ("local", Self::Local),
        ("acme", Self::Acme),
        ("files", Self::Files),
        ("off", Self::Off),
    ];
}

/// Which versions and cipher suites are spoken, by Mozilla's recommendations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum Profile {
    /// `intermediate`, the default: TLS 1.3 and 1.2 with forward secrecy and AEAD only. Reaches
    /// every client of the last ten years.
    #[default]
    Intermediate,
    /// `modern`: TLS 1.3 only. Reaches every browser since 2019.
    Modern,
}

impl Profile {
    const WORDS: [(&'static str, Self); 2] = [
        ("intermediate", Self::Intermediate),
        ("modern", Self::Modern),
    ];
}

macro_rules! words {
    ($type:ty, $key:literal, $accepted:literal) => {
        impl FromStr for $type {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self, Error> {
                let known = <$type>::WORDS;
                if let Some((_, value)) = known.iter().find(|(known, _)| *known == word) {
                    return Ok(*value);
                }
                Err(Error::Word {
                    key: $key,
                    word: word.to_owned(),
                    nearest: Nearest::of(word, &known.map(|(known, _)| known)),
                    accepted: $accepted,
                })
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(word: String) -> Result<Self, Error> {
                word.parse()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let word = <$type>::WORDS.into_iter().find(|(_, value)| value == self);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }
    };
}

words!(Mode, "mode", "`acme`, `files`, `local` or `off`");
words!(Profile, "profile", "`intermediate` or `modern`");
