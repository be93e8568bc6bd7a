//! What must hold for a page that placeholders are replaced in as it streams by.

#![allow(clippy::expect_used, reason = "what fails is found")]

use bytes::Bytes;
use panoply_core::Nonce;

use super::Stamp;

/// It has its own beginning in it, which is what a search over pieces gets wrong.
const PLACEHOLDER: &str = "abababababababababababac";

/// Sizes of pieces up to a NUL, and a page in which `#` stands for a placeholder: what streams by is what
/// replacing it in the whole gives.
pub fn stamp(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (sizes, Some(page)) = (parts.next().unwrap_or_default(), parts.next()) else {
        return;
    };
    let page: Vec<u8> = page
        .iter()
        .flat_map(|byte| match byte {
            b'#' => PLACEHOLDER.as_bytes(),
            byte => std::slice::from_ref(byte),
        })
        .copied()
        .collect();
    let nonce = Nonce::random().expect("random bytes");
    let mut stamp = Stamp::new(PLACEHOLDER, nonce.clone());
    let mut streamed = Vec::new();
    let mut sizes = sizes.iter().map(|size| usize::from(*size).max(1)).cycle();
    let mut rest = page.as_slice();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(7).min(rest.len());
        let (piece, after) = rest.split_at(size);
        streamed.extend_from_slice(&stamp.pass(Bytes::copy_from_slice(piece)));
        assert!(
            stamp.held.len() < PLACEHOLDER.len(),
            "too much is held back"
        );
        rest = after;
    }
    streamed.extend(stamp.rest().into_iter().flatten());
    assert_eq!(streamed, replaced(&page, nonce.as_str().as_bytes()));
}

/// Looks at all bytes at once.
fn replaced(page: &[u8], nonce: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    let mut rest = page;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(PLACEHOLDER.as_bytes()) {
            written.extend_from_slice(nonce);
            rest = after;
        } else {
            written.push(*first);
            rest = after;
        }
    }
    written
}
