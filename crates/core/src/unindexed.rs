//! Header values that never come again.

use http::HeaderValue;

/// The value, marked so that HPACK does not keep it in its table (RFC 7541 §6.2.3): one that the next
/// answer has not would only push out those that come again.
///
/// The mark is that of secrets: `{:?}` writes `Sensitive` for the value, and so do logs and snapshots of headers. There is no
/// other by which `h2` leaves a value out of its table.
///
/// ```
/// use http::HeaderValue;
///
/// let left = panoply_core::unindexed(HeaderValue::from(41));
/// assert_eq!(left, "41");
/// assert!(left.is_sensitive());
/// ```
#[must_use]
pub fn unindexed(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
