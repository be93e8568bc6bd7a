//! Every user name that an app might read from a request.

mod field;
mod form;
mod json;
mod multipart;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;

pub(super) use field::Field;

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

/// The names in the query, in Basic credentials and in the body.
pub(super) fn names(parts: &Parts, body: &[u8], field: &Field) -> Result<Vec<String>, Unreadable> {
    let mut names = Vec::new();
    if let Some(query) = parts.uri.query() {
        form::names(query.as_bytes(), field, false, &mut names);
    }
    names.extend(basic(parts));
    let content_type = parts.headers.get(CONTENT_TYPE);
    let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if !is_known_charset(&content_type) {
        return Err(Unreadable::Charset);
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    // Whatever it is called: an app may read JSON that says it is text.
    if content_type.contains("json") || matches!(first, Some(b'{' | b'[')) {
        if first.is_some() {
            json::names(body, field, &mut names)?;
        }
    } else if content_type.contains("multipart") {
        multipart::names(body, &content_type, parts, field, &mut names)?;
    } else {
        let latin = ["8859", "latin1", "1252"];
        let latin = latin.iter().any(|name| content_type.contains(name));
        form::names(body, field, latin, &mut names);
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > MOST_NAMES {
        return Err(Unreadable::TooMany);
    }
    Ok(names)
}

/// ASCII, UTF-8 and Latin-1 are read as they stand; in UTF-16 or UTF-7 a name could hide.
fn is_known_charset(content_type: &str) -> bool {
    let Some((_, charset)) = content_type.split_once("charset") else {
        return true;
    };
    let charset = charset.trim_start_matches(['*', ' ', '=', '"', '\'']);
    let end = charset
        .find([';', '"', '\'', ' ', ','])
        .unwrap_or(charset.len());
    let known = [
        "utf-8",
        "utf8",
        "us-ascii",
        "ascii",
        "iso-8859-1",
        "latin1",
        "windows-1252",
    ];
    charset
        .get(..end)
        .is_some_and(|charset| known.contains(&charset))
}

fn basic(parts: &Parts) -> Option<String> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    // Node reads both alphabets, mixed too.
    let credentials = credentials.trim().replace('-', "+").replace('_', "/");
    let engine = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let decoded = engine.decode(credentials).ok()?;
    let text = String::from_utf8_lossy(&decoded).into_owned();
    Some(text.split(':').next().unwrap_or("").to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
