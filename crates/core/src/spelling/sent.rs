//! Paths as clients send them.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

use super::latin::high;

/// What clients never send as it is, beside what is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// Whether something is written as a path, and not as an address, a pattern or with a query.
///
/// ```
/// use panoply_core::spelling::is_path;
///
/// assert!(is_path("/caf\u{e9}/") && is_path("/a%20b"));
/// assert!(!is_path("caf\u{e9}") && !is_path("/a/*") && !is_path("/a?b"));
/// ```
pub fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains(['*', '?', '#'])
}

/// A path as clients send it, whether it is written so or with its letters, and what came raw or with small digits
/// (RFC 3986 §6.2.2.1): every app takes these for the same.
///
/// ```
/// use panoply_core::spelling::sent;
///
/// assert_eq!(sent("/caf\u{e9} one"), "/caf%C3%A9%20one");
/// assert_eq!(sent("/caf%c3%a9"), "/caf%C3%A9");
/// ```
pub fn sent(path: &str) -> Cow<'_, str> {
    let encoded: Cow<'_, str> = utf8_percent_encode(path, ENCODED).into();
    let is_small = |digits: &[u8]| match digits {
        [b'%', high, low] => {
            let digits = [high, low];
            digits.iter().all(|digit| digit.is_ascii_hexdigit())
                && digits.iter().any(|digit| digit.is_ascii_lowercase())
        }
        _ => false,
    };
    if !encoded.contains('%') || !encoded.as_bytes().windows(3).any(is_small) {
        return encoded;
    }
    let mut sent = String::with_capacity(encoded.len());
    let mut rest = &*encoded;
    while let Some(at) = rest.find('%') {
        let (before, behind) = rest.split_at(at);
        sent.push_str(before);
        // What is no digit stays as it is, and with it whatever stands beside it.
        match behind.split_at_checked(3) {
            Some((digits, behind)) if is_small(digits.as_bytes()) => {
                sent.push_str(&digits.to_ascii_uppercase());
                rest = behind;
            }
            _ => {
                sent.push('%');
                rest = behind.get(1..).unwrap_or_default();
            }
        }
    }
    sent.push_str(rest);
    sent.into()
}

/// Whether of a path nothing is encoded but letters, in UTF-8, and these and those that came raw are nothing else to
/// anybody: no mark that some app takes for a dot or a slash, or drops.
///
/// ```
/// use panoply_core::spelling::encodes_only_letters;
///
/// assert!(encodes_only_letters("/a/caf%C3%A9") && encodes_only_letters("/a"));
/// assert!(!encodes_only_letters("/a%2Fb") && !encodes_only_letters("/caf%E9"));
/// // A wide slash, which Windows may take for one.
/// assert!(!encodes_only_letters("/a%EF%BC%8Fb"));
/// ```
pub fn encodes_only_letters(path: &str) -> bool {
    let mut digits = path.split('%').skip(1);
    let is_letter = |letter: char| {
        let mut meant = std::iter::once(letter).nfkc();
        let is_one = letter.is_alphanumeric() || canonical_combining_class(letter) > 0;
        is_one && meant.all(|meant| !meant.is_ascii() || meant.is_ascii_alphanumeric())
    };
    digits.all(|digits| high(digits.as_bytes()).is_some())
        && percent_decode_str(path).decode_utf8().is_ok_and(|path| {
            path.chars()
                .all(|letter| letter.is_ascii() || is_letter(letter))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_a_letter_or_something_else() {
        for path in [
            "/",
            "/a.b(c)",
            "/stra%C3%9Fe",
            "/cafe%CC%81",
            "/\u{65e5}",
            "/%E0%A4%95%E0%A5%8D",
        ] {
            assert!(encodes_only_letters(path), "{path}");
        }
        for path in [
            "/%41",
            "/%25C3%25A9",
            "/%zz",
            "/a%",
            "/%C0%AE",
            "/%C2%A0",
            "/%E2%80%8B",
            "/\u{2025}",
            "/%EF%BC%8E",
            "/%C3",
        ] {
            assert!(!encodes_only_letters(path), "{path}");
        }
    }

    #[test]
    fn one_path_is_sent_in_one_way() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/B.c;d", "/a/B.c;d"),
            ("/stra\u{df}e/%c3%9F", "/stra%C3%9Fe/%C3%9F"),
            ("/%e9%zz%2", "/%E9%zz%2"),
            ("/%%aa%", "/%%AA%"),
            ("/a\"b`", "/a%22b%60"),
        ] {
            assert_eq!(sent(path), expected, "{path}");
            assert_eq!(sent(&sent(path)), expected, "{path}");
        }
        assert!(matches!(sent("/a%C3%A9"), Cow::Borrowed(_)));
    }
}
