//! A file that was read, and places in it.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file's text, and where each of its lines begins.
pub struct Source {
    path: Box<str>,
    text: Box<str>,
    /// The offsets of the lines' first bytes.
    lines: Box<[u32]>,
}

impl Source {
    /// A file's text by its path relative to the target, with `/` between folders.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into().into_boxed_str();
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends);
        let lines = lines.map_while(|at| u32::try_from(at).ok()).collect();
        Arc::new(Self {
            path: path.into().into_boxed_str(),
            text,
            lines,
        })
    }

    /// Its path, relative to the target, with `/` between folders on every system.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The ending of its name, such as `ts`.
    pub fn extension(&self) -> Option<&str> {
        Path::new(&*self.path).extension()?.to_str()
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let line = self
            .lines
            .partition_point(|start| *start as usize <= at)
            .max(1);
        let start = self.lines.get(line - 1).map_or(0, |start| *start as usize);
        let before = self.text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// Where a line begins, counted from 1.
    pub(crate) fn line_start(&self, number: usize) -> Option<usize> {
        let start = self.lines.get(number.checked_sub(1)?)?;
        Some(*start as usize)
    }

    /// The text of a line, counted from 1, without its end.
    pub fn line(&self, number: usize) -> Option<&str> {
        let rest = self.text.get(self.line_start(number)?..)?;
        let line = rest.split_once('\n').map_or(rest, |(line, _)| line);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.path).finish()
    }
}

/// Bytes of a file.
#[derive(Clone)]
pub struct Location {
    source: Arc<Source>,
    span: Range<usize>,
}

impl Location {
    /// These bytes of a file; what reaches beyond its end is cut off.
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let end = span.end.min(source.text.len());
        Self {
            source: Arc::clone(source),
            span: span.start.min(end)..end,
        }
    }

    /// The file.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Line and column where it begins, both from 1.
    pub fn position(&self) -> (usize, usize) {
        self.source.position(self.span.start)
    }

    /// What stands there.
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.source.path == other.source.path && self.span == other.span
    }
}

impl Eq for Location {}

/// `src/app.js:12:9`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}", self.source.path)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let source = Source::new("a.js", "ä = 1\r\nb\n\nlast");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 3));
        assert_eq!(source.position(8), (2, 1));
        assert_eq!(source.position(11), (4, 1));
        assert_eq!(source.line(1), Some("ä = 1"));
        assert_eq!(source.line(3), Some(""));
        assert_eq!(source.line(4), Some("last"));
        assert_eq!(source.line(5), None);
        assert_eq!(source.line(0), None);
    }

    #[test]
    fn a_location_never_leaves_its_file() {
        let source = Source::new("a.js", "abc");
        let place = Location::new(&source, 2..99);
        assert_eq!(place.text(), "c");
        assert_eq!(Location::new(&source, 50..99).text(), "");
        assert_eq!(place.to_string(), "a.js:1:3");
    }
}
