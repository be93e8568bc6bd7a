//! The rules themselves, as people read them.

use std::fmt::Write as _;

use crate::rule::{Rule, Seen};
use crate::rules::RULES;

/// One rule: what it looks for, why, and what to do.
pub fn explain(rule: &Rule) -> String {
    format!(
        "{}: {}\n\nseverity: {}\nseen:     {}\narticle:  {}\n          {}\n\nWhy\n{}\n\nWhat to do\n{}\n\n\
         To leave it at one place: `// panoply-ignore {} -- the reason`, at its end or above it.\n",
        rule.id,
        rule.title,
        rule.severity,
        seen(rule),
        rule.article.heading(),
        rule.article.url(),
        indented(rule.why),
        indented(rule.help),
        rule.id,
    )
}

/// All rules, one a line.
pub fn list() -> String {
    let widest = RULES
        .iter()
        .map(|rule| rule.id.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for rule in RULES {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<widest$}  {:<6}  {}",
            rule.id, rule.severity, rule.title
        );
    }
    text
}

/// The page of the documentation that lists all rules.
pub fn catalogue() -> String {
    let mut page = String::from(
        "# The rules of the audit\n\n\
         Made from the code by a test; `PANOPLY_WRITE_DOCS=1 cargo test -p panoply-audit catalogue` writes it \
         again.\n\
         [audit.md](audit.md) says how rules are chosen, suppressed and required.\n\n\
         | rule | severity | seen | what is wrong |\n|---|---|---|---|\n",
    );
    for rule in RULES {
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "| [{}](#{}) | {} | {} | {} |",
            rule.id,
            anchor(rule.id),
            rule.severity,
            seen(rule),
            rule.title
        );
    }
    let mut group = "";
    for rule in RULES {
        if rule.group() != group {
            group = rule.group();
            let _ = write!(page, "\n## {group}\n");
        }
        let _ = write!(
            page,
            "\n### {}\n\n{}: {}. Seen in {}.\n\n{}\n\n**What to do:** {}\n\n\
             Article: [{}]({})\n",
            rule.id,
            capital(rule.severity.as_str()),
            rule.title,
            seen(rule),
            rule.why,
            stopped(rule.help),
            rule.article.heading(),
            rule.article.url()
        );
    }
    page
}

fn seen(rule: &Rule) -> &'static str {
    match rule.seen {
        Seen::Static => "code",
        Seen::Live => "a running site",
        Seen::Both => "code and a running site",
    }
}

/// The anchor that forges give a heading.
fn anchor(id: &str) -> String {
    id.replace('/', "")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn stopped(sentence: &str) -> String {
    let stop = if sentence.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{sentence}{stop}")
}

fn indented(text: &str) -> String {
    let mut lines = vec![String::from(" ")];
    for word in text.split(' ') {
        let wide = |line: &String| line.chars().count() + word.chars().count() > 88;
        if lines.last().is_none_or(wide) {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_catalogue_is_the_one_of_the_documentation() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/audit-rules.md");
        if std::env::var_os("PANOPLY_WRITE_DOCS").is_some() {
            std::fs::write(&path, catalogue()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == catalogue(),
            "docs/audit-rules.md is not what the rules say; \
             PANOPLY_WRITE_DOCS=1 cargo test -p panoply-audit catalogue"
        );
    }

    #[test]
    fn a_rule_is_explained() {
        insta::assert_snapshot!(explain(crate::rule("session/memory-store").unwrap()));
    }
}
