//! Secrets that are named as other languages do, where an error is the first that is said of the file: YAML's
//! `secret: …`, a shell's `PANOPLY_STORE_SECRET=…`, JSON, or a sentence.

use super::super::diagnose::likeness;
use super::{ACCOUNT, SECRETS};

/// Where what may be a secret begins on a line, and the line from there on: behind the name of one, if that stands before a
/// `=` or there is none.
pub(super) fn secret<'a>(section: &str, line: &'a str) -> Option<(usize, &'a str)> {
    let code = line.trim();
    if code.starts_with('#') || is_header(code) {
        return None;
    }
    let before = line.find('=').map_or(line, |at| line.split_at(at).0);
    let mut words = words(before);
    let at = if section.contains(ACCOUNT) && before == line {
        words.find(|(_, word)| *word != "id").map(|(at, _)| at)
    } else {
        words.find(|(_, word)| names(word)).map(|(at, _)| at)
    }?;
    let behind = line.get(at..)?;
    // What the name ends with, and what tells the value from it.
    let begin = behind.trim_start_matches(['"', '\'', ' ', '\t']);
    let begin = begin.strip_prefix([':', '=']).unwrap_or(begin);
    Some((line.len() - begin.len(), begin))
}

/// The words of a text, each with where it ends.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    text.split_inclusive(move |c| !is_of_word(c))
        .filter_map(move |part| {
            let word = part.trim_end_matches(move |c| !is_of_word(c));
            let end = at + word.len();
            at += part.len();
            (!word.is_empty()).then_some((end, word))
        })
}

/// Whether a word is the name of a secret, or ends in one: `PANOPLY_STORE_SECRET`.
fn names(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let is = |secret: &str| likeness(&word, secret) > 0.9 || word.ends_with(&format!("_{secret}"));
    SECRETS.into_iter().any(is)
}

fn is_header(line: &str) -> bool {
    let within = line.trim_start_matches('[').trim_end_matches(']');
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '"' | '\'' | ' ');
    line.starts_with('[') && line.ends_with(']') && within.chars().all(is_name)
}
