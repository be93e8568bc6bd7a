//! Paths that are no UTF-8, as apps read them that take each byte for a letter.

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::percent_decode;

/// What Windows-1252 has where Latin-1 has control characters, which no path is named with.
const WINDOWS: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// No app undoes more percent-encodings than these.
const ROUNDS: usize = 4;

/// A path that is no UTF-8 once it is decoded, however often, as Tomcat reads it with `URIEncoding="ISO-8859-1"`, PHP in
/// pages of that encoding, and IIS where it finds no UTF-8: the same path with its letters in UTF-8. None of any other.
///
/// Letters are those of Windows-1252, which are Latin-1's and more. It is one more reading, for guards that count or refuse.
///
/// ```
/// use panoply_core::spelling::in_latin;
///
/// assert_eq!(in_latin("/caf%E9/x").as_deref(), Some("/caf%C3%A9/x"));
/// assert_eq!(in_latin("/caf%25E9").as_deref(), Some("/caf%25C3%25A9"));
/// assert_eq!(in_latin("/caf%C3%A9"), None);
/// ```
pub fn in_latin(path: &str) -> Option<String> {
    if !path.contains('%') || is_utf8(path) {
        return None;
    }
    let mut latin = String::with_capacity(path.len() * 2);
    let mut rest = path.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            latin.push(letter(*first));
            continue;
        }
        let (mut digits, mut times) = (behind, 0);
        while let Some(behind) = digits.strip_prefix(b"25") {
            (digits, times) = (behind, times + 1);
        }
        let Some((byte, behind)) = high(digits) else {
            latin.push('%');
            continue;
        };
        rest = behind;
        for byte in letter(byte).encode_utf8(&mut [0; 4]).bytes() {
            latin.push('%');
            latin.extend(std::iter::repeat_n("25", times));
            // What is written to a string is written.
            let _ = write!(latin, "{byte:02X}");
        }
    }
    Some(latin)
}

/// The byte beyond ASCII that two digits say, and what stands behind them.
pub(super) fn high(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, behind) = digits.split_at_checked(2)?;
    let byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    (byte >= 0x80).then_some((byte, behind))
}

/// The letter that a byte is by itself.
fn letter(byte: u8) -> char {
    let of_windows = byte.checked_sub(0x80).map(usize::from);
    let of_windows = of_windows.and_then(|at| WINDOWS.get(at));
    of_windows.copied().unwrap_or(char::from(byte))
}

/// Whether a path is UTF-8 however often it is decoded.
fn is_utf8(path: &str) -> bool {
    let mut bytes = Cow::Borrowed(path.as_bytes());
    for _ in 0..ROUNDS {
        let next: Cow<'_, [u8]> = percent_decode(&bytes).into();
        if *next == *bytes {
            break;
        }
        if str::from_utf8(&next).is_err() {
            return false;
        }
        bytes = next.into_owned().into();
    }
    true
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_byte_is_a_letter() {
        for (path, read) in [
            ("/stra%DFe", "/stra%C3%9Fe"),
            ("/%80uro/%9f", "/%E2%82%ACuro/%C5%B8"),
            // The whole of it is read so.
            ("/%C3%A9/%e9", "/%C3%83%C2%A9/%C3%A9"),
            ("/\u{e9}%FF", "/\u{c3}\u{a9}%C3%BF"),
            ("/%2525E9%2f%25", "/%2525C3%2525A9%2f%25"),
            ("/%c0%af", "/%C3%80%C2%AF"),
            ("/%%E9%", "/%%C3%A9%"),
        ] {
            assert_eq!(in_latin(path).as_deref(), Some(read), "{path}");
        }
        for path in [
            "/",
            "/a%20b",
            "/caf%C3%A9",
            "/\u{e9}%25",
            "/%25C3%25A9",
            "/%+9",
        ] {
            assert_eq!(in_latin(path), None, "{path}");
        }
    }

    proptest! {
        /// What is read is what bytes of Latin-1 say, and is read in no other way.
        #[test]
        fn it_is_what_latin_says(bytes in prop::collection::vec(0xa0_u8.., 1..6)) {
            let path = percent_encode(&bytes, NON_ALPHANUMERIC).to_string();
            let said: String = bytes.iter().copied().map(char::from).collect();
            if let Some(read) = in_latin(&path) {
                prop_assert_eq!(&*percent_decode_str(&read).decode_utf8().unwrap(), said);
                prop_assert_eq!(in_latin(&read), None);
            } else {
                prop_assert!(str::from_utf8(&bytes).is_ok());
            }
        }
    }
}
