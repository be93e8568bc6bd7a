//! What a body is said to be.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::Unreadable;

/// How the letters of a text are written, as far as a name cannot hide in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Charset {
    /// Somebody may read it as ASCII, by whatever is left of other bytes.
    ascii: bool,
    /// Somebody may read it as Latin-1.
    pub(super) latin: bool,
}

/// A `Content-Type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// The header as it came.
    pub(super) text: String,
    /// The type without its parameters, in lower case.
    pub(super) essence: String,
    pub(super) charset: Charset,
}

impl Kind {
    /// None at all is as good as an empty one; of several, apps take whichever they like.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Unreadable> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let value = values.next().map(http::HeaderValue::as_bytes);
        if values.next().is_some() {
            return Err(Unreadable::Malformed);
        }
        let text = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        let essence = text.split(';').next().unwrap_or("").trim();
        Ok(Self {
            essence: essence.to_ascii_lowercase(),
            charset: Charset::of(&text)?,
            text,
        })
    }
}

impl Charset {
    /// ASCII, UTF-8 and Latin-1 are read as they stand; in UTF-16 or UTF-7 a name could hide.
    ///
    /// Whatever looks like the parameter is taken for it, wherever it stands and however often: of
    /// several, some parsers take the first and some the last.
    pub(super) fn of(text: &str) -> Result<Self, Unreadable> {
        let lower = text.to_ascii_lowercase();
        let mut charset = Self::default();
        for (at, key) in lower.match_indices("charset") {
            let rest = lower.get(at + key.len()..).unwrap_or("").trim_start();
            let rest = rest.strip_prefix('*').unwrap_or(rest).trim_start();
            let Some(value) = rest.strip_prefix('=') else {
                continue;
            };
            match unquoted(value.trim_start()).trim() {
                "utf-8" | "utf8" => {}
                "us-ascii" | "ascii" => charset.ascii = true,
                "iso-8859-1" | "latin1" => charset.latin = true,
                _ => return Err(Unreadable::Charset),
            }
        }
        Ok(charset)
    }

    /// Refuses what some readers of ASCII take for other letters.
    pub(super) fn check(self, body: &[u8]) -> Result<(), Unreadable> {
        if self.ascii && !body.is_ascii() {
            return Err(Unreadable::Charset);
        }
        Ok(())
    }
}

/// The value of a parameter, without its quotes; what is not quoted goes up to the next one.
pub(super) fn unquoted(text: &str) -> String {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', '\r', '\n']).unwrap_or(text.len());
        return text.get(..end).unwrap_or("").trim_end().to_owned();
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            character => value.push(character),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_in_which_a_name_could_hide_are_refused() {
        for known in [
            "",
            "; charset=utf-8",
            "; Charset = \"UTF-8\" ",
            ";charset=us-ascii;charset=utf8",
            "; charset=iso-8859-1",
            "; x=charset",
        ] {
            let text = format!("application/json{known}");
            assert!(Charset::of(&text).is_ok(), "{known}");
        }
        for unknown in [
            "charset=utf-16",
            "charset=utf-16le",
            "charset=utf-7",
            "charset=utf-32",
            "charset=\"utf-7\"",
            "charset=\"utf\\-7\"",
            "charset=ibm037",
            "charset=",
            "charset=utf-8'7",
            "charset=utf-8, utf-7",
            "charset=utf-8; charset=utf-7",
            "charset=utf-7; charset=utf-8",
            "xcharset=utf-8; charset=utf-7",
            "x=\"charset=utf-8\"; charset=utf-7",
            "x=\"; charset=utf-8\"; charset=utf-7",
            "charset*=utf-8; charset=utf-7",
            "charset=windows-1252",
        ] {
            let text = format!("application/json; {unknown}");
            assert_eq!(Charset::of(&text), Err(Unreadable::Charset), "{unknown}");
        }
    }

    #[test]
    fn what_is_ascii_has_no_other_bytes() {
        let ascii = Charset::of("text/plain; charset=us-ascii").unwrap();
        assert!(ascii.check(b"alice").is_ok());
        assert_eq!(ascii.check(b"\xe1lice"), Err(Unreadable::Charset));
        assert!(Charset::default().check(b"\xe1lice").is_ok());
    }
}
