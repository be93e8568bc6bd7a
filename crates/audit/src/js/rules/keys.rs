//! Keys that show what they are, and passwords in addresses, wherever they stand in quotes.

use super::Rules;
use crate::finding::Confidence;
use crate::js::facts::Loc;
use crate::js::ir::Span;
use crate::project::is_sample;
use crate::rules::secrets::HARDCODED;

/// How a key begins, how many letters, digits and `_` follow at least, and whose it is.
const KEYS: [(&str, usize, &str); 9] = [
    ("sk_live_", 16, "a secret key of Stripe"),
    ("rk_live_", 16, "a restricted key of Stripe"),
    ("ghp_", 36, "a token of GitHub"),
    ("gho_", 36, "a token of GitHub"),
    ("ghs_", 36, "a token of GitHub"),
    ("github_pat_", 40, "a token of GitHub"),
    ("glpat-", 20, "a token of GitLab"),
    ("AKIA", 16, "a key of AWS"),
    ("xoxb-", 20, "a token of Slack"),
];

/// Schemes of addresses whose password opens what is kept there.
const STORES: [&str; 8] = [
    "mongodb://",
    "mongodb+srv://",
    "postgres://",
    "postgresql://",
    "mysql://",
    "mariadb://",
    "redis://",
    "amqp://",
];

/// Lines beyond it are no code that a person wrote.
const LONGEST: usize = 2_000;

impl Rules<'_> {
    pub(super) fn keys(&mut self) {
        let mut found = Vec::new();
        for (number, file) in (0_u32..).zip(&self.files.all) {
            let (path, text) = (file.source.path(), file.source.text());
            if is_sample(path) || path.ends_with(".json") {
                continue;
            }
            let mut start = 0;
            for line in text.split_inclusive('\n') {
                let comment =
                    line.trim_start().starts_with("//") || line.trim_start().starts_with('*');
                if line.len() <= LONGEST && !comment {
                    for (at, length, what) in in_quotes(line) {
                        let end = |at: usize| u32::try_from(start + at).unwrap_or(u32::MAX);
                        let span = Span {
                            start: end(at),
                            end: end(at + length),
                        };
                        let message = format!("{what} stands in the source");
                        let at = Loc { file: number, span };
                        let finding = self.finding(&HARDCODED, at, message);
                        found.extend(finding.map(|it| it.confidence(Confidence::Likely)));
                    }
                }
                start += line.len();
            }
        }
        self.report.findings.extend(found);
    }
}

/// What stands in quotes on a line, with them, and is a secret: where, how long, and what it is.
fn in_quotes(line: &str) -> Vec<(usize, usize, &'static str)> {
    let mut found = Vec::new();
    for (at, quote) in line.match_indices(['\'', '"', '`']) {
        let Some(inside) = line.get(at + 1..) else {
            continue;
        };
        let end = inside.find(quote).unwrap_or(inside.trim_end().len());
        let text = inside.get(..end).unwrap_or_default();
        if let Some(what) = secret(text) {
            let closed = inside
                .get(end..)
                .is_some_and(|rest| rest.starts_with(quote));
            found.push((at, 1 + end + usize::from(closed), what));
        }
    }
    found
}

/// What a text is, if it is a secret that shows it.
fn secret(text: &str) -> Option<&'static str> {
    if text.starts_with("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    for (start, length, what) in KEYS {
        let Some(rest) = text.strip_prefix(start) else {
            continue;
        };
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let whole = rest.chars().all(is_letter) && rest.len() >= length;
        return (whole && !is_placeholder(rest)).then_some(what);
    }
    let rest = STORES.iter().find_map(|scheme| text.strip_prefix(scheme))?;
    let (login, host) = rest.split_once('@')?;
    let (user, password) = login.split_once(':')?;
    let is_near = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];
    let host = host.split(['/', ':', ',', '?']).next().unwrap_or_default();
    let is_sample = is_near.contains(&host)
        || host.is_empty()
        || !host.contains('.')
        || host.contains("example")
        || host.contains(['$', '<', '{', '%'])
        || password == user
        || is_placeholder(password);
    (!is_sample).then_some("a password in an address")
}

/// Whether somebody is to put something else there.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let words = [
        "your",
        "example",
        "placeholder",
        "changeme",
        "change_me",
        "change-me",
        "xxxx",
        "insert",
        "todo",
        "replace",
        "dummy",
        "1234567890",
        "abcdefghij",
        "fake",
        "test",
    ];
    let plain = [
        "", "pass", "password", "passwd", "pwd", "secret", "admin", "user",
    ];
    text.contains(['$', '<', '{', '%', '*', ' '])
        || plain.contains(&&*text)
        || words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_show_what_they_are() {
        let long = "aB3".repeat(14);
        for (text, what) in [
            (format!("sk_{}_{long}", "live"), "a secret key of Stripe"),
            (format!("gh{}_{long}", "p"), "a token of GitHub"),
            (format!("AK{}Q7RZ5T2W9XK4M8PN", "IA"), "a key of AWS"),
            (
                format!("-----BEGIN RSA {} KEY-----", "PRIVATE"),
                "a private key",
            ),
            (
                "mongodb+srv://shop:q8Zt4w@db.shop.net/x".to_owned(),
                "a password in an address",
            ),
        ] {
            assert_eq!(secret(&text), Some(what), "{text}");
        }
        for text in [
            "sk_live_",
            "sk_test_aB3aB3aB3aB3aB3aB3",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_",
            "-----BEGIN PUBLIC KEY-----",
            "mongodb://localhost/x",
            "mongodb://root:q8Zt4w@localhost/x",
            "postgres://user:password@db.shop.net/x",
            "postgres://shop:${password}@db.shop.net/x",
            "postgres://shop:q8Zt4w@db.example.com/x",
            "postgres://postgres:postgres@db/x",
            "https://shop:q8Zt4w@shop.net",
        ] {
            assert_eq!(secret(text), None, "{text}");
        }
    }

    #[test]
    fn they_are_found_between_quotes() {
        let line = "const a = 'x', b = \"mysql://shop:q8Zt4w@db.shop.net/x\", c = `y`;\n";
        let all = in_quotes(line);
        assert_eq!(all, [(19, 35, "a password in an address")]);
        assert_eq!(
            line.get(19..54),
            Some("\"mysql://shop:q8Zt4w@db.shop.net/x\"")
        );
    }
}
