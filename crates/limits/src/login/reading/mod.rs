//! Every user name that an app might read from a request.

mod field;
mod form;
mod head;
mod json;
mod kind;
mod multipart;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

pub(super) use field::Field;
use kind::Kind;

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is of a form that an app might read and we cannot.
    Malformed,
    /// It is in an encoding of characters that is not known here.
    Charset,
    /// It holds more names than anybody has.
    TooMany,
}

/// More names than this in one request are no mistake.
const MOST_NAMES: usize = 16;

/// More fields than a form may have to most apps. Each is looked at in every way in which some app reads it, and a few
/// hundred bytes of gzip are as many fields as a body has room for.
const MOST_FIELDS: usize = 1000;

/// What a text in UTF-16 or UTF-32 begins with, in either order.
const WIDE_MARKS: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];

/// The names in the query, in credentials and in the body. `as_sent` is how the body came, where that is
/// otherwise than it is read.
pub(super) fn names(
    parts: &Parts,
    body: &[u8],
    as_sent: Option<&[u8]>,
    field: &Field,
) -> Result<Vec<String>, Unreadable> {
    let mut names = Vec::new();
    if let Some(query) = parts.uri.query() {
        bounded(query.as_bytes(), true)?;
        form::names(query.as_bytes(), field, false, &mut names);
        form::names_by_semicolon(query.as_bytes(), field, false, &mut names);
    }
    for value in parts.headers.get_all(AUTHORIZATION) {
        names.extend(basic(value.as_bytes()));
        names.extend(digest(value.as_bytes()));
    }
    let kind = Kind::of(&parts.headers)?;
    kind.charset.check(body)?;
    // Python, Java and .NET go by it whatever the type says.
    if WIDE_MARKS.iter().any(|mark| body.starts_with(mark)) {
        return Err(Unreadable::Charset);
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let first = first_letter(body);
    // Whatever it is called: an app may read JSON that says it is text.
    let is_json = kind.essence.contains("json") && first.is_some();
    if is_json || matches!(first, Some('{' | '[')) {
        json::names(body, field, &mut names)?;
    }
    // Wherever it stands: formidable looks for it in all of the header.
    let is_multipart = kind.text.to_ascii_lowercase().contains("multipart");
    // An app may read JSON from whatever has a body.
    if is_multipart && !matches!(first, Some('{' | '[')) {
        multipart::names(body, &kind, field, &mut names)?;
    }
    // Whatever it is called and looks like, an app may split it as a form: `{"x":"&user=alice&"}`.
    bounded(body, !is_json && !is_multipart)?;
    form::names(body, field, kind.charset.latin, &mut names);
    if !is_json && !is_multipart {
        form::names_by_semicolon(body, field, kind.charset.latin, &mut names);
    }
    if let Some(as_sent) = as_sent {
        // PHP, Django and Flask read what came, whatever its encoding: a form may stand in the name of a file
        // that gzip keeps. Of what begins as JSON does, or has parts, no client compresses a login.
        if is_multipart || matches!(first_letter(as_sent), Some('{' | '[')) {
            return Err(Unreadable::Malformed);
        }
        bounded(as_sent, true)?;
        form::names(as_sent, field, kind.charset.latin, &mut names);
        form::names_by_semicolon(as_sent, field, kind.charset.latin, &mut names);
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > MOST_NAMES {
        return Err(Unreadable::TooMany);
    }
    Ok(names)
}

/// Whether a body is text of which the letters that matter stand as they are, and not in UTF-16 or EBCDIC.
pub(super) fn is_plain(headers: &HeaderMap, body: &[u8]) -> bool {
    let is_wide = WIDE_MARKS.iter().any(|mark| body.starts_with(mark));
    !is_wide && Kind::of(headers).is_ok_and(|kind| kind.charset.check(body).is_ok())
}

/// Makes sure that a text has no more fields than are looked at, if it is a form, whose fields semicolons may part too.
fn bounded(text: &[u8], by_semicolons: bool) -> Result<(), Unreadable> {
    let parts = |byte: &&u8| **byte == b'&' || by_semicolons && **byte == b';';
    if text.iter().filter(parts).count() < MOST_FIELDS {
        Ok(())
    } else {
        Err(Unreadable::Malformed)
    }
}

/// The first letter that is no space to anybody; apps trim what they parse themselves.
fn first_letter(body: &[u8]) -> Option<char> {
    let text = String::from_utf8_lossy(body);
    let mut letters = text.chars();
    letters.find(|letter| !letter.is_whitespace() && !letter.is_control() && *letter != '\u{feff}')
}

/// The names in Basic credentials: Node reads both alphabets of base64, mixed too, and passes over
/// what is in neither.
fn basic(value: &[u8]) -> Vec<String> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let value = String::from_utf8_lossy(value);
    let Some((scheme, credentials)) = value.trim().split_once([' ', '\t']) else {
        return Vec::new();
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Vec::new();
    }
    let up_to_padding = credentials.split('=').next().unwrap_or("");
    let mut names = Vec::new();
    for credentials in [credentials, up_to_padding] {
        let mut letters: String = credentials
            .chars()
            .map(|letter| match letter {
                '-' => '+',
                '_' => '/',
                letter => letter,
            })
            .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/'))
            .collect();
        if letters.len() % 4 == 1 {
            // Six bits make no byte.
            letters.pop();
        }
        let decoded = engine.decode(letters).unwrap_or_default();
        let text = String::from_utf8_lossy(&decoded);
        let name = text.split(':').next().unwrap_or("");
        if !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    names
}

/// The names in Digest credentials, `username="…"` and `username*=UTF-8''…`, wherever they stand.
fn digest(value: &[u8]) -> Vec<String> {
    let value = String::from_utf8_lossy(value);
    let is_digest = |scheme: &str| scheme.eq_ignore_ascii_case("digest");
    if !value.split_whitespace().next().is_some_and(is_digest) {
        return Vec::new();
    }
    let lower = value.to_ascii_lowercase();
    let found = lower.match_indices("username").filter_map(|(at, key)| {
        let rest = value.get(at + key.len()..)?.trim_start();
        let (is_extended, rest) = match rest.strip_prefix('*') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, rest),
        };
        let rest = rest.strip_prefix('=')?.trim_start();
        if rest.starts_with('"') {
            return Some(vec![kind::unquoted(rest)]);
        }
        let word = rest.split(',').next().unwrap_or_default().trim();
        let extended = word.rsplit('\'').next().filter(|_| is_extended);
        let extended = extended.map(|text| {
            let text = percent_encoding::percent_decode_str(text);
            text.decode_utf8_lossy().into_owned()
        });
        Some(extended.into_iter().chain([word.to_owned()]).collect())
    });
    let mut names: Vec<String> = Vec::new();
    for name in found.flatten() {
        // One that is repeated must not hide another behind it; of more than there may be, one is enough.
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() > MOST_NAMES {
            break;
        }
    }
    names
}

#[cfg(test)]
mod tests;
