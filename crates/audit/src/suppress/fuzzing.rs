//! What must hold for comments that take a finding away.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails is found"
)]

use super::{comments, directive};
use crate::source::Source;

const ENDINGS: [&str; 6] = [
    "app.js",
    "app.tsx",
    "main.rs",
    "Dockerfile",
    "index.html",
    "a.txt",
];

/// A file, behind the number of its language: what is found of it stands there, in its order, and names
/// itself.
pub(crate) fn suppression(data: &[u8]) {
    let Some((number, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    let path = ENDINGS[usize::from(number.wrapping_sub(b'0')) % ENDINGS.len()];
    let found = comments::of(&Source::new(path, text), "panoply-ignore");
    let mut before = 0;
    for range in found {
        assert!(before <= range.start);
        before = range.end;
        let comment = text.get(range).expect("it stands in the text");
        assert!(comment.contains("panoply-ignore"));
        if let Some(directive) = directive::parse(comment) {
            let itself = comment
                .get(directive.span)
                .expect("it stands in the comment");
            assert!(itself.starts_with("panoply-ignore"), "{itself:?}");
        }
    }
}
