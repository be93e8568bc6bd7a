//! The id that a client holds.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use panoply_core::{SessionKey, UserKey};

use crate::Error;

/// The id of a session: 256 random bits, as 43 characters. Whoever has it has the session.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionId {
    text: Text,
    /// Whether the store that an Express app shares is to see it.
    shared: bool,
    /// Whether an older secret than the first has signed it.
    pub(crate) stale: bool,
}

/// An id of ours is as long as every other and lies in place: each request has one.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    Ours([u8; LENGTH]),
    Other(Arc<str>),
}

impl SessionId {
    /// A fresh one (OWASP ASVS 5.0 §7.2.3 asks for at least 128 bits).
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| Error::NoRandom)?;
        Ok(Self::own(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// One that somebody else has made, if it can stand in a cookie (RFC 6265 §4.1.1).
    pub(crate) fn made(text: &str) -> Option<Self> {
        let length = (MADE_LEAST..=MADE_MOST).contains(&text.len());
        (length && text.bytes().all(is_cookie_octet)).then(|| Self::own(text))
    }

    /// What a client sent, if it can be one: no store is asked for anything else.
    pub(crate) fn parse(text: &[u8], made: bool) -> Option<Self> {
        if made {
            return Self::made(std::str::from_utf8(text).ok()?);
        }
        let text = <[u8; LENGTH]>::try_from(text).ok()?;
        // All of them are looked at, many at once, rather than one by one up to the first.
        let plain = text.iter().fold(true, |all, byte| all & is_plain(*byte));
        plain.then_some(Self {
            text: Text::Ours(text),
            shared: false,
            stale: false,
        })
    }

    /// A session that was sealed, in place of an id.
    pub(crate) fn sealed(value: String) -> Self {
        Self::own(value)
    }

    /// What a client sent, if it can be a sealed session.
    pub(crate) fn parse_sealed(text: &str) -> Option<Self> {
        let length = (1..=4096).contains(&text.len());
        (length && text.bytes().all(is_cookie_octet)).then(|| Self::own(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        match &self.text {
            // They are letters, all of them.
            Text::Ours(text) => std::str::from_utf8(text).unwrap_or_default(),
            Text::Other(text) => text,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match &self.text {
            Text::Ours(text) => text,
            Text::Other(text) => text.as_bytes(),
        }
    }

    /// The key under which its session is kept.
    pub(crate) fn key(&self) -> SessionKey {
        let key = SessionKey::from_hash(sha256(self.as_bytes()));
        match &self.text {
            Text::Other(text) if self.shared => key.danger_with_id(Arc::clone(text)),
            _ => key,
        }
    }

    fn own(text: impl AsRef<str> + Into<Arc<str>>) -> Self {
        let ours = <[u8; LENGTH]>::try_from(text.as_ref().as_bytes());
        Self {
            text: ours.map_or_else(|_| Text::Other(text.into()), Text::Ours),
            shared: false,
            stale: false,
        }
    }

    /// One of an Express app's, signed by a secret that is `stale` or not.
    pub(crate) fn shared(text: &str, stale: bool) -> Self {
        Self {
            text: Text::Other(text.into()),
            shared: true,
            stale,
        }
    }

    /// A fresh one as express-session makes them: 192 bits.
    pub(crate) fn random_shared() -> Result<Self, Error> {
        let mut bytes = [0; 24];
        rand::fill(&mut bytes).map_err(|_| Error::NoRandom)?;
        Ok(Self::shared(&URL_SAFE_NO_PAD.encode(bytes), false))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// Whether it is a letter of an id of ours: base64url.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The characters of an id of ours.
const LENGTH: usize = 43;

/// The characters that an id of somebody else's has at least, as those of 96 bits do.
const MADE_LEAST: usize = 16;
const MADE_MOST: usize = 256;

fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// The key of a user, by whatever the app calls them: a login name, an id from the database.
///
/// It is one hash of the name and the same everywhere, so that nodes and commands agree.
pub fn user_key(name: &str) -> UserKey {
    UserKey::from_hash(sha256(format!("panoply user {name}").as_bytes()))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *place = *byte;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_id_is_none() {
        let id = SessionId::random().unwrap();
        assert_eq!(SessionId::parse(id.as_bytes(), false), Some(id.clone()));
        assert_ne!(id, SessionId::random().unwrap());
        let long = "a".repeat(44);
        for bad in [
            "",
            "a",
            &id.as_str()[1..],
            &long,
            &"é".repeat(22),
            &"+".repeat(43),
        ] {
            assert_eq!(SessionId::parse(bad.as_bytes(), false), None);
        }
        for bad in [
            "",
            "short",
            "has a space in it",
            "has;semicolon...",
            &"x".repeat(257),
        ] {
            assert_eq!(SessionId::made(bad), None);
        }
        // Base64url, letter by letter, wherever it stands.
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for (at, byte) in (0..43).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            let mut text = [b'a'; 43];
            text[at] = byte;
            assert_eq!(
                SessionId::parse(&text, false).is_some(),
                letters.contains(&byte)
            );
        }
        assert!(SessionId::parse(b"their-own-0123456789", true).is_some());
        for bad in ["", "has a space", "has;semicolon", &"x".repeat(4097)] {
            assert_eq!(SessionId::parse_sealed(bad), None);
        }
        assert!(SessionId::parse_sealed(&"x".repeat(4096)).is_some());
        assert_eq!(format!("{id:?}"), "SessionId(…)");
    }

    #[test]
    fn the_key_is_the_hash_of_the_id() {
        let id = SessionId::made("abcdefghijklmnopqrstuvwxyz").unwrap();
        // printf abcdefghijklmnopqrstuvwxyz | sha256sum
        assert_eq!(id.key().fingerprint().to_string(), "71c480df93d6ae2f");
        assert_ne!(user_key("alice"), user_key("bob"));
        // Only the store that an Express app shares sees an id.
        assert_eq!(id.key().id(), None);
        let shared = SessionId::shared("theirs", false);
        assert_eq!(shared.key().id(), Some("theirs"));
    }
}
