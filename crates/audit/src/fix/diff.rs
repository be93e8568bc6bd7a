//! What a fix changes, for whoever reads along.

use std::fmt::Write as _;
use std::ops::Range;

use crate::output::{Masks, masked, visible};
use crate::source::Source;

/// The lines that edits touch, before and after, without their neighbours.
pub(super) fn diff(source: &Source, edits: &[(Range<usize>, String)], masks: &Masks) -> String {
    let mut text = String::new();
    let hidden = masks.places(source.path());
    for hunk in hunks(source, edits) {
        let Some((first, last)) = hunk.first().zip(hunk.last()) else {
            continue;
        };
        let (number, _) = source.position(first.0.start);
        let (last_number, _) = source.position(last.0.end);
        let start = source.line_start(number).unwrap_or_default();
        let end = source.line_start(last_number).unwrap_or_default();
        let end = end + source.line(last_number).map_or(0, str::len);
        let old = masked(source.text(), start..end, hidden);
        let mut new = String::new();
        let mut at = start;
        for (span, put) in hunk {
            new.push_str(&masked(source.text(), at..span.start, hidden));
            new.push_str(put);
            at = span.end;
        }
        new.push_str(&masked(source.text(), at..end.max(at), hidden));
        // Writing to a string does not fail.
        let _ = writeln!(text, "@@ line {number} @@");
        lines(&mut text, &old, &new, masks);
    }
    text
}

/// Edits of the same line belong together.
fn hunks<'a>(
    source: &Source,
    edits: &'a [(Range<usize>, String)],
) -> Vec<&'a [(Range<usize>, String)]> {
    edits
        .chunk_by(|(a, _), (b, _)| source.position(a.end).0 >= source.position(b.start).0)
        .collect()
}

/// What is the same at the beginning and at the end is shown once.
fn lines(text: &mut String, old: &str, new: &str, masks: &Masks) {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(old, new)| old == new).count()
    };
    let head = same(&mut old.iter().zip(&new));
    let rest = old.len().min(new.len()) - head;
    let tail = same(&mut old.iter().rev().zip(new.iter().rev()).take(rest));
    let mut put = |sign: char, lines: &[&str]| {
        for line in lines {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{sign}{}", visible(&masks.text(line)));
        }
    };
    put(' ', old.get(..head).unwrap_or_default());
    put('-', old.get(head..old.len() - tail).unwrap_or_default());
    put('+', new.get(head..new.len() - tail).unwrap_or_default());
    put(' ', old.get(old.len() - tail..).unwrap_or_default());
}
