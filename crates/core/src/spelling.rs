//! What apps may read in a path, however it is spelled.
//!
//! A guard that counts or refuses goes by every reading; what gives more, by none of them.
//!
//! ```
//! use panoply_core::spelling::{canonical, may_be};
//!
//! assert_eq!(canonical("/x/..//%4Cogin;a=b/"), "/login");
//! // To a server of Windows.
//! assert!(may_be("/(S(x))/login::$DATA", true, |path| path == "/login"));
//! ```

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;

mod latin;
mod sent;

pub use latin::in_latin;
pub use sent::{encodes_only_letters, is_path, sent};

/// What a type of a stream begins with, to NTFS: `/admin::$INDEX_ALLOCATION` is `/admin`.
pub const STREAM: &str = ":$";

/// Whether a path is certainly its own canonical form, as far as it goes, to servers of Windows, too: most are, and
/// most are no login, which is then known without an allocation.
pub fn is_canonical(path: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let mut before = b'a';
    for byte in path.bytes() {
        // Two dots in a row may be a way up, and one at an end is nothing to Windows.
        if !plain(byte) && (!matches!(byte, b'/' | b'.') || !plain(before)) {
            return false;
        }
        before = byte;
    }
    path.starts_with('/') && before != b'.'
}

/// A path as the most lenient app would read it: decoded, without case, `//`, `.` and `..` folded,
/// without parameters (`;…`) and without a slash at the end.
pub fn canonical(path: &str) -> Cow<'_, str> {
    if is_canonical(path) {
        return match path.trim_end_matches('/') {
            "" => "/".into(),
            path => path.into(),
        };
    }
    folded(path, true).into()
}

/// A path as [`canonical`] has it, but for steps up, of which none is taken: as one that takes `..%2f` for a name
/// finds its beginning.
pub fn without_steps(path: &str) -> Cow<'_, str> {
    if is_canonical(path) {
        canonical(path)
    } else {
        folded(path, false).into()
    }
}

/// A path as servers of Windows and readers of odd bytes may have it, with steps up taken or left, where that is not what
/// is `known` of it already, which is rare.
///
/// Parameters go before anything is decoded; over-long UTF-8 is undone, and letters of one meaning are one; and of a name
/// is left what NTFS goes by. The session that ASP.NET lets stand in a path is taken out, and in a second reading left.
///
/// ```
/// use panoply_core::spelling::loosely;
///
/// assert_eq!(loosely("/a./b", "/a./b", true), ["/a/b"]);
/// assert_eq!(loosely("/a./(S(x))b", "/a./(s(x))b", true), ["/a.b", "/a/(s(x))b"]);
/// ```
pub fn loosely(path: &str, known: &str, steps: bool) -> Vec<String> {
    if !may_be_loose(path) {
        return Vec::new();
    }
    let out = loosened(path, steps, true);
    let left = path
        .contains(['(', '%', '\\'])
        .then(|| loosened(path, steps, false));
    let left = left.filter(|left| *left != out);
    [Some(out), left]
        .into_iter()
        .flatten()
        .filter(|read| read != known)
        .collect()
}

fn loosened(path: &str, steps: bool, sessions: bool) -> String {
    let mut decoded = cut(path, sessions);
    for _ in 0..2 {
        // What is decoded once more may break a session up.
        decoded = unescaped(&lenient_utf8(&decoded)).replace('\\', "/");
        decoded = if sessions {
            without_sessions(&decoded)
        } else {
            // A slash that is encoded once more may be in a name's stream, to who decodes once.
            without_streams(&decoded)
        };
    }
    decoded = fold(&decoded).replace('\\', "/");
    if sessions {
        decoded = without_sessions(&decoded);
    }
    let is_nothing = |c: char| c == '.' || c.is_whitespace();
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        // A name ends at its stream, whatever behind that ends it for others.
        let segment = without_parameters(without_stream(segment)).trim();
        if steps && segment == ".." {
            segments.pop();
        }
        let bare = segment.trim_end_matches(is_nothing);
        if !bare.is_empty() {
            segments.push(bare);
        }
    }
    format!("/{}", segments.join("/"))
}

/// Whether some app may read a path as `is` asks for: as the most lenient does, [loosely], or [in Latin-1](in_latin).
pub fn may_be(path: &str, steps: bool, is: impl Fn(&str) -> bool) -> bool {
    let reads = |path: &str| {
        let known = if steps {
            canonical(path)
        } else {
            without_steps(path)
        };
        is(&known)
            || matches!(known, Cow::Owned(_))
                && loosely(path, &known, steps)
                    .into_iter()
                    .any(|read| is(&read))
    };
    reads(path) || in_latin(path).is_some_and(|latin| reads(&latin))
}

/// A path as settings name it, in the form that [`canonical`] or [`loosely`] brings all its spellings to.
///
/// ```
/// use panoply_core::spelling::named;
///
/// assert_eq!(named("/Caf%C3%A9/"), "/caf\u{e9}");
/// // In two letters, and in Latin-1.
/// assert_eq!([named("/cafe\u{301}"), named("/caf%E9")], ["/caf\u{e9}"; 2]);
/// ```
pub fn named(path: &str) -> String {
    let latin = in_latin(path);
    fold(&canonical(latin.as_deref().unwrap_or(path)))
}

/// Whether ASP.NET may take a segment's beginning for what cookies hold elsewhere, `(S(…))`, and joins what stands
/// before it and behind: `/ad/(S(x))min` is `/admin`.
pub fn is_taken_out(segment: &str) -> bool {
    session(segment).is_some()
}

/// What stands behind such a session at a segment's beginning.
fn session(segment: &str) -> Option<&str> {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic();
    match segment.as_bytes() {
        [b'(', letter, b'(', ..] if is_letter(letter) => {
            segment.split_once("))").map(|(_, rest)| rest)
        }
        _ => None,
    }
}

/// A path as ASP.NET has it that takes sessions out wherever a segment begins with one.
///
/// ```
/// use panoply_core::spelling::without_sessions;
///
/// assert_eq!(without_sessions("/(S(x))/ad/(F(y))min"), "/admin");
/// ```
pub fn without_sessions(path: &str) -> String {
    let mut whole = String::with_capacity(path.len());
    for (number, segment) in path.split('/').enumerate() {
        let mut rest = segment;
        while let Some(behind) = session(rest) {
            rest = behind;
        }
        // What is left of it belongs to the segment before.
        if number > 0 && rest.len() == segment.len() {
            whole.push('/');
        }
        whole.push_str(rest);
    }
    whole
}

fn without_streams(path: &str) -> String {
    let names: Vec<&str> = path.split('/').map(without_stream).collect();
    names.join("/")
}

/// A segment up to its stream, if it names one.
fn without_stream(segment: &str) -> &str {
    match segment.split_once(':') {
        Some((name, _)) if segment.contains(STREAM) => name,
        _ => segment,
    }
}

/// Whether [`loosely`] can read another path than [`canonical`]: few have any of these.
fn may_be_loose(path: &str) -> bool {
    let bytes = path.as_bytes();
    // Behind which a segment goes on is no end of it.
    let is_end = |at: usize| {
        let next = bytes.get(at + 1);
        next.is_none_or(|next| !next.is_ascii_alphanumeric() && !matches!(next, b'-' | b'_' | b'~'))
    };
    // Whether a backslash may be in a parameter.
    let slash = memchr::memrchr(b'\\', bytes);
    let is_behind = || {
        slash
            .and_then(|at| memchr::memchr(b';', bytes.get(..at)?))
            .is_some()
    };
    memchr::memchr3(b'(', b':', b'%', bytes).is_some()
        || is_behind()
        || memchr::memchr_iter(b'.', bytes).any(is_end)
        || !path.is_ascii()
}

/// Without case, and with letters of the same meaning made one.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let text: String = text.nfkc().collect();
    text.to_uppercase().to_lowercase()
}

/// Percent-encodings undone once, and with them letters that are longer in UTF-8 than they may be, as `%c0%af` for a
/// slash.
fn lenient_utf8(text: &str) -> String {
    let bytes: Cow<'_, [u8]> = percent_decode_str(text).into();
    let more = |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, 0x80..=0xBF));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = &*bytes;
    while let Some((first, behind)) = rest.split_first() {
        let (length, most) = match first {
            0xC0 | 0xC1 => (1, 0x80),
            0xE0 => (2, 0x800),
            0xF0 => (3, 0x1_0000),
            _ => (0, 0),
        };
        rest = behind;
        let letter = behind.split_at_checked(length).and_then(|(tail, after)| {
            let bits = |code: u32, byte: &u8| code << 6 | u32::from(byte & 0x3F);
            let code = tail.iter().fold(u32::from(first & 0x01), bits);
            // What has these bits first is as long as it must be, or longer.
            let is_overlong = length > 0 && more(tail) && code < most;
            let letter = is_overlong.then(|| char::from_u32(code)).flatten();
            letter.map(|letter| (letter, after))
        });
        match letter {
            Some((letter, after)) => {
                plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            None => plain.push(*first),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Without `%u0061`, which browsers' `escape` makes, and IIS undoes.
fn unescaped(text: &str) -> String {
    let mut parts = text.split_inclusive('%');
    let mut whole = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let digits = part.strip_prefix(['u', 'U']).and_then(|rest| rest.get(..4));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        if let Some(letter) = code.and_then(char::from_u32) {
            whole.pop();
            whole.push(letter);
            whole.push_str(part.get(5..).unwrap_or(""));
        } else {
            whole.push_str(part);
        }
    }
    whole
}

/// A path without parameters (`;…`), as those cut them who decode what is left: in `/;x%2fy/login` they see `/login`. A
/// backslash ends one, or is in it.
fn cut(path: &str, at_backslash: bool) -> String {
    let mut is_kept = true;
    let keeps = |letter: &char| {
        is_kept = match letter {
            ';' => false,
            '/' => true,
            '\\' if at_backslash => true,
            _ => is_kept,
        };
        is_kept
    };
    path.chars().filter(keeps).collect()
}

/// A segment up to where some app cuts it.
fn without_parameters(segment: &str) -> &str {
    segment.split([';', '\0', '?', '#']).next().unwrap_or("")
}

fn folded(path: &str, steps: bool) -> String {
    let mut decoded = path.to_owned();
    // Twice, since a proxy behind us might decode once more.
    for _ in 0..2 {
        if !decoded.contains('%') {
            break;
        }
        decoded = unescaped(&percent_decode_str(&decoded).decode_utf8_lossy());
    }
    let decoded = decoded.to_lowercase().replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match without_parameters(segment).trim() {
            ".." if steps => drop(segments.pop()),
            "" | "." | ".." => {}
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests;
