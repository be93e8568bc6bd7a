//! What a layer that reads a body learns of why it broke off.

use std::error::Error;
use std::fmt;

/// That a body is longer than is taken here: an error of a body, or the cause of one, by which whoever reads it on the way
/// to the app refuses it with 413 (RFC 9110 §15.5.14), and not as one that broke off.
///
/// ```
/// use panoply_core::BodyTooLong;
///
/// let error: Box<dyn std::error::Error + Send + Sync> = BodyTooLong.into();
/// assert!(error.is::<BodyTooLong>());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a mark says no more than that it is there"
)]
pub struct BodyTooLong;

impl fmt::Display for BodyTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is longer than is taken here")
    }
}

impl Error for BodyTooLong {}
