//! The id that ties a log line, an answer and a refusal together.

use std::fmt;

use http::HeaderValue;

use crate::{random, unindexed};

/// The id of one request: 96 random bits, written as 24 hexadecimal digits.
///
/// ```
/// use panoply_core::RequestId;
///
/// let id = RequestId::random()?;
/// assert_eq!(id.to_string().len(), 24);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 12]);

impl RequestId {
    /// Makes a fresh id.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn random() -> Result<Self, impl std::error::Error + Send + Sync + 'static> {
        random::bytes().map(Self)
    }

    /// Makes `N` fresh ids from one draw of random bytes, for those who need many.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn batch<const N: usize>()
    -> Result<[Self; N], impl std::error::Error + Send + Sync + 'static> {
        random::rows().map(|rows: [[u8; 12]; N]| rows.map(Self))
    }

    /// An id of the caller's own making, which must be as good as unique.
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The id that was written as these 24 digits, in lower case; nothing of any other form.
    ///
    /// ```
    /// use panoply_core::RequestId;
    ///
    /// let id = RequestId::parse(b"0001090a0f107f80c8feff4d");
    /// assert_eq!(id.map(|id| id.to_string()).as_deref(), Some("0001090a0f107f80c8feff4d"));
    /// assert_eq!(RequestId::parse(b"order-17"), None);
    /// ```
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let digits: &[u8; 24] = digits.try_into().ok()?;
        let (pairs, _) = digits.as_chunks::<2>();
        let mut bytes = [0; 12];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = value(*high)? << 4 | value(*low)?;
        }
        Some(Self(bytes))
    }

    /// The 24 digits as ASCII, without an allocation.
    pub fn digits(&self) -> [u8; 24] {
        const HEX: [u8; 16] = *b"0123456789abcdef";
        let digit = |nibble: u8| HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
        let mut digits = [0; 24];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte)]);
        }
        digits
    }
}

impl From<RequestId> for HeaderValue {
    /// The digits, [`unindexed`].
    fn from(id: RequestId) -> Self {
        unindexed(Self::from_bytes(&id.digits()).unwrap_or(Self::from_static("")))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        // Digits are text.
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_what_display_prints() {
        let id = RequestId::from_bytes([0, 1, 9, 10, 15, 16, 127, 128, 200, 254, 255, 77]);
        assert_eq!(id.to_string().as_bytes(), id.digits());
        assert_eq!(id.to_string(), "0001090a0f107f80c8feff4d");
        let value = HeaderValue::from(id);
        assert_eq!(value, "0001090a0f107f80c8feff4d");
        assert!(value.is_sensitive());
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for _ in 0..100 {
            let id = RequestId::random().unwrap();
            assert_eq!(RequestId::parse(&id.digits()), Some(id));
        }
        for other in [
            "",
            "0001090a0f107f80c8feff4",
            "0001090a0f107f80c8feff4d0",
            "0001090A0f107f80c8feff4d",
        ] {
            assert_eq!(RequestId::parse(other.as_bytes()), None, "{other}");
        }
        let mut digits = *b"0001090a0f107f80c8feff4d";
        for at in 0..digits.len() {
            for other in [b'g', b'/', b':', b'`', b' ', 0x80] {
                let before = std::mem::replace(&mut digits[at], other);
                assert_eq!(RequestId::parse(&digits), None, "{at} {other}");
                digits[at] = before;
            }
        }
    }
}
