//! The nonce of one response's Content-Security-Policy.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::random;

/// A nonce of 144 random bits for one response (CSP Level 3 §7.1 asks for at least 128).
///
/// It is written as 24 characters of base64, which need no escaping in an HTML attribute. Put it
/// into `<script nonce="…">` only where the application itself wrote the element.
///
/// ```
/// use panoply_core::Nonce;
///
/// let nonce = Nonce::random()?;
/// assert_eq!(nonce.as_str().len(), 24);
/// assert_ne!(nonce, Nonce::random()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Nonce(Arc<str>);

impl Nonce {
    /// The length of every nonce in characters.
    pub const LEN: usize = 24;

    /// Makes a fresh nonce.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn random() -> Result<Self, impl std::error::Error + Send + Sync + 'static> {
        let text = |bytes: [u8; 18]| Self(STANDARD_NO_PAD.encode(bytes).into());
        random::bytes().map(text)
    }

    /// The nonce as it stands in the header and in the page.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(…)")
    }
}
