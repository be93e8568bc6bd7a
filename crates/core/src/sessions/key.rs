//! The names under which sessions and their users are kept.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// The name of a session in a store: the SHA-256 of its id.
///
/// The id is what the client holds, and whoever has it has the session; so it reaches no store, and
/// a store that is stolen opens nothing. The one exception is a store that a running Express app
/// shares, which keeps sessions under their very ids: a key for it carries the id along.
///
/// Keys are equal when their hashes are.
#[derive(Clone)]
pub struct SessionKey {
    hash: [u8; 32],
    id: Option<Arc<str>>,
}

impl SessionKey {
    /// The key of the session whose id has this SHA-256.
    pub const fn from_hash(hash: [u8; 32]) -> Self {
        Self { hash, id: None }
    }

    /// The same key with the id itself, for stores that are laid out as those of Express are.
    ///
    /// Any other store never sees it, and keeps the hash.
    #[must_use]
    pub fn danger_with_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The SHA-256 of the id.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The id itself, if the key carries it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The same key without the id.
    #[must_use]
    pub const fn without_id(&self) -> Self {
        Self::from_hash(self.hash)
    }

    /// The first 64 bits, by which people and logs name a session.
    pub const fn fingerprint(&self) -> SessionFingerprint {
        SessionFingerprint::of(&self.hash)
    }
}

impl PartialEq for SessionKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for SessionKey {}

impl PartialOrd for SessionKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SessionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash)
    }
}

impl Hash for SessionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // They are spread evenly already, and who wants many that begin alike must search for each.
        self.fingerprint().hash(state);
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({}…)", self.fingerprint())
    }
}

/// What a session is called in logs and lists: 64 bits, written as 16 hexadecimal digits.
///
/// It is that of the key with which the session was made, and stays when the key is cycled. Nobody
/// gets into a session by it.
///
/// ```
/// use panoply_core::{SessionFingerprint, SessionKey};
///
/// let key = SessionKey::from_hash([0xc0; 32]);
/// assert_eq!(key.fingerprint().to_string(), "c0c0c0c0c0c0c0c0");
/// let told: SessionFingerprint = "c0c0c0c0c0c0c0c0".parse()?;
/// assert_eq!(told, key.fingerprint());
/// # Ok::<(), std::num::ParseIntError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionFingerprint(u64);

impl SessionFingerprint {
    /// The fingerprint of a key with this hash.
    pub const fn of(hash: &[u8; 32]) -> Self {
        match hash.first_chunk() {
            Some(first) => Self(u64::from_be_bytes(*first)),
            None => Self(0),
        }
    }

    /// The 64 bits, which are the first eight bytes of the hash, the first being the highest.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// A fingerprint that was made before, for stores that read it back.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Display for SessionFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for SessionFingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// Whose session it is: a hash of whatever the app calls its user by, of one size for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey([u8; 32]);

impl UserKey {
    /// The user with this hash.
    pub const fn from_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({}…)", SessionFingerprint::of(&self.0))
    }
}
