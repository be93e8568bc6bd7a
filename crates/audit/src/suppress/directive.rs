//! `panoply-ignore RULE -- reason until=DATE`, as it stands in a comment.

use std::ops::Range;

use jiff::civil::Date;

use crate::select::Pick;

/// What a comment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    /// Its bytes in the comment's text.
    pub(super) span: Range<usize>,
    /// Whether it is for the whole file.
    pub(super) file: bool,
    /// The rules and groups it names; what names none is an error, with what to tell.
    pub(super) picks: Vec<Result<Pick, String>>,
    pub(super) reason: Option<String>,
    pub(super) until: Option<Result<Date, String>>,
}

const WORD: &str = "panoply-ignore";

/// The directive in the text of a comment, if it begins with one.
pub(super) fn parse(comment: &str) -> Option<Directive> {
    let start = comment.find(|c: char| c.is_alphanumeric())?;
    // Only the comment's own marks stand before it.
    let marks = comment.get(..start)?;
    if !marks
        .chars()
        .all(|c| c.is_whitespace() || "/*#!<-{".contains(c))
    {
        return None;
    }
    let rest = comment.get(start..)?.strip_prefix(WORD)?;
    let (file, rest) = match rest.strip_prefix("-file") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if !(rest.is_empty() || rest.starts_with([':', ' ', '\t', '\n', '\r'])) {
        return None;
    }
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let line = rest.lines().next().unwrap_or_default();
    let line = line.trim_end();
    let line = ["*/}", "*/", "-->"]
        .into_iter()
        .find_map(|end| line.strip_suffix(end))
        .unwrap_or(line);
    let end = comment.len() - rest.len() + line.len();
    let (rules, reason) = match line.split_once("--") {
        Some((rules, reason)) => (rules, Some(reason)),
        None => (line, None),
    };
    let (rules, mut until) = without_until(rules);
    let reason = reason.map(|reason| {
        let (reason, date) = without_until(reason);
        until = date.or(until.take());
        reason
    });
    let names = rules
        .split([',', ' ', '\t'])
        .filter(|name| !name.is_empty());
    Some(Directive {
        span: start..end,
        file,
        picks: names
            .map(|name| name.parse::<Pick>().map_err(|error| error.to_string()))
            .collect(),
        reason: reason.filter(|reason| !reason.is_empty()),
        until,
    })
}

/// A text without `until=DATE` or `[until=DATE]`, and the date.
fn without_until(text: &str) -> (String, Option<Result<Date, String>>) {
    let mut until = None;
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_start_matches(['[', '(']);
        match bare.strip_prefix("until=") {
            Some(date) => {
                let date = date.trim_end_matches([']', ')', '.', ',', ';']);
                until = Some(date.parse().map_err(|_| date.to_owned()));
            }
            None => words.push(word),
        }
    }
    (words.join(" "), until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_read_from_any_comment() {
        for comment in [
            "// panoply-ignore cookie/no-secure -- behind a VPN until=2027-01-31",
            "/* panoply-ignore cookie/no-secure -- behind a VPN [until=2027-01-31] */",
            "# panoply-ignore: cookie/no-secure until=2027-01-31 -- behind a VPN",
            "<!-- panoply-ignore cookie/no-secure -- behind a VPN (until=2027-01-31) -->",
        ] {
            let directive = parse(comment).unwrap();
            assert!(!directive.file);
            assert_eq!(
                directive.picks,
                [Ok("cookie/no-secure".parse().unwrap())],
                "{comment}"
            );
            assert_eq!(
                directive.reason.as_deref(),
                Some("behind a VPN"),
                "{comment}"
            );
            let until = directive.until.unwrap().unwrap();
            assert_eq!(until.to_string(), "2027-01-31", "{comment}");
            assert!(comment[directive.span].starts_with("panoply-ignore"));
        }
    }

    #[test]
    fn several_rules_and_groups_and_whole_files_are_named() {
        let directive = parse("// panoply-ignore-file cookie, session/default-name tsl").unwrap();
        assert!(directive.file && directive.reason.is_none() && directive.until.is_none());
        let told: Vec<_> = directive
            .picks
            .iter()
            .map(|pick| pick.as_ref().map(ToString::to_string))
            .collect();
        assert_eq!(told[0].as_deref(), Ok("cookie"));
        assert_eq!(told[1].as_deref(), Ok("session/default-name"));
        assert!(told[2].is_err());
        let directive = parse("// panoply-ignore x until=tomorrow --").unwrap();
        assert_eq!(directive.until, Some(Err("tomorrow".into())));
        assert_eq!(directive.reason, None);
        let short = "// panoply-ignore:a";
        assert_eq!(&short[parse(short).unwrap().span], "panoply-ignore:a");
    }

    #[test]
    fn other_comments_are_none() {
        for comment in [
            "// see panoply-ignore in the manual",
            "// panoply-ignored cookie",
            "// panoply-ignore-files x",
            "//",
            "// 'panoply-ignore x'",
        ] {
            assert_eq!(parse(comment), None, "{comment}");
        }
    }
}
