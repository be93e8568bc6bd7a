//! The marks of an app.

use std::fs;
use std::path::Path;

use super::Spot;

/// What a mark asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It has to be reported.
    Must,
    /// It must not be reported.
    MustNot,
    /// It may be reported, but not as certain.
    May,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        match word {
            "!!" => Some(Self::Must),
            "ok" => Some(Self::MustNot),
            "??" => Some(Self::May),
            _ => None,
        }
    }
}

/// One rule at one place.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) kind: Kind,
    pub(crate) spot: Spot,
}

impl Mark {
    /// Whether it speaks of this place; a mark without a line speaks of the whole file.
    pub(crate) fn covers(&self, spot: &Spot) -> bool {
        self.spot.rule == spot.rule
            && self.spot.file == spot.file
            && (self.spot.line.is_none() || self.spot.line == spot.line)
    }
}

/// All marks of an app, file by file.
pub(crate) fn marks(app: &Path) -> Vec<Mark> {
    let mut found = Vec::new();
    walk(app, app, &mut found);
    found
}

fn walk(app: &Path, dir: &Path, found: &mut Vec<Mark>) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(app, &path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(app).unwrap();
        let file = file.to_str().unwrap().replace('\\', "/");
        if file == "expected.txt" {
            found.extend(text.lines().map(listed));
        } else {
            for (at, line) in text.lines().enumerate() {
                in_place(&file, at + 1, line, found);
            }
        }
    }
}

/// A text without its marks.
pub(crate) fn without_marks(text: &str) -> String {
    let starts = ["// !! ", "// ok ", "// ?? "];
    let bare = |line: &str| {
        let mark = starts.iter().filter_map(|start| line.find(start)).min();
        mark.map_or(line, |at| &line[..at]).trim_end().to_owned()
    };
    text.lines().map(|line| bare(line) + "\n").collect()
}

/// A line of `expected.txt`.
fn listed(line: &str) -> Mark {
    let mut words = line.split_whitespace().peekable();
    let kind = words.peek().and_then(|word| Kind::of(word));
    if kind.is_some() {
        words.next();
    }
    let place = words.next().unwrap();
    let (file, line) = match place.rsplit_once(':') {
        Some((file, line)) => (file, Some(line.parse().unwrap())),
        None => (place, None),
    };
    let file = (file != "-").then(|| file.to_owned());
    let rule = words.next().unwrap().to_owned();
    let spot = Spot { file, line, rule };
    let kind = kind.unwrap_or(Kind::Must);
    Mark { kind, spot }
}

/// The comments at the end of a line.
fn in_place(file: &str, number: usize, line: &str, found: &mut Vec<Mark>) {
    for comment in line.split("// ").skip(1) {
        let mut words = comment.split_whitespace();
        let Some(kind) = words.next().and_then(Kind::of) else {
            continue;
        };
        found.extend(words.map(|rule| Mark {
            kind,
            spot: Spot {
                file: Some(file.to_owned()),
                line: Some(number),
                rule: rule.to_owned(),
            },
        }));
    }
}
