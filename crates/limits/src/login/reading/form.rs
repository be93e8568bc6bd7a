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
    // PHP's keys end at a zero byte.
    let up_to_zero = key.split_once('\0').map(|(key, _)| key);
    [Some(key), up_to_zero].into_iter().flatten().any(|key| {
        let parts = |separators: &[char]| -> Vec<&str> {
            let parts = key.split(separators);
            parts.filter(|part| !part.is_empty()).collect()
        };
        field.holds(&parts(&['[', ']']))
            || field.holds(&parts(&['[', ']', '.']))
            || field.holds(&groups(key))
            || field.holds(&groups(&without_dots(key)))
            // A bracket that is never closed is a letter that PHP does not allow.
            || (key.contains('[') && field.holds(&[key.replacen('[', "_", 1)]))
    })
}

/// The path of a key as qs has it: what stands before the first bracket, then what stands within
/// brackets. What stands between and behind them is nothing to it.
fn groups(key: &str) -> Vec<&str> {
    let first = key.find('[').unwrap_or(key.len());
    let mut path: Vec<&str> = key.get(..first).into_iter().collect();
    let mut depth = 0_usize;
    let mut start = first;
    for (at, letter) in key.char_indices().skip_while(|(at, _)| *at < first) {
        match letter {
            '[' => {
                if depth == 0 {
                    start = at + 1;
                }
                depth += 1;
            }
            ']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    path.extend(key.get(start..at));
                }
            }
            _ => {}
        }
    }
    path.retain(|part| !part.is_empty());
    path
}

/// A key whose dots outside of brackets became brackets: `user.name` is `user[name]`.
fn without_dots(key: &str) -> String {
    let mut written = String::new();
    let mut depth = 0_usize;
    let mut is_open = false;
    for letter in key.chars() {
        let is_dot = letter == '.' && depth == 0;
        if is_open && (is_dot || letter == '[') {
            written.push(']');
            is_open = false;
        }
        match letter {
            _ if is_dot => {
                written.push('[');
                is_open = true;
                continue;
            }
            // A dot takes all up to the next dot or bracket, closing ones too.
            _ if is_open => {}
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        written.push(letter);
    }
    if is_open {
        written.push(']');
    }
    written
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_key_is_what_qs_takes_for_it() {
        for (key, path) in [
            ("user", &["user"][..]),
            ("user[name]", &["user", "name"]),
            ("[user][name]", &["user", "name"]),
            ("user[name]x", &["user", "name"]),
            ("user[0]x[name]y=z", &["user", "0", "name"]),
            ("user[[name]]", &["user", "[name]"]),
            ("user[name", &["user"]),
            ("us]er[name]", &["us]er", "name"]),
            ("user[]", &["user"]),
            ("[", &[]),
        ] {
            assert_eq!(groups(key), path, "{key}");
        }
        for (key, path) in [
            ("user.name", &["user", "name"][..]),
            (".user.name", &["user", "name"]),
            ("user.name]x", &["user", "name"]),
            ("user[a.b].c", &["user", "a.b", "c"]),
        ] {
            assert_eq!(groups(&without_dots(key)), path, "{key}");
        }
    }

    #[test]
    fn entities_are_what_qs_makes_of_them() {
        for (text, letters) in [
            ("&#97;lice", "alice"),
            ("&#000097;l&#105;ce", "alice"),
            // 2^20 + 2^16 and 97 more.
            ("&#1114209;lice", "alice"),
            ("&#18446744073709551616;", "\0"),
            ("&#128512;", "\u{1f600}"),
            ("&#55357;&#56832;", "\u{1f600}"),
            ("&#;&#x61;&#97&amp;", "&#;&#x61;&#97&amp;"),
        ] {
            assert_eq!(without_entities(text), letters, "{text}");
        }
        let digits = format!("&#{};", "9".repeat(500));
        assert_eq!(without_entities(&digits), "\0");
    }
}
