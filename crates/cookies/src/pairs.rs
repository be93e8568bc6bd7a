//! The `Cookie` header.

use memchr::memchr;

/// A name and its value as they stand in a `Cookie` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair<'a> {
    /// The name; empty where there is no `=`.
    pub name: &'a [u8],
    /// What stands behind the first `=`, quotes included.
    pub value: &'a [u8],
}

impl Pair<'_> {
    /// Whether an app could read something else in it than its maker meant: it has no name, one that
    /// begins with `$` as in RFC 2965, holds a control character, or begins a quoted value that does not
    /// end: to Tomcat and Python all that follows is part of that, other cookies too.
    pub fn is_odd(&self) -> bool {
        // All of them are looked at, many at once, rather than one by one up to the first.
        let is_control = |byte: &u8| *byte < b' ' || *byte == 0x7f;
        let control = |bytes: &[u8]| {
            let bytes = bytes.iter();
            bytes.fold(false, |any, byte| any | is_control(byte))
        };
        self.name.is_empty()
            || self.name.starts_with(b"$")
            || control(self.name)
            || control(self.value)
            || is_open(self.value)
    }
}

/// Whether a value begins with a quote and is no quoted string to its end.
fn is_open(value: &[u8]) -> bool {
    let Some((b'"', rest)) = value.split_first() else {
        return false;
    };
    let mut bytes = rest.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return bytes.next().is_some(),
            _ => {}
        }
    }
    true
}

/// The pairs of a `Cookie` header, in their order, as Express's parser (`cookie` 0.7) finds them:
/// parted by `;`, trimmed of spaces and tabs, split at the first `=`. Empty pieces are left out.
///
/// ```
/// let header = b"a=1; b=x=y;; theme";
/// let found: Vec<_> = panoply_cookies::pairs(header).map(|pair| (pair.name, pair.value)).collect();
/// assert_eq!(found, [(&b"a"[..], &b"1"[..]), (b"b", b"x=y"), (b"", b"theme")]);
/// ```
pub fn pairs(header: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        loop {
            let header = rest?;
            let end = memchr(b';', header);
            rest = end.and_then(|end| header.get(end + 1..));
            let piece = trim(end.and_then(|end| header.get(..end)).unwrap_or(header));
            if !piece.is_empty() {
                return Some(pair(piece));
            }
        }
    })
}

fn pair(piece: &[u8]) -> Pair<'_> {
    match piece.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (name, value) = piece.split_at(at);
            Pair {
                name: trim(name),
                value: trim(value.get(1..).unwrap_or_default()),
            }
        }
        None => Pair {
            name: b"",
            value: piece,
        },
    }
}

/// Without the spaces and tabs around it.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_odd() {
        let odd = |header: &'static [u8]| pairs(header).all(|pair| pair.is_odd());
        for header in [
            &b"=1"[..],
            b"theme",
            b"$Version=1",
            b"a=\x01",
            b"\x7fa=1",
            b"a=\0",
            b"a=\"",
            b"a=\"b",
            b"a=\"b\\\"",
            b"a=\"b\"c",
        ] {
            assert!(odd(header), "{header:?}");
        }
        for header in [
            &b"a=1"[..],
            b"a=",
            b"a b=c d",
            b"a=\"1\"",
            b"a=\"\"",
            b"a=\"1\\\"2\"",
            b"a=1\"2",
            b"a=\xc3\xa4",
            b"a.b-c=d=e",
        ] {
            assert!(!odd(header), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(header in proptest::collection::vec(any::<u8>(), 0..200)) {
            for pair in pairs(&header) {
                prop_assert!(!pair.name.contains(&b'=') && !pair.name.contains(&b';'));
                prop_assert!(!pair.value.contains(&b';'));
            }
        }

        #[test]
        fn what_is_written_is_read(all in proptest::collection::vec(("[a-z_.-]{1,8}", "[!-:<-~]{0,9}"), 0..6)) {
            let header: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let header = header.join("; ");
            let found: Vec<(String, String)> = pairs(header.as_bytes())
                .map(|pair| (String::from_utf8_lossy(pair.name).into(), String::from_utf8_lossy(pair.value).into()))
                .collect();
            prop_assert_eq!(found, all);
        }
    }
}
