//! `multipart/form-data`: what only one parser would read is refused, since no client writes it.

use super::form::is_at;
use super::head::is_plain;
use super::kind::{Charset, Kind, unquoted};
use super::{Field, Unreadable};

/// A head with more than this is no client's: browsers write some two hundred bytes.
const MOST_HEAD: usize = 8 * 1024;

/// More names than this for one part are no mistake.
const MOST_KEYS: usize = 16;

/// The values of the parts that are called as the field.
pub(super) fn names(
    body: &[u8],
    kind: &Kind,
    field: &Field,
    names: &mut Vec<String>,
) -> Result<(), Unreadable> {
    let delimiter = format!("--{}", boundary(&kind.text)?);
    // Bytes are read as Latin-1, so that places in the text are places in the body.
    let text = latin1(body);
    let delimiter = latin1(delimiter.as_bytes());
    let text = text.trim_start_matches("\r\n");
    if text.is_empty() {
        return Ok(());
    }
    let mut chunks = text.split(delimiter.as_str());
    // Text before the first boundary is for people who read letters without a mail program.
    if chunks.next() != Some("") {
        return Err(Unreadable::Malformed);
    }
    let mut chunks = chunks.peekable();
    while let Some(chunk) = chunks.next() {
        // A boundary within a line ends a part for some, and for others it does not.
        let chunk = match chunks.peek() {
            Some(_) => chunk.strip_suffix("\r\n").ok_or(Unreadable::Malformed)?,
            None => chunk,
        };
        if let Some(behind) = chunk.strip_prefix("--") {
            // Text behind the end is read by nobody, or by Django as a part's head.
            if behind.contains(|letter| !matches!(letter, '\r' | '\n')) {
                return Err(Unreadable::Malformed);
            }
            continue;
        }
        let part = chunk.strip_prefix("\r\n").ok_or(Unreadable::Malformed)?;
        let (head, value) = part.split_once("\r\n\r\n").ok_or(Unreadable::Malformed)?;
        read(head, value, field, names)?;
    }
    Ok(())
}

fn read(head: &str, value: &str, field: &Field, names: &mut Vec<String>) -> Result<(), Unreadable> {
    if head.len() > MOST_HEAD || !is_plain(head) {
        return Err(Unreadable::Malformed);
    }
    let lower = head.to_ascii_lowercase();
    let charset = Charset::of(head)?;
    if is_recoded(&lower) {
        return Err(Unreadable::Malformed);
    }
    if !keys(head, &lower)?.iter().any(|key| is_at(key, field)) {
        return Ok(());
    }
    // Every character stands for one byte.
    let bytes: Vec<u8> = value.chars().filter_map(|c| u8::try_from(c).ok()).collect();
    charset.check(&bytes)?;
    match String::from_utf8(bytes) {
        Ok(text) => {
            if charset.latin && !text.is_ascii() {
                names.push(value.to_owned());
            }
            names.push(text);
        }
        Err(_) => names.push(value.to_owned()),
    }
    Ok(())
}

/// The one boundary of a content type; told apart by case, so as it came.
fn boundary(text: &str) -> Result<String, Unreadable> {
    let lower = text.to_ascii_lowercase();
    // Where a value is given: Chromium's boundary is `----WebKitFormBoundary…`, Firefox's alike.
    let given = |(at, key): (usize, &str)| {
        let rest = text.get(at + key.len()..)?.trim_start();
        rest.starts_with(['=', '*']).then_some(rest)
    };
    let mut found = lower.match_indices("boundary").filter_map(given);
    let value = found.next().and_then(|rest| rest.strip_prefix('='));
    let value = value.map(str::trim_start);
    let boundary = value.map(unquoted).unwrap_or_default();
    // What a backslash means within quotes is not agreed upon.
    let is_escaped = value.is_some_and(|value| value.starts_with('"') && value.contains('\\'));
    if boundary.is_empty() || is_escaped || found.next().is_some() {
        return Err(Unreadable::Malformed);
    }
    Ok(boundary)
}

/// Whether the value of a part is in an encoding that would have to be undone.
fn is_recoded(head_lower: &str) -> bool {
    let name = "content-transfer-encoding";
    head_lower.match_indices(name).any(|(at, name)| {
        let rest = head_lower.get(at + name.len()..).unwrap_or("");
        let value = rest.split("\r\n").next().unwrap_or("");
        let value = value.trim().trim_start_matches(':').trim();
        !["7bit", "8bit", "binary"].contains(&value)
    })
}

/// Every `name=` and `name*=` of a part's head.
fn keys(head: &str, head_lower: &str) -> Result<Vec<String>, Unreadable> {
    let mut keys = Vec::new();
    let mut found = 0;
    for (at, name) in head_lower.match_indices("name") {
        let before = head_lower
            .get(..at)
            .and_then(|text| text.chars().next_back());
        if !matches!(before, Some(';' | ' ' | '\t' | '\n')) {
            continue;
        }
        let rest = head.get(at + name.len()..).unwrap_or("").trim_start();
        let (is_extended, rest) = match rest.strip_prefix('*') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, rest),
        };
        let Some(rest) = rest.strip_prefix('=') else {
            continue;
        };
        found += 1;
        if found > MOST_KEYS {
            return Err(Unreadable::Malformed);
        }
        let mut value = unquoted(rest.trim_start());
        if is_extended {
            let (charset, extended) = value.split_once('\'').ok_or(Unreadable::Malformed)?;
            Charset::of(&format!("charset={charset}"))?;
            value = extended.rsplit('\'').next().unwrap_or("").into();
        }
        // As it stands, as browsers escape it, and cut at what some end a word at.
        let bytes: Vec<u8> = value.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        let decoded = percent_encoding::percent_decode(&bytes).decode_utf8_lossy();
        keys.push(decoded.into_owned());
        let word = value.split([' ', '\t', ',']).next().unwrap_or("");
        keys.push(word.to_owned());
        keys.push(String::from_utf8_lossy(&bytes).into_owned());
        keys.push(value);
    }
    Ok(keys)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
