//! What must not be told: the secrets that were found.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::finding::{Finding, Place};
use crate::report::Report;
use crate::source::Location;

/// What is shown in a secret's place; its length is none of the reader's business either.
pub(crate) const MASK: &str = "*****";

/// The secrets of a report, by where they stand and by what they are.
#[derive(Debug, Default)]
pub(crate) struct Masks {
    places: BTreeMap<String, Vec<Range<usize>>>,
    /// Each in its quotes, as it may stand elsewhere too.
    quoted: Vec<String>,
}

impl Masks {
    /// The secrets that reports have found, also what is suppressed or not reported.
    pub(crate) fn of(reports: &[Report]) -> Self {
        let mut masks = Self::default();
        for report in reports {
            let suppressed = report.suppressed.iter().map(|entry| &entry.finding);
            for finding in report.findings.iter().chain(suppressed) {
                masks.note(finding);
            }
            for place in &report.secrets {
                masks.hide(place);
            }
        }
        masks
    }

    /// The secrets of one finding.
    pub(crate) fn of_finding(finding: &Finding) -> Self {
        let mut masks = Self::default();
        masks.note(finding);
        masks
    }

    fn note(&mut self, finding: &Finding) {
        if finding.rule.group() != "secrets" {
            return;
        }
        if let Place::Code(place) = &finding.place {
            self.hide(place);
        }
        for related in &finding.related {
            self.hide(&related.place);
        }
    }

    fn hide(&mut self, place: &Location) {
        let span = place.span();
        let mut found = secrets(place.text());
        if found.is_empty() && !(is_script(place) && is_name(place.text())) {
            // Whatever it is, it is not told.
            found.push(0..place.text().len());
        }
        for range in found {
            let before = range.start.checked_sub(1);
            let quote = before.and_then(|at| place.text().get(at..range.start));
            if let (Some(quote), Some(value)) = (quote, place.text().get(range.clone()))
                && !value.is_empty()
                && matches!(quote, "'" | "\"" | "`")
            {
                self.quoted.push(value.to_owned());
            }
            let path = place.source().path().to_owned();
            let hidden = span.start + range.start..span.start + range.end;
            self.places.entry(path).or_default().push(hidden);
        }
    }

    /// What is hidden in a file.
    pub(crate) fn places(&self, path: &str) -> &[Range<usize>] {
        self.places.get(path).map_or(&[], Vec::as_slice)
    }

    /// A text without the secrets that stand in it in quotes of whatever kind.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for value in &self.quoted {
            for quote in ["'", "\"", "`", "\u{201c}"] {
                let close = if quote == "\u{201c}" {
                    "\u{201d}"
                } else {
                    quote
                };
                let told = format!("{quote}{value}{close}");
                if text.contains(&told) {
                    text = text.replace(&told, &format!("{quote}{MASK}{close}")).into();
                }
            }
        }
        text
    }
}

/// The secret parts of some code: what stands in quotes, or behind the `=` of a line of an env file.
fn secrets(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut rest = code.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = rest.next() {
        match c {
            '/' if before != ':' && matches!(rest.peek(), Some((_, '/' | '*'))) => {
                let tail = code.get(at + 2..).unwrap_or_default();
                let line = matches!(rest.peek(), Some((_, '/')));
                let end = tail.find(if line { "\n" } else { "*/" });
                let end = end.map_or(code.len(), |end| at + 2 + end);
                while rest.next_if(|(at, _)| *at <= end).is_some() {}
            }
            '\'' | '"' | '`' => {
                let start = at + 1;
                let mut end = code.len();
                while let Some((at, inner)) = rest.next() {
                    if inner == '\\' {
                        rest.next();
                    } else if inner == c || (inner == '\n' && c != '`') {
                        end = at;
                        break;
                    }
                }
                let before = code.get(..at).unwrap_or_default().trim_end();
                if !NO_SECRET.iter().any(|call| before.ends_with(call)) {
                    found.push(start..end);
                }
            }
            _ => {}
        }
        before = c;
    }
    if found.is_empty() && is_assignment(code) {
        let start = code.find('=').map_or(0, |at| at + 1);
        found.push(start..code.len());
    }
    found
}

/// What stands in quotes behind these is a file or the name of a variable.
const NO_SECRET: [&str; 4] = ["require(", "import(", "from", "process.env["];

/// Whether some code only names what holds a secret; what stands in it in quotes is known to be none.
fn is_name(code: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_$.,:(){}[]?".contains(c);
    let mut parts = code.split(['\'', '"', '`']).step_by(2);
    parts.all(|part| {
        // A number is a value.
        let mut words = part.split(|c: char| !c.is_alphanumeric());
        part.chars().all(name) && !words.any(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    })
}

fn is_script(place: &Location) -> bool {
    matches!(
        place.source().extension(),
        Some("js" | "cjs" | "mjs" | "jsx" | "ts" | "cts" | "mts" | "tsx" | "rs")
    )
}

fn is_assignment(code: &str) -> bool {
    let Some((name, _)) = code.split_once('=') else {
        return false;
    };
    let name = name.trim().trim_start_matches("export ");
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;
    use crate::source::Source;

    fn hidden(code: &str) -> Vec<&str> {
        secrets(code)
            .into_iter()
            .map(|range| &code[range])
            .collect()
    }

    #[test]
    fn what_stands_in_quotes_is_secret() {
        assert_eq!(hidden("'keyboard cat'"), ["keyboard cat"]);
        assert_eq!(hidden("secret: process.env.S || \"a\\\"b\""), ["a\\\"b"]);
        assert_eq!(hidden("['a1', `b${2}`]"), ["a1", "b${2}"]);
        // An apostrophe in a comment opens nothing.
        assert_eq!(hidden("x /* it's */ || 'abc'"), ["abc"]);
        assert_eq!(hidden("x // it's\n || 'abc'"), ["abc"]);
        // What does not close is hidden to its end.
        assert_eq!(hidden("x = 'abc"), ["abc"]);
        assert_eq!(hidden("SECRET=abc"), ["abc"]);
        assert_eq!(hidden("'http://x/#'"), ["http://x/#"]);
        assert!(hidden("12345").is_empty());
        assert!(hidden("require('./config').secret").is_empty());
        assert_eq!(hidden("process.env['SECRET'] || 'abc'"), ["abc"]);
    }

    #[test]
    fn the_name_of_a_secret_is_none() {
        let shown = |path: &str, code: &str| {
            let source = Source::new(path, code);
            let place = Place::Code(Location::new(&source, 0..code.len()));
            let finding = Finding::new(&rules::secrets::HARDCODED, place, "x");
            Masks::of_finding(&finding).places(path).is_empty()
        };
        for name in [
            "config.secret",
            "{ secret }",
            "a?.b[c]",
            "require('./config')",
        ] {
            assert!(shown("a.js", name), "{name}");
        }
        for value in ["4711", "secret: 4711", "0xabc", "/ab/", "-1"] {
            assert!(!shown("a.js", value), "{value}");
        }
        assert!(!shown(".env", "hunter"));
    }

    #[test]
    fn a_secret_is_hidden_by_place_and_by_value() {
        let source = Source::new("a.js", "const s = 'keyboard cat', n = 4711;");
        let at = |span| Place::Code(Location::new(&source, span));
        let mut report = Report::new(".");
        report.push(Finding::new(&rules::secrets::HARDCODED, at(6..24), "x"));
        report.push(Finding::new(&rules::secrets::HARDCODED, at(30..34), "x"));
        let masks = Masks::of(&[report]);
        assert_eq!(masks.places("a.js"), [11..23, 30..34]);
        assert!(masks.places("b.js").is_empty());
        assert_eq!(
            masks.text("the secret `keyboard cat` and \"keyboard cat\""),
            "the secret `*****` and \"*****\""
        );
        assert_eq!(masks.text("a keyboard cat"), "a keyboard cat");
    }
}
