//! What is shown of a file beside an error: not what is secret in it.

use std::ops::Range;

use toml::Table;

use self::open::Open;
use super::diagnose::likeness;

mod access;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod open;
mod otherwise;
mod words;

/// What a key of a secret is called; one that is misspelt is no less one.
const SECRETS: [&str; 5] = ["secret", "password", "token", "hmac", "hmac_key"];

/// Secret values without an end that are told apart.
const MOST_OPEN: usize = 32;

/// The table with the key of an account, which is called `key`.
const ACCOUNT: &str = "external_account";

/// The table of those who have a password, which may stand there as it is by mistake.
const USERS: &str = "users";

/// Where it stands, and what stands beside it.
const ACCESS: &str = "access";
const USER_HEADER: &str = "user_header";

/// The same text, byte for byte as long, with stars for secrets, and for passwords in URLs.
pub(super) fn veil(text: &str) -> String {
    let mut secrets = access::secrets(text);
    secrets.extend(hashes(text));
    secrets.sort_unstable_by_key(|secret| secret.start);
    let mut secrets = secrets.into_iter().peekable();
    // As long as the text, and a letter of it begins where one of this does.
    let shown = of_keys(text);
    let veiled = shown.char_indices().map(|(at, c)| {
        while secrets.next_if(|secret| secret.end <= at).is_some() {}
        let is_secret = secrets.peek().is_some_and(|secret| secret.start <= at);
        let is_hidden = is_secret && !c.is_whitespace() && !matches!(c, '"' | '\'');
        if is_hidden {
            "*".repeat(c.len_utf8())
        } else {
            c.to_string()
        }
    });
    veiled.collect()
}

/// A message without what looks like the hash of a password, or like a password in an address.
pub(super) fn without_hashes(message: &str) -> String {
    let lines = message.split_inclusive('\n').map(without_passwords);
    let mut shown: String = lines.collect();
    for hash in hashes(message) {
        shown = stars(&shown, hash.start, hash.end);
    }
    shown
}

/// A message about a file of this table, without what in an `[[access]]` does not look as it should.
pub(super) fn without_texts(message: &str, table: &Table) -> String {
    /// What is shorter may be a word of the message.
    const LONG: usize = 6;
    let mut texts = access::texts(table);
    texts.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    texts.iter().fold(message.to_owned(), |shown, text| {
        if text.len() < LONG {
            shown.replace(&format!("`{text}`"), "`…`")
        } else {
            shown.replace(text, "…")
        }
    })
}

/// Where there is what looks like a hash by bcrypt, though its end may be missing.
fn hashes(text: &str) -> Vec<Range<usize>> {
    let hash = |(at, _): (usize, &str)| {
        let rest = text.get(at..)?;
        let (kind, rest) = rest.strip_prefix("$2")?.split_once('$')?;
        let (cost, rest) = rest.split_once('$')?;
        let digits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/');
        let length = { rest.chars() }.take_while(|c| digits(*c)).count();
        let is_hash = kind.len() < 2 && cost.len() < 3 && length > 0;
        is_hash.then(|| at..at + "$2$$".len() + kind.len() + cost.len() + length)
    };
    text.match_indices("$2").filter_map(hash).collect()
}

/// The same by what keys are called, wherever they stand.
fn of_keys(text: &str) -> String {
    // The header above, and what looks like one within a value that has no end, as it may be one.
    let (mut section, mut within) = ("", "");
    // Such values that are open still: they may go on over several lines, and one in another that lacks its end.
    let mut open: Vec<Open> = Vec::new();
    // Beyond so many there is no telling what ends what.
    let mut is_lost = false;
    let lines = text.split_inclusive('\n').map(|line| {
        { open.iter_mut() }.for_each(|open| open.begin(line));
        open.retain(Open::is_open);
        let is_within = is_lost || !open.is_empty();
        { open.iter_mut() }.for_each(|open| open.read(line));
        if line.trim_start().starts_with('[') {
            (section, within) = if is_within {
                (section, line)
            } else {
                (line, "")
            };
        }
        let by_key = first_secret([section, within], line);
        let named = otherwise::secret(section, line);
        // Whatever begins first: one may have in it what the other looks for.
        let secret = { by_key.into_iter().chain(named) }.min_by_key(|(at, _)| *at);
        if let Some((_, value)) = secret {
            is_lost |= open.len() >= MOST_OPEN;
            open.push(Open::of(line, value));
            open.truncate(MOST_OPEN);
        }
        open.retain(Open::is_open);
        match secret {
            _ if is_within => stars(line, 0, line.len()),
            Some((at, _)) => without_passwords(&stars(line, at, line.len())),
            None => without_passwords(line),
        }
    });
    lines.collect()
}

/// Where the first secret of a line begins, which may stand in a table within it, and the line from there on.
fn first_secret<'a>(sections: [&str; 2], line: &'a str) -> Option<(usize, &'a str)> {
    let mut values = line.match_indices('=').filter_map(|(at, _)| {
        let (before, behind) = (line.get(..at)?, line.get(at + 1..)?);
        let key = before.rsplit(['{', ',', '[', '=']).next()?;
        let word = key.split_whitespace().next_back().unwrap_or_default();
        let is = |key: &str| { sections.iter() }.any(|section| is_secret(section, key, behind));
        (is(key) || is(word)).then_some((at + 1, behind))
    });
    values.next()
}

/// Whether something secret is in this part of a text.
pub(super) fn hides(text: &str, part: &Range<usize>) -> bool {
    veil(text).get(part.clone()) != text.get(part.clone())
}

fn is_secret(section: &str, key: &str, value: &str) -> bool {
    let bare = |name: &str| {
        let name = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '#'));
        name.to_ascii_lowercase()
    };
    let key = key.trim().trim_matches(['"', '\'']);
    let last = bare(key.rsplit('.').next().unwrap_or(key));
    let alike = |secret: &str| likeness(&last, secret) > 0.9;
    let of_account = section.contains(ACCOUNT) && last != "id";
    let header = section.trim().trim_start_matches('[');
    let header = header.split(']').next().unwrap_or_default();
    let of_users = { header.split('.').chain(key.split('.')) }.any(|name| bare(name) == USERS);
    // One that is misspelt is no text, which `run.user` is, but beside the others of its table.
    let of_access = { header.split('.') }.any(|name| bare(name) == ACCESS) && last != USER_HEADER;
    let may_be = of_access || value.trim_start().starts_with(['{', '[']);
    let like_users = may_be && likeness(&last, USERS) > 0.7;
    let is_access = last == ACCESS && value.trim_start().starts_with(['"', '\'']);
    of_account
        || of_users
        || like_users
        || is_access
        || key.contains(ACCOUNT)
        || SECRETS.into_iter().any(alike)
}

/// Stars for what stands before an `@` as a name and a password do.
fn without_passwords(line: &str) -> String {
    let mut shown = line.to_owned();
    for (at, _) in line.match_indices('@') {
        let before = line.get(..at).unwrap_or_default();
        if let Some(begin) = of_scheme(before) {
            shown = stars(&shown, begin, at);
        }
        let begin = before
            .rfind(['"', '\'', ' ', ',', '['])
            .map_or(0, |quote| quote + 1);
        let url = before.get(begin..).unwrap_or_default();
        if let Some(colon) = url.find(':') {
            let slashes = url.find("://").map_or(colon + 1, |scheme| scheme + 3);
            shown = stars(&shown, begin + slashes, at);
        }
    }
    shown
}

/// Where an address begins, behind its scheme, that this ends in: in a text it has whatever stands there.
fn of_scheme(before: &str) -> Option<usize> {
    const SCHEME: &str = "://";
    let (mut quote, mut begin, mut is_escaped) = (None, 0, false);
    for (at, c) in before.char_indices() {
        match quote {
            _ if is_escaped => is_escaped = false,
            Some('"') if c == '\\' => is_escaped = true,
            Some(open) if c == open => (quote, begin) = (None, at + 1),
            None if matches!(c, '"' | '\'') => (quote, begin) = (Some(c), at + 1),
            _ => {}
        }
    }
    let text = before.get(begin..)?;
    if quote.is_some() && text.contains(SCHEME) {
        return text.find(SCHEME).map(|at| begin + at + SCHEME.len());
    }
    // A quote in a password may have ended the text.
    let at = before.rfind(SCHEME)? + SCHEME.len();
    let is_one = |c: char| !c.is_whitespace() && c != ',';
    before.get(at..)?.chars().all(is_one).then_some(at)
}

/// Stars from one byte to another, but for quotes and white space.
fn stars(line: &str, from: usize, to: usize) -> String {
    let veiled = line.char_indices().map(|(at, c)| {
        let hidden = at >= from && at < to && !c.is_whitespace() && !matches!(c, '"' | '\'');
        if hidden {
            "*".repeat(c.len_utf8())
        } else {
            c.to_string()
        }
    });
    veiled.collect()
}

#[cfg(test)]
mod tests;
