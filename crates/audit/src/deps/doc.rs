//! JSON and YAML as one tree that knows where each key stands.

use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;
use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use saphyr_parser::{Event, Marker, Parser};

/// What a file says; numbers, `true` and `false` are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doc {
    Text(String),
    Map(Map),
    List(Vec<Self>),
    Nothing,
}

/// Keys in the order of the file; the last of the same name counts, as in JSON.
pub(crate) type Map = IndexMap<String, Entry>;

/// A value, and the bytes of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Range<usize>,
    pub(crate) value: Doc,
}

/// Why a file is not understood, and in which line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("is not valid in line {0}")]
    Line(usize),
    #[error("is nested deeper than any tool writes it")]
    Deep,
}

/// Lock files of npm 1 nest once a level of `node_modules`.
const MAX_DEPTH: usize = 128;
/// Beyond it a place is given by its line alone, so that one endless line costs nothing.
const MAX_COLUMN: usize = 4096;

impl Doc {
    /// Reads JSON, with the comments and commas that bun writes.
    pub(crate) fn json(text: &str) -> Result<Self, Malformed> {
        let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
        let parsed = parsed.map_err(|error| {
            let before = text.get(..error.range().start).unwrap_or(text);
            Malformed::Line(before.matches('\n').count() + 1)
        })?;
        parsed
            .value
            .map_or(Ok(Self::Nothing), |value| Self::from_json(value, 0))
    }

    fn from_json(value: Value<'_>, depth: usize) -> Result<Self, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed::Deep);
        }
        Ok(match value {
            Value::StringLit(text) => Self::Text(text.value.into_owned()),
            Value::NumberLit(number) => Self::Text(number.value.to_owned()),
            Value::BooleanLit(truth) => Self::Text(truth.value.to_string()),
            Value::Array(list) => {
                let elements = list.elements.into_iter();
                let elements = elements.map(|value| Self::from_json(value, depth + 1));
                Self::List(elements.collect::<Result<_, _>>()?)
            }
            Value::Object(object) => {
                let mut map = Map::with_capacity(object.properties.len());
                for property in object.properties {
                    let key = match &property.name {
                        ObjectPropName::String(name) => name.start()..name.end(),
                        ObjectPropName::Word(name) => name.start()..name.end(),
                    };
                    let value = Self::from_json(property.value, depth + 1)?;
                    map.insert(property.name.into_string(), Entry { key, value });
                }
                Self::Map(map)
            }
            Value::NullKeyword(_) => Self::Nothing,
        })
    }

    /// Reads the first document of a YAML file.
    pub(crate) fn yaml(text: &str) -> Result<Self, Malformed> {
        let mut all = Self::documents(text)?.into_iter();
        Ok(all.next().unwrap_or(Self::Nothing))
    }

    /// Reads all documents of a YAML file; aliases, which no lock file has, stay empty.
    pub(crate) fn documents(text: &str) -> Result<Vec<Self>, Malformed> {
        let mut all = Vec::new();
        let lines = Lines::new(text);
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| Malformed::Line(error.marker().line()))?;
            let done = match event {
                Event::Scalar(text, ..) => Some((Cow::Owned(text.into_owned()), None)),
                Event::Alias(_) => Some((Cow::Borrowed(""), Some(Self::Nothing))),
                Event::MappingStart(..) => {
                    open.push(Open::Map(Map::new(), None));
                    None
                }
                Event::SequenceStart(..) => {
                    open.push(Open::List(Vec::new()));
                    None
                }
                Event::MappingEnd | Event::SequenceEnd => open
                    .pop()
                    .map(|closed| (Cow::Borrowed(""), Some(closed.close()))),
                _ => None,
            };
            if open.len() > MAX_DEPTH {
                return Err(Malformed::Deep);
            }
            let Some((text, value)) = done else { continue };
            match open.last_mut() {
                None => all.push(value.unwrap_or_else(|| Self::Text(text.into_owned()))),
                Some(Open::List(list)) => {
                    list.push(value.unwrap_or_else(|| Self::Text(text.into_owned())));
                }
                Some(Open::Map(map, key)) => match key.take() {
                    None => *key = Some((text.into_owned(), lines.span(span.start, span.end))),
                    Some((name, key)) => {
                        let value = value.unwrap_or_else(|| Self::Text(text.into_owned()));
                        map.insert(name, Entry { key, value });
                    }
                },
            }
        }
        Ok(all)
    }

    pub(crate) fn map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        self.text() == Some("true")
    }

    /// What stands under a key.
    pub(crate) fn at(&self, key: &str) -> &Self {
        let entry = self.map().and_then(|map| map.get(key));
        entry.map_or(&Self::Nothing, |entry| &entry.value)
    }

    /// The entries of the map under a key.
    pub(crate) fn entries(&self, key: &str) -> impl Iterator<Item = (&str, &Entry)> {
        let entries = self.at(key).map().into_iter().flatten();
        entries.map(|(name, entry)| (name.as_str(), entry))
    }

    /// Names and texts of the map under a key: how all of them write dependencies.
    pub(crate) fn texts(&self, key: &str) -> impl Iterator<Item = (&str, &str)> {
        self.entries(key)
            .filter_map(|(name, entry)| Some((name, entry.value.text()?)))
    }
}

/// A list or map that has not ended, and the key that waits for its value.
enum Open {
    Map(Map, Option<(String, Range<usize>)>),
    List(Vec<Doc>),
}

impl Open {
    fn close(self) -> Doc {
        match self {
            Self::Map(map, _) => Doc::Map(map),
            Self::List(list) => Doc::List(list),
        }
    }
}

/// Where lines begin, since YAML's marks count characters.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    fn span(&self, start: Marker, end: Marker) -> Range<usize> {
        let start = self.offset(start);
        start..self.offset(end).max(start)
    }

    fn offset(&self, mark: Marker) -> usize {
        let line = self.starts.get(mark.line().saturating_sub(1));
        let line = line.copied().unwrap_or(self.text.len());
        if mark.col() > MAX_COLUMN {
            return line;
        }
        let rest = self.text.get(line..).unwrap_or_default();
        line + rest
            .char_indices()
            .nth(mark.col())
            .map_or(rest.len(), |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_bytes() {
        let json = "{\"ä\": 1, // why\n \"b\": [true, \"x\",],}";
        let doc = Doc::json(json).unwrap();
        let key = doc.map().unwrap()["b"].key.clone();
        assert_eq!(&json[key], "\"b\"");
        assert_eq!(doc.at("b").list()[1].text(), Some("x"));
        let yaml = "ä: 'ö'\n'/b@1':\n  c: {d: e, f: [g]}\n";
        let doc = Doc::yaml(yaml).unwrap();
        let key = doc.map().unwrap()["/b@1"].key.clone();
        assert_eq!(&yaml[key], "'/b@1'");
        assert_eq!(doc.at("/b@1").at("c").at("d").text(), Some("e"));
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        assert_eq!(Doc::json("{\n\"a\" 1}"), Err(Malformed::Line(2)));
        assert!(matches!(
            Doc::yaml("a: b\n  c: [d"),
            Err(Malformed::Line(_))
        ));
    }

    #[test]
    fn depth_is_bounded() {
        assert!(Doc::json(&"[".repeat(100_000)).is_err());
        let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(Doc::json(&nested), Err(Malformed::Deep));
        let block: String = (0..200)
            .flat_map(|n| [" ".repeat(n), "a:\n".to_owned()])
            .collect();
        assert_eq!(Doc::yaml(&block), Err(Malformed::Deep));
    }
}
