//! Form fields, out of a query or a body (WHATWG URL, application/x-www-form-urlencoded).

/// The first field called `name`, decoded and cut to `max` bytes; empty when there is none.
pub(super) fn field(form: &[u8], name: &str, max: usize) -> String {
    form.split(|&byte| byte == b'&')
        .map(|pair| {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            (
                halves.next().unwrap_or_default(),
                halves.next().unwrap_or_default(),
            )
        })
        .find(|(key, _)| decode(key) == name)
        .map(|(_, value)| cut(decode(value), max))
        .unwrap_or_default()
}

/// `text` written so that it can stand as a value in a query.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;

    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        })
}

fn decode(text: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) {
                    decoded.push(high << 4 | low);
                    rest = after;
                } else {
                    decoded.push(b'%');
                }
            }
            _ => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn cut(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_found_and_decoded() {
        let form = b"a=1&text=%3Cb%3E+x%26y&text=second&empty&%61b=c";
        assert_eq!(field(form, "text", 99), "<b> x&y");
        assert_eq!(field(form, "empty", 99), "");
        assert_eq!(field(form, "ab", 99), "c");
        assert_eq!(field(form, "none", 99), "");
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        assert_eq!(field(b"q=100%", "q", 99), "100%");
        assert_eq!(field(b"q=%zz%4", "q", 99), "%zz%4");
        assert_eq!(field(b"q=%+1", "q", 99), "% 1");
        assert_eq!(field(b"q=%ff", "q", 99), "\u{fffd}");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(field("q=aé".as_bytes(), "q", 2), "a");
    }

    proptest! {
        #[test]
        fn encoded_text_comes_back(text: String) {
            let form = format!("x=1&q={}", encode(&text));
            prop_assert_eq!(field(form.as_bytes(), "q", usize::MAX), text);
        }

        #[test]
        fn any_bytes_are_read_within_bounds(form: Vec<u8>, max in 0_usize..50) {
            prop_assert!(field(&form, "q", max).len() <= max);
        }
    }
}
