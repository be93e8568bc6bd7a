//! Passes among the cookies of a request and an answer.

use http::header::{COOKIE, Entry, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use panoply_cookies::{Sealer, pairs};
use smallvec::SmallVec;

/// The cookie of a pass, by HTTPS and without.
pub(super) const NAMES: [&str; 2] = ["__Host-panoply-pass", "panoply-pass"];

/// As many passes of one request are looked at: by plain HTTP other hosts of a domain can set more of them beside the
/// one that was given, and each that is looked at costs some microseconds.
const MOST: usize = 32;

/// No pass is longer, in bytes: one of four networks has some 210.
const LONGEST: usize = 320;

fn is_pass(name: &[u8]) -> bool {
    NAMES.iter().any(|own| own.as_bytes() == name)
}

/// Takes all passes out of the cookies; gives those that may be one.
pub(super) fn take_passes(headers: &mut HeaderMap, https: bool) -> SmallVec<[Vec<u8>; 1]> {
    let [own, plain] = NAMES;
    let name = if https { own } else { plain }.as_bytes();
    let mut passes = SmallVec::new();
    let mut has_any = false;
    for line in headers.get_all(COOKIE) {
        for pair in pairs(line.as_bytes()).filter(|pair| is_pass(pair.name)) {
            has_any = true;
            let may_be_one = pair.value.len() <= LONGEST && Sealer::is_sealed(pair.value);
            if pair.name == name && may_be_one && passes.len() < MOST {
                passes.push(pair.value.to_vec());
            }
        }
    }
    if has_any {
        let lines: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
        headers.remove(COOKIE);
        for line in lines {
            if let Some(line) = without_passes(line) {
                headers.append(COOKIE, line);
            }
        }
    }
    passes
}

/// The rest of a line of cookies, as it came; none if nothing is left of it.
fn without_passes(line: HeaderValue) -> Option<HeaderValue> {
    let is_one = |piece: &&[u8]| pairs(piece).any(|pair| is_pass(pair.name));
    let pieces = line.as_bytes().split(|byte| *byte == b';');
    let (passes, rest): (Vec<&[u8]>, Vec<&[u8]>) = pieces.partition(is_one);
    if passes.is_empty() {
        return Some(line);
    }
    let rest = rest.join(&b';');
    let rest = rest.trim_ascii();
    if rest.is_empty() {
        return None;
    }
    HeaderValue::from_bytes(rest).ok()
}

/// Takes out what would set a pass.
pub(super) fn withhold(headers: &mut HeaderMap) {
    let sets = |value: &HeaderValue| {
        let pair = value.as_bytes().split(|byte| *byte == b';').next();
        let mut parts = pair.unwrap_or_default().split(|byte| *byte == b'=');
        // Of a cookie without a name (`=NAME=VALUE`) the value alone is sent, which then is one with a name.
        let name = parts.find_map(|part| Some(part.trim_ascii()).filter(|part| !part.is_empty()));
        name.is_some_and(is_pass)
    };
    if !headers.get_all(SET_COOKIE).iter().any(sets) {
        return;
    }
    if let Entry::Occupied(entry) = headers.entry(SET_COOKIE) {
        let (name, all) = entry.remove_entry_mult();
        let kept: Vec<HeaderValue> = all.filter(|value| !sets(value)).collect();
        for value in kept {
            headers.append(&name, value);
        }
    }
}
