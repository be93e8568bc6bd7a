//! Keys, the newest first.

use std::fmt;

use aws_lc_rs::hmac;
use panoply_core::Secret;

use crate::Error;

/// The keys of a site: the first makes, all of them check.
///
/// As text there is one key a line, the newest first; the bytes of the line are the key. Empty lines
/// and such as begin with `#` are left out.
///
/// ```
/// use panoply_cookies::KeyRing;
///
/// let text = "0123456789abcdef0123456789abcdef\n# the one before\nfedcba9876543210fedcba9876543210\n";
/// let keys = KeyRing::from_text(text)?;
/// assert_eq!(keys.len(), 2);
/// assert!(KeyRing::from_text("keyboard cat").is_err());
/// # Ok::<(), panoply_cookies::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<Key>,
}

#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) secret: Secret,
}

/// What a key is called in what it has sealed: 48 bits that are made from it and tell nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; 6]);

/// How many bytes a key has at least.
const LEAST: usize = 32;

/// How many keys [`KeyRing::rotate`] keeps.
const KEPT: usize = 8;

/// Words of examples, which stand in thousands of apps.
const KNOWN: [&str; 8] = [
    "secret",
    "keyboard cat",
    "changeme",
    "change me",
    "password",
    "your_secret",
    "your secret",
    "s3cret",
];

impl KeyRing {
    /// The keys of a text.
    ///
    /// # Errors
    ///
    /// When there is none, or one is too short or one that everybody knows.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self::new(lines.map(|line| Secret::new(line.as_bytes().to_vec())))
    }

    /// These keys, the newest first.
    ///
    /// # Errors
    ///
    /// As for [`from_text`](Self::from_text).
    pub fn new(keys: impl IntoIterator<Item = Secret>) -> Result<Self, Error> {
        let keys: Vec<Key> = keys.into_iter().map(checked).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(Error::NoKey);
        }
        Ok(Self { keys })
    }

    /// One key that nobody knows.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn random() -> Result<Self, Error> {
        let secret = Secret::random().map_err(|_| Error::NoRandom)?;
        Self::from_text(&hex(secret.expose()))
    }

    /// The same with a new key in front; the eight newest stay.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn rotate(&self) -> Result<Self, Error> {
        let mut keys = Self::random()?.keys;
        keys.extend(self.keys.iter().cloned());
        keys.truncate(KEPT);
        Ok(Self { keys })
    }

    /// The same keys, sealing and signing with the first of `running` as long as that is one of them.
    ///
    /// So a node opens what others seal with a new key before it uses that itself: nodes that share
    /// a ring need not learn of it at one moment.
    #[must_use]
    pub fn led_by(&self, running: &Self) -> Self {
        match running.ids().next() {
            Some(id) => self.led_by_key(id),
            None => self.clone(),
        }
    }

    /// The same keys, sealing and signing with the one of this id, if it is one of them.
    #[must_use]
    pub fn led_by_key(&self, id: KeyId) -> Self {
        let mut keys = self.keys.clone();
        keys.sort_by_key(|key| key.id != id);
        Self { keys }
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The ids, the newest first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|key| key.id)
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        let lines = self
            .keys
            .iter()
            .flat_map(|key| [key.secret.expose(), b"\n"]);
        lines.flatten().copied().collect()
    }
}

fn checked(secret: Secret) -> Result<Key, Error> {
    let bytes = secret.expose();
    // Known words do not get better by being said again.
    let known = |word: &str| {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        text.replace(word, "")
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .count()
            < 8
    };
    if KNOWN.iter().any(|word| known(word)) && bytes.len() >= LEAST {
        return Err(Error::KnownKey);
    }
    if bytes.len() < LEAST {
        return Err(Error::ShortKey(bytes.len()));
    }
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, bytes),
        b"panoply key id 1",
    );
    let id = tag.as_ref().first_chunk().copied().unwrap_or_default();
    Ok(Key {
        id: KeyId(id),
        secret,
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(four.into(), 16).unwrap_or('0');
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.ids().map(|id| id.to_string()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_told_apart_and_never_shown() {
        let ring = KeyRing::random().unwrap();
        let rotated = ring.rotate().unwrap();
        assert_eq!((ring.len(), rotated.len()), (1, 2));
        let led = rotated.led_by(&ring);
        assert_eq!(led.ids().next(), ring.ids().next());
        assert_eq!(led.len(), 2);
        assert_eq!(
            rotated.led_by(&KeyRing::random().unwrap()).text(),
            rotated.text()
        );
        let ids: Vec<KeyId> = rotated.ids().collect();
        assert_eq!(Some(ids[1]), ring.ids().next());
        assert_ne!(ids[0], ids[1]);
        let shown = format!("{ring:?}");
        assert_eq!(shown, format!("[\"{}\"]", ids[1]), "ids and no more");
        assert_eq!(hex(&[0x0f, 0xf0, 0x9a]), "0ff09a");
        let mut many = ring;
        for _ in 0..20 {
            many = many.rotate().unwrap();
        }
        assert_eq!(many.len(), 8);
    }

    #[test]
    fn what_is_no_key() {
        let error = |text: &str| KeyRing::from_text(text).unwrap_err().to_string();
        assert!(error("").contains("one a line"));
        assert!(error("# nothing\n\n").contains("one a line"));
        assert!(
            error("secret").contains("has 6 bytes"),
            "{}",
            error("secret")
        );
        assert!(error(&"secret".repeat(9)).contains("everybody knows"));
        assert!(error(&"keyboard cat ".repeat(4)).contains("everybody knows"));
        let good = "a".repeat(8) + "4d2f0b1c9e8a7766" + "55443322";
        assert!(KeyRing::from_text(&good).is_ok());
        // A known word with a little beside it is no better, with more it is.
        let known = "secret".repeat(5);
        assert!(error(&format!("{known}1234567")).contains("everybody knows"));
        assert!(KeyRing::from_text(&format!("{known}12345678")).is_ok());
    }

    proptest! {
        #[test]
        fn a_ring_is_read_as_it_was_written(keys in prop::collection::vec("[!-~&&[^#]][ -~]{40,80}[!-~]", 1..9)) {
            let ring = KeyRing::from_text(&keys.join("\n"));
            // Nobody draws one that everybody knows.
            let ring = ring.unwrap();
            let text = String::from_utf8(ring.text()).unwrap();
            let again = KeyRing::from_text(&text).unwrap();
            prop_assert!(again.ids().eq(ring.ids()));
            prop_assert_eq!(again.text(), ring.text());
        }
    }
}
