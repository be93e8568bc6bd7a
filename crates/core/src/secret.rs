//! Bytes that must not be seen.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::random;

/// A key or password: never printed, compared in constant time, wiped when dropped.
///
/// ```
/// use panoply_core::Secret;
///
/// let secret = Secret::new(b"correct horse battery staple".to_vec());
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret, Secret::new(b"correct horse battery staple".to_vec()));
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// 32 bytes that nobody knows.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn random() -> Result<Self, impl std::error::Error + Send + Sync + 'static> {
        random::bytes::<32>().map(|bytes| Self::new(bytes.to_vec()))
    }

    /// The bytes themselves; what is done with them is the caller's responsibility.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
