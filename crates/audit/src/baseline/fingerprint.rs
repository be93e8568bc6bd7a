//! What makes a finding the same finding tomorrow.

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::finding::{Finding, Place};
use crate::output::Masks;

/// A line that a person wrote is shorter; of others only the marked part counts.
const LINE: usize = 1000;

/// The fingerprints of findings, in their order.
///
/// A finding in a file is known by its rule, the file and the text of its line, however that is
/// indented and wherever in the file it moves; one of a site by its rule, the path and its message.
/// What is the same in all of these is told apart by its number. Findings of one target belong together.
pub(crate) fn fingerprints<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<String> {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let marks = findings.map(|finding| {
        let what = identity(finding);
        let number = seen.entry(what.clone()).or_default();
        let mark = hash(&what, *number);
        *number += 1;
        mark
    });
    marks.collect()
}

fn identity(finding: &Finding) -> String {
    let (place, what) = match &finding.place {
        Place::Code(at) => {
            let (number, _) = at.position();
            let start = at.source().line_start(number).unwrap_or_default();
            let line = at.source().line(number).unwrap_or_default();
            // A secret could be guessed from a hash of its line.
            let masks = Masks::of_finding(finding);
            let hidden = masks.places(at.source().path());
            let shown = if line.len() > LINE {
                at.span()
            } else {
                start..start + line.len()
            };
            let line = crate::output::masked(at.source().text(), shown, hidden);
            (at.source().path(), line)
        }
        Place::Url(url) => (path(url), without_numbers(&finding.message)),
        Place::Target => ("", without_numbers(&finding.message)),
    };
    let words: Vec<&str> = what.split_whitespace().collect();
    format!("{}\n{place}\n{}", finding.rule.id, words.join(" "))
}

/// The path of an address, without its query.
pub(super) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    path.split(['?', '#']).next().unwrap_or(path)
}

/// Ports, counts and dates of a message change from day to day.
fn without_numbers(message: &str) -> String {
    message
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

fn hash(what: &str, number: u64) -> String {
    let mut hasher = SipHasher24::new();
    hasher.write(what.as_bytes());
    hasher.write(&number.to_le_bytes());
    format!("{:032x}", hasher.finish128().as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;
    use crate::source::{Location, Source};

    fn mark(text: &str, what: &str) -> String {
        let source = Source::new("app.js", text);
        let start = text.find(what).unwrap();
        let place = Place::Code(Location::new(&source, start..start + what.len()));
        let finding = Finding::new(&rules::secrets::HARDCODED, place, "m");
        fingerprints([&finding].into_iter()).remove(0)
    }

    #[test]
    fn it_survives_moves_and_indentation() {
        let one = mark("use(session({ secret: 'abc' }))", "secret: 'abc'");
        assert_eq!(
            one,
            mark(
                "// new\n\n\tuse(session({  secret: 'abc' }))",
                "secret: 'abc'"
            )
        );
        assert_ne!(
            one,
            mark("use(session({ secret: 'abc', a: 1 }))", "secret: 'abc'")
        );
        assert_eq!(one.len(), 32);
        // It is kept in files: another version of this program must make the same.
        assert_eq!(one, "26224be3fdeaf79534f1dd9cb9f35e32");
    }

    #[test]
    fn it_tells_nothing_of_a_secret() {
        let secret = |value: &str| {
            let text = format!("secret: '{value}'");
            mark(&text, &text)
        };
        assert_eq!(secret("abc"), secret("xyz"));
    }

    #[test]
    fn equal_lines_are_told_apart_by_their_number() {
        let source = Source::new("app.js", "a()\na()\n");
        let at = |span| {
            let place = Place::Code(Location::new(&source, span));
            Finding::new(&rules::redirect::OPEN, place, "m")
        };
        let findings = [at(0..3), at(4..7)];
        let marks = fingerprints(findings.iter());
        assert_ne!(marks[0], marks[1]);
        assert_eq!(marks[0], fingerprints(findings[1..].iter())[0]);
    }

    #[test]
    fn a_site_s_findings_are_known_on_every_host() {
        let at = |url: &str, message: &str| {
            let finding = Finding::new(&rules::tls::CERT, Place::Url(url.into()), message);
            fingerprints([&finding].into_iter()).remove(0)
        };
        let one = at("https://shop.example/a?b=1", "ends in 12 days");
        assert_eq!(one, at("http://127.0.0.1:3000/a", "ends in 13 days"));
        assert_ne!(one, at("https://shop.example/b", "ends in 12 days"));
        assert_ne!(one, at("https://shop.example/a", "is for another host"));
        assert_eq!(path("https://shop.example"), "/");
    }
}
