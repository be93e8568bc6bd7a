//! `multipart/form-data`, as lenient parsers read it.

use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::form::is_at;
use super::{Field, Unreadable};

/// The values of the parts that are called as the field.
pub(super) fn names(
    body: &[u8],
    content_type: &str,
    parts: &Parts,
    field: &Field,
    names: &mut Vec<String>,
) -> Result<(), Unreadable> {
    // A boundary is told apart by case, so it is read from the header as it came.
    let raw = parts
        .headers
        .get(CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes);
    let raw = String::from_utf8_lossy(raw.unwrap_or_default()).into_owned();
    let at = content_type.find("boundary").ok_or(Unreadable::Malformed)?;
    let boundary = raw.get(at + "boundary".len()..).unwrap_or("");
    let boundary = boundary
        .trim_start()
        .strip_prefix('=')
        .ok_or(Unreadable::Malformed)?;
    let boundary = parameter(boundary.trim_start());
    if boundary.is_empty() || content_type.matches("boundary").count() > 1 {
        return Err(Unreadable::Malformed);
    }
    let delimiter = format!("--{boundary}");
    // Bytes are read as Latin-1, so that places in the text are places in the body.
    let text: String = body.iter().copied().map(char::from).collect();
    for part in text.split(delimiter.as_str()).skip(1) {
        if part.starts_with("--") {
            break;
        }
        let part = part.trim_start_matches([' ', '\t']);
        let part = part
            .strip_prefix("\r\n")
            .or_else(|| part.strip_prefix('\n'));
        let Some((head, value)) = part.and_then(halves) else {
            continue;
        };
        let head_lower = head.to_ascii_lowercase();
        if head_lower.contains("content-transfer-encoding") {
            return Err(Unreadable::Malformed);
        }
        if !keys(head, &head_lower).iter().any(|key| is_at(key, field)) {
            continue;
        }
        let value = value.strip_suffix('\n').unwrap_or(value);
        let value = value.strip_suffix('\r').unwrap_or(value);
        // Every character stands for one byte.
        let bytes: Vec<u8> = value.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        match String::from_utf8(bytes) {
            Ok(value) => names.push(value),
            Err(_) => names.push(value.to_owned()),
        }
    }
    Ok(())
}

fn halves(part: &str) -> Option<(&str, &str)> {
    part.split_once("\r\n\r\n")
        .or_else(|| part.split_once("\n\n"))
}

/// Every `name=` and `name*=` of a part's head.
fn keys(head: &str, head_lower: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (at, _) in head_lower.match_indices("name") {
        let before = head_lower
            .get(..at)
            .and_then(|text| text.chars().next_back());
        if !matches!(before, Some(';' | ' ' | '\t' | '\n')) {
            continue;
        }
        let rest = head.get(at + "name".len()..).unwrap_or("").trim_start();
        let (extended, rest) = match rest.strip_prefix('*') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, rest),
        };
        let Some(rest) = rest.strip_prefix('=') else {
            continue;
        };
        let value = parameter(rest.trim_start());
        let value = match value.rsplit_once('\'') {
            Some((_, value)) if extended => value.to_owned(),
            _ => value,
        };
        let decoded = percent_encoding::percent_decode_str(&value).decode_utf8_lossy();
        keys.push(decoded.into_owned());
        keys.push(value);
    }
    keys
}

/// The value of a parameter, quoted or not.
fn parameter(text: &str) -> String {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find([';', '\r', '\n', ' ', '\t', ','])
            .unwrap_or(text.len());
        return text.get(..end).unwrap_or("").to_owned();
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            character => value.push(character),
        }
    }
    value
}
