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
    let lines = text.split_inclusive('\n').map(|line| {
        if line.trim_start().starts_with('[') {
            section = line;
        }
        match line.split_once('=') {
            Some((key, _)) if is_secret(section, key) => stars(line, key.len() + 1, line.len()),
            _ => without_passwords(line),
        }
    });
    lines.collect()
}

fn is_secret(section: &str, key: &str) -> bool {
    let key = key.trim().trim_matches(['"', '\'']);
    let last = key.rsplit('.').next().unwrap_or(key).to_ascii_lowercase();
    let alike = |secret: &str| likeness(&last, secret) > 0.9;
    let of_account = section.contains(ACCOUNT) && last != "id";
    let names = section.trim().trim_matches(['[', ']']).split('.');
    let of_users = { names.chain(key.split('.')) }.any(|name| name.trim() == USERS);
    of_account || of_users || key.contains(ACCOUNT) || SECRETS.into_iter().any(alike)
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
        ] {
            assert_eq!(veil(users), shown);
        }
    }
}
