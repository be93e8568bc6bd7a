//! What is shown of an `[[access]]`: what looks as it should, since a password may stand anywhere else by mistake.

use std::ops::Range;

use toml::{Table, Value};

use super::super::diagnose::likeness;
use super::words::{Kind, Token, Tokens};

const ACCESS: &str = "access";
const USERS: &str = "users";

/// The keys that have values of a form of their own.
const KEYS: [&str; 9] = [
    "path",
    "domains",
    "allow",
    USERS,
    "htpasswd",
    "satisfy",
    "except",
    "user_header",
    "dry_run",
];

/// What somebody writes for a word or a switch, right or wrong.
const WORDS: [&str; 18] = [
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "all",
    "any",
    "both",
    "either",
    "one",
    "none",
    "and",
    "or",
    "loopback",
    "linklocal",
    "uniquelocal",
    "localhost",
];

/// The bytes of `text` that are not to be shown, in order.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut reader = Reader::default();
    let mut tokens = Tokens::of(text);
    while let Some(token) = tokens.next() {
        if token.kind == Kind::Mark('[') && tokens.begins_header(&token) {
            reader.header(&mut tokens);
        } else {
            reader.read(&token);
        }
    }
    reader.flush();
    reader.secrets
}

/// The texts of the `[[access]]` tables that no message may repeat.
pub(super) fn texts(table: &Table) -> Vec<&str> {
    fn collect<'a>(path: &[String], value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::String(text) if !text.is_empty() && !is_shown(path, text) => found.push(text),
            Value::Array(values) => values.iter().for_each(|value| collect(path, value, found)),
            Value::Table(table) => {
                for (key, value) in table {
                    collect(&[path, std::slice::from_ref(key)].concat(), value, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Some(access) = table.get(ACCESS) {
        collect(&[], access, &mut found);
    }
    found
}

/// Whether the value at a path within such a table looks as it should.
fn is_shown(path: &[String], value: &str) -> bool {
    let is_word = || WORDS.contains(&value.to_ascii_lowercase().as_str());
    let [key] = path else {
        return path.is_empty() && is_word();
    };
    let is_odd = || value.contains(|c: char| c.is_control() || matches!(c, ':' | '$' | '\\'));
    match key.as_str() {
        "path" | "except" => value.starts_with('/') && !is_odd(),
        "htpasswd" => (value.starts_with(['/', '.']) || value.contains("passwd")) && !is_odd(),
        "user_header" => value
            .chars()
            .all(|c| c.is_ascii_alphabetic() || "-_".contains(c)),
        "allow" => is_word() || is_address(value),
        "domains" => is_word() || is_address(value) || is_name(value),
        "satisfy" | "dry_run" => is_word(),
        _ => false,
    }
}

/// Whether it is an address or a network, or was to be one.
fn is_address(value: &str) -> bool {
    let address = value.split('/').next().unwrap_or_default();
    let is_v4 = |c: char| c.is_ascii_digit() || "./".contains(c);
    let is_like_v4 = value.contains('.') && value.chars().all(is_v4);
    is_like_v4 || address.parse::<std::net::Ipv6Addr>().is_ok() && value.len() < 50
}

/// Whether it is the name of a site, or a wildcard.
fn is_name(value: &str) -> bool {
    let labels = value.strip_prefix("*.").unwrap_or(value).split('.');
    let is_label = |label: &str| {
        let mut letters = label.chars();
        !label.is_empty() && letters.all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let last = value.rsplit('.').next().unwrap_or_default();
    labels.clone().count() > 1
        && labels.clone().all(is_label)
        && last.len() > 1
        && last.chars().all(|c| c.is_ascii_alphabetic())
}

/// Whether a name may be that of such a table; one that is spelled by escapes may be any.
fn is_access(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_as_long = name.len().abs_diff(ACCESS.len()) < 3;
    name.contains('\\') || is_as_long && likeness(&name, ACCESS) > 0.9
}

/// Whether it is a word that a key may be.
fn is_plain(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// A table or a list that is open.
#[derive(Debug, Default)]
struct Frame {
    is_list: bool,
    /// Where it is within an `[[access]]`, if it is in one.
    base: Option<Vec<String>>,
    /// What has been read of a key.
    key: Vec<(String, Range<usize>)>,
    /// Whether a value is read, where that is within one, and whether some of it was there.
    in_value: bool,
    value: Option<Vec<String>>,
    some: bool,
}

impl Frame {
    fn path(&self) -> Option<&Vec<String>> {
        let path = if self.in_value {
            &self.value
        } else {
            &self.base
        };
        path.as_ref()
    }
}

#[derive(Debug, Default)]
struct Reader {
    frame: Frame,
    /// Those around it.
    outer: Vec<Frame>,
    secrets: Vec<Range<usize>>,
    /// Whether there is no telling what is a key and what is not, up to the next header.
    is_lost: bool,
}

impl Reader {
    /// A line with the name of a table, whose first bracket was read.
    fn header(&mut self, tokens: &mut Tokens<'_>) {
        self.flush();
        (self.frame, self.outer) = (Frame::default(), Vec::new());
        self.is_lost = false;
        while let Some(token) = tokens.next() {
            match token.kind {
                Kind::Mark('[') => {}
                Kind::Text(_) | Kind::Unended if self.swallows(&token) => break,
                Kind::Word | Kind::Text(_) | Kind::Unended => {
                    self.frame.key.extend(token.names());
                }
                Kind::Mark(']') => {
                    tokens.skip(']');
                    self.frame.base = self.named();
                    break;
                }
                _ => {
                    self.frame.base = self.named();
                    self.read(&token);
                    break;
                }
            }
        }
    }

    fn read(&mut self, token: &Token<'_>) {
        if self.is_lost {
            let is_form = matches!(token.kind, Kind::Mark(_) | Kind::Newline);
            self.secrets.extend((!is_form).then(|| token.at.clone()));
            return;
        }
        let is_inside = self.frame.path().is_some();
        match token.kind {
            Kind::Comment => {
                let may_tell = |c: char| c.is_ascii_digit() || ":=$'\"".contains(c);
                if is_inside && token.text.contains(may_tell) {
                    self.secrets.push(token.at.clone());
                }
            }
            Kind::Newline => {
                self.flush();
                // A value may stand below its key by mistake.
                let waits = is_inside && !self.frame.some;
                if self.outer.is_empty() && !waits {
                    self.frame.in_value = false;
                }
            }
            Kind::Mark('=') => {
                if !self.frame.in_value {
                    self.frame.some = false;
                    self.frame.value = self.named();
                    self.frame.in_value = true;
                } else if is_inside {
                    self.frame.value = Some(vec![String::new(); 2]);
                }
            }
            Kind::Mark(open @ ('[' | '{')) => {
                self.flush();
                self.frame.some = true;
                let is_list = open == '[';
                let path = self.frame.path().cloned();
                let inner = Frame {
                    is_list,
                    in_value: is_list,
                    value: path.clone(),
                    base: path,
                    ..Frame::default()
                };
                self.outer.push(std::mem::replace(&mut self.frame, inner));
            }
            Kind::Mark(']' | '}') => {
                self.flush();
                if let Some(outer) = self.outer.pop() {
                    self.frame = outer;
                }
            }
            Kind::Mark(_) => {
                self.flush();
                if !self.frame.is_list && !self.outer.is_empty() {
                    self.frame.in_value = false;
                }
            }
            Kind::Text(_) | Kind::Unended if self.swallows(token) => {}
            Kind::Word | Kind::Text(_) | Kind::Unended => {
                if self.frame.in_value {
                    self.frame.some = true;
                    let is_shown = |path: &Vec<String>| is_shown(path, token.value());
                    if !self.frame.value.as_ref().is_none_or(is_shown) {
                        self.secrets.push(token.at.clone());
                    }
                } else {
                    self.frame.key.extend(token.names());
                }
            }
        }
    }

    /// Whether it is a text of several lines that lacks its end and has gone on to another one, or to that of the
    /// file, with such a table in it: what comes behind may be of that.
    fn swallows(&mut self, token: &Token<'_>) -> bool {
        let mut lines = token.text.lines().skip(1).map(str::trim_start);
        let has_access = lines.any(|line| {
            let name = line.trim_start_matches(['[', ' ', '\t', '"', '\'']);
            let name = name.split([']', '.', '"', '\'', ' ']).next();
            line.starts_with('[') && name.is_some_and(is_access)
        });
        if token.kind == Kind::Unended || has_access {
            self.secrets.push(token.at.clone());
        }
        self.is_lost |= has_access;
        token.kind == Kind::Unended || has_access
    }

    /// The key has been read: where it is within an `[[access]]`, if it is in one.
    fn named(&mut self) -> Option<Vec<String>> {
        let keys = std::mem::take(&mut self.frame.key);
        let mut path = self.frame.base.clone();
        for (name, at) in keys {
            let Some(path) = &mut path else {
                path = is_access(&name).then(Vec::new);
                continue;
            };
            let of_users = path.first().is_some_and(|first| first == USERS);
            let most = if of_users { 2 } else { 1 };
            if path.len() >= most || !is_plain(&name) {
                self.secrets.push(at);
            }
            path.push(name);
        }
        path
    }

    /// What has been read as a key is none.
    fn flush(&mut self) {
        let keys = std::mem::take(&mut self.frame.key);
        if self.frame.path().is_none() {
            return;
        }
        for (name, at) in keys {
            if !KEYS.contains(&name.as_str()) {
                self.secrets.push(at);
            }
        }
    }
}
