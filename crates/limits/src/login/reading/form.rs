//! `application/x-www-form-urlencoded`, as lenient parsers read it.

use super::Field;

/// The values at `field`, under every way of writing its key and of splitting the text. Where the
/// request says `latin`, what would be UTF-8 is read as Latin-1 as well.
pub(super) fn names(text: &[u8], field: &Field, latin: bool, names: &mut Vec<String>) {
    split(text, b"&", field, latin, names);
    if text.contains(&b';') {
        // Old parsers split there as well.
        split(text, b"&;", field, latin, names);
    }
}

fn split(text: &[u8], separators: &[u8], field: &Field, latin: bool, names: &mut Vec<String>) {
    for pair in text.split(|byte| separators.contains(byte)) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let key = decoded(halves.next().unwrap_or_default());
        let value = halves.next().unwrap_or_default();
        if !is_at(&String::from_utf8_lossy(&key), field) {
            continue;
        }
        let value = decoded(value);
        match String::from_utf8(value) {
            Ok(value) => {
                if latin && !value.is_ascii() {
                    names.push(latin1(value.as_bytes()));
                }
                names.push(value);
            }
            Err(error) => {
                names.push(latin1(error.as_bytes()));
                names.push(String::from_utf8_lossy(error.as_bytes()).into_owned());
            }
        }
    }
}

/// Whether a key means the field: `user`, `user[]`, `user[0]`, `user[name]`, `user.name`.
pub(super) fn is_at(key: &str, field: &Field) -> bool {
    let path: Vec<&str> = key
        .split(['[', ']'])
        .filter(|part| !part.is_empty())
        .collect();
    let dotted: Vec<&str> = key
        .split(['[', ']', '.'])
        .filter(|part| !part.is_empty())
        .collect();
    field.holds(&path) || field.holds(&dotted)
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_encoding::percent_decode(&spaced).collect()
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
