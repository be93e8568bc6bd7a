//! The name under which a counter is kept.

use std::fmt;

use siphasher::sip128::SipHasher24;

use crate::random;

/// The name of one counter: 128 bits that tell nothing of who is counted.
///
/// All keys are of one size, however long the user name was, and spread evenly, so that a store
/// need not hash them again. They are made by [`CounterKeys`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey(u128);

impl CounterKey {
    /// A key that was made before, for stores that read it back.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CounterKey({self})")
    }
}

/// Makes keys: SipHash-2-4 with 128 bits under a secret, so that neither a store nor a log that is
/// stolen can be searched for a user name.
///
/// Nodes that share a store must share the secret. It also keeps strangers from choosing keys that
/// collide.
///
/// ```
/// use panoply_core::CounterKeys;
///
/// let keys = CounterKeys::new([7; 16]);
/// let key = keys.key("login/pair", &[b"alice", b"203.0.113.9"]);
/// assert_eq!(key, keys.key("login/pair", &[b"alice", b"203.0.113.9"]));
/// assert_ne!(key, keys.key("login/pair", &[b"alice2", b"03.0.113.9"]));
/// assert_ne!(key, keys.key("login/user", &[b"alice", b"203.0.113.9"]));
/// ```
#[derive(Clone)]
pub struct CounterKeys([u8; 16]);

impl CounterKeys {
    /// Keys under a secret of 128 bits.
    pub const fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// Keys under a secret that nobody else has, for a store that ends with the process.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn random() -> Result<Self, impl std::error::Error + Send + Sync + 'static> {
        random::bytes().map(Self)
    }

    /// The key of what `rule` counts by `parts`; where one part ends and the next begins matters.
    pub fn key(&self, rule: &str, parts: &[&[u8]]) -> CounterKey {
        // Put together first: hashing piece by piece takes twice as long.
        let all = || std::iter::once(rule.as_bytes()).chain(parts.iter().copied());
        let mut short = [0; 96];
        let mut long = Vec::new();
        let length: usize = all().map(|part| part.len() + LENGTH).sum();
        let text = if let Some(text) = short.get_mut(..length) {
            text
        } else {
            long.resize(length, 0);
            long.as_mut_slice()
        };
        let mut rest = &mut *text;
        for part in all() {
            let (size, behind) = rest.split_at_mut(LENGTH);
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            size.copy_from_slice(&length.to_le_bytes());
            let (place, behind) = behind.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = behind;
        }
        let hash = SipHasher24::new_with_key(&self.0).hash(text);
        CounterKey(hash.as_u128())
    }
}

/// The bytes in which a part's length is said.
const LENGTH: usize = 4;

impl fmt::Debug for CounterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CounterKeys(…)")
    }
}
