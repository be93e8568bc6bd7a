//! What is shown of a file beside an error: not what is secret in it.

use std::ops::Range;

use toml::Table;

use super::diagnose::likeness;

mod access;
mod words;

/// What a key of a secret is called; one that is misspelt is no less one.
const SECRETS: [&str; 5] = ["secret", "password", "token", "hmac", "hmac_key"];

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

/// A message without what looks like the hash of a password.
pub(super) fn without_hashes(message: &str) -> String {
    let mut shown = message.to_owned();
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
    let mut section = "";
    // What of such a value is open still: it may go on over several lines.
    let mut open = Open::default();
    let lines = text.split_inclusive('\n').map(|line| {
        if open.is_open() {
            open.read(line);
            return stars(line, 0, line.len());
        }
        if line.trim_start().starts_with('[') {
            section = line;
        }
        // The first secret, which may stand in a table within the line.
        let mut values = line.match_indices('=').filter_map(|(at, _)| {
            let (before, behind) = (line.get(..at)?, line.get(at + 1..)?);
            let key = before.rsplit(['{', ',', '[', '=']).next()?;
            let word = key.split_whitespace().next_back().unwrap_or_default();
            let is = |key: &str| is_secret(section, key, behind);
            (is(key) || is(word)).then_some((at + 1, behind))
        });
        match values.next() {
            Some((at, value)) => {
                open.read(value);
                without_passwords(&stars(line, at, line.len()))
            }
            None => without_passwords(line),
        }
    });
    lines.collect()
}

/// Whether something secret is in this part of a text.
pub(super) fn hides(text: &str, part: &Range<usize>) -> bool {
    veil(text).get(part.clone()) != text.get(part.clone())
}

/// The brackets of a value that are open still, or the quotes of a text of several lines.
#[derive(Debug, Default)]
struct Open {
    brackets: usize,
    quotes: Option<&'static str>,
}

impl Open {
    const fn is_open(&self) -> bool {
        self.brackets > 0 || self.quotes.is_some()
    }

    /// Goes on with a line.
    fn read(&mut self, line: &str) {
        const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let mut read = first.len_utf8();
            match self.quotes {
                Some(quotes) if rest.starts_with(quotes) => {
                    self.quotes = None;
                    read = quotes.len();
                }
                // What stands behind it is a letter.
                Some("\"\"\"" | "\"") if first == '\\' => {
                    read += rest.chars().nth(1).map_or(0, char::len_utf8);
                }
                Some(_) => {}
                None => match first {
                    '{' | '[' => self.brackets += 1,
                    '}' | ']' => self.brackets = self.brackets.saturating_sub(1),
                    '#' => break,
                    _ => {
                        self.quotes =
                            { QUOTES.into_iter() }.find(|quotes| rest.starts_with(quotes));
                        read = self.quotes.map_or(read, str::len);
                    }
                },
            }
            rest = rest.get(read..).unwrap_or_default();
        }
        // Such a text ends with its line, whether or not it is ended.
        self.quotes = self.quotes.filter(|quotes| quotes.len() > 1);
    }
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
mod tests {
    use super::*;

    #[test]
    fn secrets_have_stars_and_nothing_moves() {
        for (line, shown) in [
            ("secret = \"hunter2\"\n", "secret = \"*******\"\n"),
            ("secrte = \"hunter2\"", "secrte = \"*******\""),
            ("store.secret = 'hunter2'", "store.secret = '*******'"),
            ("secret = \"schön\"", "secret = \"******\""),
            (
                "url = \"reddis://:hunter2@h:1/2\"",
                "url = \"reddis://********@h:1/2\"",
            ),
            ("url = \"rediss:hunter2@h\"", "url = \"rediss:*******@h\""),
            (
                "external_account = { id = \"a\", key = \"b\" }",
                "external_account = * ** * \"*\"* *** * \"*\" *",
            ),
            (
                "contact = \"ops@shop.example\"",
                "contact = \"ops@shop.example\"",
            ),
            ("preset = \"strict\"", "preset = \"strict\""),
            ("key = \"/etc/key.pem\"", "key = \"/etc/key.pem\""),
        ] {
            assert_eq!(veil(line), shown);
            assert_eq!(veil(line).len(), line.len());
        }
        let account = "[acme.external_account]\nid = \"a\"\nkye = \"b\"\n[tls]\nkey = \"c\"\n";
        let shown = "[acme.external_account]\nid = \"a\"\nkye = \"*\"\n[tls]\nkey = \"c\"\n";
        assert_eq!(veil(account), shown);
        for (users, shown) in [
            ("users = \"ada:hunter2\"", "users = \"***********\""),
            (
                "[[access]]\nuser = \"ada:hunter2\"\nuser_header = \"X-User\"",
                "[[access]]\nuser = \"***********\"\nuser_header = \"X-User\"",
            ),
            (
                "users = [\n  \"ada:hunter2\", # [\n]\nx = \"1\"\n",
                "users = *\n  \"***********\"* * *\n*\nx = \"1\"\n",
            ),
            (
                "users = [[\"ada\", \"}]]\"],\n\"hunter2\"]\nx = \"1\"\n",
                "users = **\"***\"* \"***\"**\n\"*******\"*\nx = \"1\"\n",
            ),
            (
                "users = \"\"\"\nada:hun\\\"\"\"ter2\n\"\"\"\nx = \"1\"\n",
                "users = \"\"\"\n********\"\"\"****\n\"\"\"\nx = \"1\"\n",
            ),
            (
                "secret = '''\nhunter2\n'''\nx = \"1\"\n",
                "secret = '''\n*******\n'''\nx = \"1\"\n",
            ),
            (
                "access = [\n { path = \"/\", users = { ada = \"hunter2\" } },\n]\n",
                "access = [\n { path = \"/\", users = * *** * \"*******\" * **\n]\n",
            ),
            (
                "store = { nodes = 2, secret = \"hunter2\" }",
                "store = { nodes = 2, secret = \"*******\" *",
            ),
            (
                "[[access.users]]\nname = \"ada\"\npassword = 5",
                "[[access.users]]\nname = \"***\"\npassword = *",
            ),
            ("# users = \"ada:hunter2\"", "# users = \"***********\""),
            (
                "users = { ada = \"hunter2\" }",
                "users = * *** * \"*******\" *",
            ),
            ("users.ada = \"hunter2\"", "users.ada = \"*******\""),
            (
                "[[access]]\npath = \"/\"\n[access.users]\nada = \"hunter2\"\n[log]\nlevel = \"x\"\n",
                "[[access]]\npath = \"/\"\n[access.users]\nada = \"*******\"\n[log]\nlevel = \"x\"\n",
            ),
            ("[run]\nuser = \"www\"", "[run]\nuser = \"www\""),
            (
                "[access.\"users\"] # who\nada = \"hunter2\"",
                "[access.\"users\"] # who\nada = \"*******\"",
            ),
            (
                "usres = { ada = \"hunter2\" }",
                "usres = * *** * \"*******\" *",
            ),
            (
                "user = { ada = \"hunter2\" }",
                "user = * *** * \"*******\" *",
            ),
            (
                "users = {\n  ada = \"hunter2\",\n}\nx = \"1\"\n",
                "users = *\n  *** * \"*******\"*\n*\nx = \"1\"\n",
            ),
        ] {
            assert_eq!(veil(users), shown);
        }
    }
}
