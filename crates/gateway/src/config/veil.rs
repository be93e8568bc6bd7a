//! What is shown of a file beside an error: not what is secret in it.

use super::diagnose::likeness;

/// What a key of a secret is called; one that is misspelt is no less one.
const SECRETS: [&str; 5] = ["secret", "password", "token", "hmac", "hmac_key"];

/// The table with the key of an account, which is called `key`.
const ACCOUNT: &str = "external_account";

/// The table of those who have a password, which may stand there as it is by mistake.
const USERS: &str = "users";

/// The same text, byte for byte as long, with stars for secrets, and for passwords in URLs.
pub(super) fn veil(text: &str) -> String {
    let mut section = "";
    // Braces of such a table that are open still: it may go on over several lines.
    let mut open = 0_usize;
    let lines = text.split_inclusive('\n').map(|line| {
        if open > 0 {
            open = still_open(open, line);
            return stars(line, 0, line.len());
        }
        if line.trim_start().starts_with('[') {
            section = line;
        }
        match line.split_once('=') {
            Some((key, value)) if is_secret(section, key, value) => {
                open = still_open(0, value);
                stars(line, key.len() + 1, line.len())
            }
            _ => without_passwords(line),
        }
    });
    lines.collect()
}

/// How many braces are open behind `text`, of which so many were before it.
fn still_open(before: usize, text: &str) -> usize {
    text.chars().fold(before, |open, c| match c {
        '{' => open + 1,
        '}' => open.saturating_sub(1),
        _ => open,
    })
}

fn is_secret(section: &str, key: &str, value: &str) -> bool {
    let bare = |name: &str| name.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    let key = key.trim().trim_matches(['"', '\'']);
    let last = bare(key.rsplit('.').next().unwrap_or(key));
    let alike = |secret: &str| likeness(&last, secret) > 0.9;
    let of_account = section.contains(ACCOUNT) && last != "id";
    let header = section.trim().trim_start_matches('[');
    let header = header.split(']').next().unwrap_or_default();
    let of_users = { header.split('.').chain(key.split('.')) }.any(|name| bare(name) == USERS);
    // One that is misspelt is a table all the same, which `run.user` is not.
    let like_users = value.trim_start().starts_with('{') && likeness(&last, USERS) > 0.7;
    of_account || of_users || like_users || key.contains(ACCOUNT) || SECRETS.into_iter().any(alike)
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
