//! What can be wrong with a configuration of headers.

use std::fmt;

/// Why a configuration is refused: where, what, and what to write instead.
///
/// Each carries the dotted [`key`](Error::key) below the `[headers]` table. `Display` says
/// everything in one sentence; [`help`](Error::help) is its second half alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A word that is none of those that may stand here.
    #[error("{}`{found}` is not {what}{}", At(key), Help(self))]
    Unknown {
        /// Where it stands.
        key: String,
        /// What would have been in its place, such as `a directive`.
        what: &'static str,
        /// The word.
        found: String,
        /// What may be written instead, nearest first.
        instead: String,
    },
    /// A value of the wrong form.
    #[error("{}expected {expected}, found {found}{}", At(key), Help(self))]
    Form {
        /// Where it stands.
        key: String,
        /// The form that was found.
        found: String,
        /// The form that is accepted.
        expected: &'static str,
    },
    /// The same thing said twice.
    #[error("{}`{found}` is said twice{}", At(key), Help(self))]
    Twice {
        /// Where the second one stands.
        key: String,
        /// What is said twice.
        found: String,
        /// The other name under which it was said, when that differs.
        other: Option<String>,
    },
    /// A character that no header value can carry, such as a line break.
    #[error(
        "{}the character {found:?} cannot stand in a header{}",
        At(key),
        Help(self)
    )]
    Character {
        /// Where it stands.
        key: String,
        /// The character.
        found: char,
    },
    /// A source of a Content-Security-Policy that does not mean what it seems to.
    #[error("{}{why}{}", At(key), Help(self))]
    Source {
        /// Where it stands.
        key: String,
        /// What is wrong with it.
        why: String,
        /// What to write.
        instead: String,
    },
    /// `preload` without what the preload list asks for.
    #[error(
        "{}`preload` needs `max_age` of at least 365d and `include_subdomains`{}",
        At(key),
        Help(self)
    )]
    Preload {
        /// Where it stands.
        key: String,
    },
    /// Something that has to be there is not.
    #[error("{}{what} is missing{}", At(key), Help(self))]
    Missing {
        /// Where it belongs.
        key: String,
        /// What is missing.
        what: &'static str,
        /// What to write.
        instead: &'static str,
    },
}

impl Error {
    /// Where it stands: a dotted key below the `[headers]` table, such as
    /// `content-security-policy.append.script-src`. An element of an array is named by its number
    /// from 0 (`path.0.x-frame-options`). Empty when the value was read on its own.
    pub fn key(&self) -> &str {
        match self {
            Self::Unknown { key, .. }
            | Self::Form { key, .. }
            | Self::Twice { key, .. }
            | Self::Character { key, .. }
            | Self::Source { key, .. }
            | Self::Preload { key }
            | Self::Missing { key, .. } => key,
        }
    }

    /// What to write instead, if that can be said.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::Unknown { instead, .. } | Self::Source { instead, .. } => instead.clone(),
            Self::Form { .. } => return None,
            Self::Twice {
                other: Some(other), ..
            } => format!("remove `{other}`"),
            Self::Twice { .. } => "remove one of them".to_owned(),
            Self::Character { found, .. } if found.is_ascii_control() => {
                "write the value on one line, without control characters".to_owned()
            }
            Self::Character {
                found: ';' | ',' | ' ',
                ..
            } => "write each source, name or path by itself".to_owned(),
            Self::Character { .. } => {
                "write host names in punycode (`xn--…`), and percent-encode paths".to_owned()
            }
            Self::Preload { .. } => {
                "see https://hstspreload.org; or leave `preload` out".to_owned()
            }
            Self::Missing { instead, .. } => (*instead).to_owned(),
        };
        (!help.is_empty()).then_some(help)
    }

    /// Puts the key of the table around it in front of its own.
    pub(crate) fn at(mut self, outer: &str) -> Self {
        let key = match &mut self {
            Self::Unknown { key, .. }
            | Self::Form { key, .. }
            | Self::Twice { key, .. }
            | Self::Character { key, .. }
            | Self::Source { key, .. }
            | Self::Preload { key }
            | Self::Missing { key, .. } => key,
        };
        if key.is_empty() {
            outer.clone_into(key);
        } else if !outer.is_empty() {
            key.insert(0, '.');
            key.insert_str(0, outer);
        }
        self
    }

    /// `found` is not one of `accepted`.
    pub(crate) fn unknown<'a>(
        what: &'static str,
        found: &str,
        accepted: impl Iterator<Item = &'a str> + Clone,
    ) -> Self {
        Self::Unknown {
            key: String::new(),
            what,
            found: printable(found),
            instead: instead_of(found, accepted),
        }
    }

    pub(crate) fn form(expected: &'static str, found: impl Into<String>) -> Self {
        Self::Form {
            key: String::new(),
            found: found.into(),
            expected,
        }
    }

    pub(crate) fn source(why: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::Source {
            key: String::new(),
            why: why.into(),
            instead: instead.into(),
        }
    }

    pub(crate) fn missing(what: &'static str, instead: &'static str) -> Self {
        Self::Missing {
            key: String::new(),
            what,
            instead,
        }
    }
}

/// Refuses the characters that a header value cannot carry; `extra` besides them.
pub(crate) fn check_characters(text: &str, extra: &[char]) -> Result<(), Error> {
    let bad = |c: &char| !(c.is_ascii_graphic() || *c == ' ') || extra.contains(c);
    match text.chars().find(bad) {
        None => Ok(()),
        Some(found) => Err(Error::Character {
            key: String::new(),
            found,
        }),
    }
}

/// "did you mean", or the whole list when it is short and nothing is near.
fn instead_of<'a>(found: &str, accepted: impl Iterator<Item = &'a str> + Clone) -> String {
    const LIST: usize = 12;
    let wanted = found.to_ascii_lowercase();
    let nearest = accepted
        .clone()
        .map(|word| {
            (
                strsim::jaro_winkler(&wanted, &word.to_ascii_lowercase()),
                word,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, word)) = nearest {
        return format!("did you mean `{word}`?");
    }
    if accepted.clone().count() > LIST {
        return String::new();
    }
    let words: Vec<_> = accepted.map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => format!("write {only}"),
        [first @ .., last] => format!("write {} or {last}", first.join(", ")),
    }
}

/// At most 60 characters of what somebody wrote, with control characters escaped.
pub(crate) fn printable(found: &str) -> String {
    const LONG: usize = 60;
    let escape = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.into()
        }
    };
    let mut text: String = found.chars().take(LONG).map(escape).collect();
    if found.chars().nth(LONG).is_some() {
        text.push('…');
    }
    text
}

/// The key before a message.
struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            key => write!(f, "headers.{key}: "),
        }
    }
}

/// The help after a message.
struct Help<'a>(&'a Error);

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.help() {
            None => Ok(()),
            Some(help) => write!(f, "; {help}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_key_and_cure() {
        let error = Error::unknown(
            "a directive",
            "script-scr",
            ["script-src", "img-src"].into_iter(),
        )
        .at("append")
        .at("content-security-policy");
        assert_eq!(error.key(), "content-security-policy.append");
        assert_eq!(
            error.to_string(),
            "headers.content-security-policy.append: `script-scr` is not a directive; \
             did you mean `script-src`?"
        );
        let error = Error::unknown("a preset", "zzz", ["helmet", "strict"].into_iter());
        assert_eq!(
            error.to_string(),
            "`zzz` is not a preset; write `helmet` or `strict`"
        );
    }
}
