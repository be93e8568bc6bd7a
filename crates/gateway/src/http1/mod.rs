//! What both directions share of HTTP/1.1: where bodies end, and bytes on their way out.

mod decoder;
mod queue;

use http::HeaderValue;
use memchr::memchr_iter;

pub(crate) use decoder::{Decoder, Extent, MOST_TRAILERS, Malformed};
pub(crate) use queue::{Queue, field};

/// Where the head that `bytes` begin with ends, the empty line after it included, if it does.
///
/// Lines that end in LF alone are taken for lines here (RFC 9112 §2.2); whether they may stand, who asks says.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Whether a list of tokens, such as a `Connection` line, has this one.
pub(crate) fn has_token(value: &HeaderValue, token: &[u8]) -> bool {
    let mut tokens = value.as_bytes().split(|byte| *byte == b',');
    tokens.any(|one| one.trim_ascii().eq_ignore_ascii_case(token))
}
