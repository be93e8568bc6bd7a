//! A line of somebody's source, made fit to be shown.

use std::ops::Range;

use super::mask::{MASK, Masks};
use crate::source::{Location, Source};

/// A line that is shown: what stands before the marked part, that part, and what stands after it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) before: String,
    pub(super) marked: String,
    pub(super) after: String,
}

/// No line that a person wrote is longer; of others the part around the mark is shown.
const WIDTH: usize = 140;

impl Line {
    /// The line where a place begins, with the part that belongs to it.
    pub(super) fn of(place: &Location, masks: &Masks) -> Option<Self> {
        let (number, _) = place.position();
        Self::new(place.source(), number, Some(&place.span()), masks)
    }

    /// A line of a file, from 1; `mark` counts bytes of the file.
    pub(super) fn new(
        source: &Source,
        number: usize,
        mark: Option<&Range<usize>>,
        masks: &Masks,
    ) -> Option<Self> {
        let text = source.line(number)?;
        let start = source.line_start(number)?;
        let end = start + text.len();
        let mark = mark.map_or(end..end, |mark| {
            mark.start.clamp(start, end)..mark.end.clamp(start, end)
        });
        // Spaces at its end mark nothing.
        let shown = source.text().get(mark.clone()).unwrap_or_default();
        let mark = mark.start..mark.start + shown.trim_end().len();
        let hidden = masks.places(source.path());
        let part = |range| {
            masks
                .text(&visible(&masked(source.text(), range, hidden)))
                .into_owned()
        };
        let mut line = Self {
            number,
            before: part(start..mark.start),
            marked: part(mark.clone()),
            after: part(mark.end..end),
        };
        line.after.truncate(line.after.trim_end().len());
        line.cut();
        Some(line)
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        [&*self.before, &self.marked, &self.after].concat()
    }

    fn cut(&mut self) {
        let length = |text: &str| text.chars().count();
        if length(&self.before) + length(&self.marked) + length(&self.after) <= WIDTH {
            return;
        }
        if length(&self.marked) > WIDTH - 60 {
            self.marked = head(&self.marked, WIDTH - 60);
            self.after.clear();
        }
        let before = length(&self.before);
        if before > 50 {
            let tail: String = self.before.chars().skip(before - 50).collect();
            self.before = format!("…{tail}");
        }
        let left = WIDTH.saturating_sub(length(&self.before) + length(&self.marked));
        if length(&self.after) > left {
            self.after = head(&self.after, left);
        }
    }
}

fn head(text: &str, length: usize) -> String {
    let mut head: String = text.chars().take(length).collect();
    head.push('…');
    head
}

/// Some bytes of a text with those that are hidden replaced.
pub(crate) fn masked(text: &str, range: Range<usize>, hidden: &[Range<usize>]) -> String {
    let mut shown = String::new();
    let mut at = range.start;
    let mut hidden: Vec<&Range<usize>> = hidden
        .iter()
        .filter(|hidden| hidden.start < range.end && hidden.end > range.start)
        .collect();
    hidden.sort_by_key(|hidden| hidden.start);
    for hidden in hidden {
        if hidden.end <= at {
            continue;
        }
        shown.push_str(text.get(at..hidden.start.max(at)).unwrap_or_default());
        // Its first part alone says that there is one.
        if hidden.start >= range.start {
            shown.push_str(MASK);
        }
        at = hidden.end.min(range.end);
    }
    shown.push_str(text.get(at..range.end).unwrap_or_default());
    shown
}

/// A text in which nothing moves the cursor, colours the terminal or turns the direction of writing.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            c if is_hostile(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, Place};
    use crate::rules;

    fn line(text: &str, span: Range<usize>) -> Line {
        let source = Source::new("a.js", text);
        Line::of(&Location::new(&source, span), &Masks::default()).unwrap()
    }

    #[test]
    fn a_line_falls_into_three_parts() {
        let line = line("one\n  app.use(x) ;  \r\nthree", 6..14);
        assert_eq!(line.number, 2);
        assert_eq!(
            (&*line.before, &*line.marked, &*line.after),
            ("  ", "app.use(", "x) ;")
        );
    }

    #[test]
    fn of_several_lines_the_first_is_shown() {
        let line = line("app.use({\n  a: 1\n})", 8..19);
        assert_eq!((&*line.marked, &*line.after), ("{", ""));
    }

    #[test]
    fn a_hostile_line_is_escaped_and_cut() {
        let shown = line("a\u{1b}[31m\u{202e}b\tc\u{7}", 0..1);
        assert_eq!(shown.after, "\\u{1b}[31m\\u{202e}b    c\\u{7}");
        let text = format!("{}session(){}", "x;".repeat(100_000), "y;".repeat(100_000));
        let shown = line(&text, 200_000..200_009);
        assert_eq!(shown.marked, "session()");
        assert!(shown.text().chars().count() < WIDTH + 3, "{shown:?}");
        assert!(shown.before.starts_with('…') && shown.after.ends_with('…'));
        let shown = line(&text, 0..400_000);
        assert!(shown.text().chars().count() < WIDTH + 3, "{shown:?}");
    }

    #[test]
    fn a_secret_is_not_shown_whichever_part_it_is_in() {
        let text = "session({ secret: 'keyboard cat', name: 'x' })";
        let source = Source::new("a.js", text);
        let secret = Place::Code(Location::new(&source, 10..32));
        let masks = Masks::of_finding(&Finding::new(&rules::secrets::HARDCODED, secret, "x"));
        for mark in [0..7, 10..32, 18..32, 20..25, 34..43, 0..46] {
            let line = Line::new(&source, 1, Some(&mark), &masks).unwrap();
            assert_eq!(
                line.text(),
                "session({ secret: '*****', name: 'x' })",
                "{mark:?}"
            );
        }
    }
}
