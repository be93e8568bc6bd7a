//! `application/x-www-form-urlencoded`, as lenient parsers read it.

use super::Field;

/// The values at `field`, under every way of writing its key. Where the request says `latin`, what
/// would be UTF-8 is read as Latin-1 as well.
pub(super) fn names(text: &[u8], field: &Field, latin: bool, names: &mut Vec<String>) {
    split(text, b"&", field, latin, names);
}

/// The same, as old parsers split it.
pub(super) fn names_by_semicolon(text: &[u8], field: &Field, latin: bool, names: &mut Vec<String>) {
    if text.contains(&b';') {
        split(text, b"&;", field, latin, names);
    }
}

/// By what qs knows a form that Internet Explorer wrote in Latin-1: `utf8=&#10003;`.
const LATIN_SENTINEL: &[u8] = b"utf8=%26%2310003%3B";

fn split(text: &[u8], separators: &[u8], field: &Field, latin: bool, names: &mut Vec<String>) {
    let pairs = || text.split(|byte| separators.contains(byte));
    let latin = latin || pairs().any(|pair| pair == LATIN_SENTINEL);
    for pair in pairs() {
        for at in splits(pair) {
            let (key, value) = pair.split_at_checked(at).unwrap_or((pair, b""));
            let value = value.get(1..).unwrap_or_default();
            if is_at(&String::from_utf8_lossy(&decoded(key)), field) {
                push(decoded(value), latin, names);
            }
        }
    }
}

/// Where a value may begin: after the first `=`, or as qs has it after the first `]=`.
fn splits(pair: &[u8]) -> impl Iterator<Item = usize> {
    let equals = |at: &usize| pair.get(*at) == Some(&b'=');
    let first = pair.iter().position(|byte| *byte == b'=');
    let after_bracket = (0..pair.len()).filter(equals).find(|at| {
        let key = pair.get(..*at).unwrap_or_default();
        let encoded = key.last_chunk::<3>();
        key.ends_with(b"]") || encoded.is_some_and(|last| last.eq_ignore_ascii_case(b"%5D"))
    });
    let other = after_bracket.filter(|_| after_bracket != first);
    std::iter::once(first.unwrap_or(pair.len())).chain(other)
}

fn push(value: Vec<u8>, latin: bool, names: &mut Vec<String>) {
    let from = names.len();
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
    let resolved = |name: &String| name.contains("&#").then(|| without_entities(name));
    let resolved: Vec<String> = names.iter().skip(from).filter_map(resolved).collect();
    names.extend(resolved);
}

/// `&#97;` as the letter that it stands for, of which qs takes as many bits as a letter of
/// JavaScript has.
fn without_entities(text: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("&#") {
        units.extend(before.encode_utf16());
        let entity = after.split_once(';').filter(|(digits, _)| {
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        let Some((digits, after)) = entity else {
            units.extend("&#".encode_utf16());
            rest = after;
            continue;
        };
        rest = after;
        let code = digits.parse::<f64>().unwrap_or_default();
        match char::from_u32(bits(code, 32)).filter(|_| code <= f64::from(0x0010_ffff)) {
            Some(letter) => units.extend(letter.encode_utf16(&mut [0; 2]).iter()),
            None => units.extend(u16::try_from(bits(code, 16))),
        }
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}

/// The lowest bits of a whole number, 32 at most.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is left fits and is not negative"
)]
fn bits(code: f64, bits: i32) -> u32 {
    let rest = code.rem_euclid(2_f64.powi(bits));
    if rest.is_finite() { rest as u32 } else { 0 }
}

/// Whether a key means the field: `user`, `user[]`, `user[0]`, `user[name]`, `user.name`.
pub(super) fn is_at(key: &str, field: &Field) -> bool {
    // Where what is parsed is the end of a URL.
    let key = key.strip_prefix('?').unwrap_or(key);
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
