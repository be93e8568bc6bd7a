//! Configuration errors as people read them: where, what, and what to write instead.

use std::fmt;
use std::io::IsTerminal as _;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Deserialize as _;
use toml::{Table, Value};

use super::veil::without_hashes;
use super::{Config, suggest};

/// What is wrong with a configuration, and where it was written.
///
/// `Display` is the whole report, over several lines, with the line of the file when the value
/// came from one.
#[derive(Debug)]
pub struct ConfigError(Box<Report>);

#[derive(Debug)]
struct Report {
    message: String,
    place: Place,
    help: Option<String>,
}

/// Where a value was written.
#[derive(Debug)]
pub(super) enum Place {
    /// In a file, at these bytes of its text.
    File {
        path: PathBuf,
        text: String,
        span: Range<usize>,
    },
    /// In an environment variable or a flag.
    Named(String),
    /// In no one place.
    Nowhere,
}

impl ConfigError {
    pub(super) fn new(message: impl Into<String>, place: Place, help: Option<String>) -> Self {
        Self(Box::new(Report {
            message: without_hashes(&message.into()),
            place,
            help: help.map(|help| without_hashes(&help)),
        }))
    }

    /// An error of the whole configuration, such as a file that cannot be read.
    pub fn plain(message: impl Into<String>) -> Self {
        Self::new(message, Place::Nowhere, None)
    }

    /// The same error with a line that says what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The whole report; `styled` with the colours of a terminal.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let Report {
            message,
            place,
            help,
        } = &*self.0;
        let title = Level::ERROR.primary_title(message.as_str());
        let group = match place {
            Place::File { path, text, span } => {
                let mark = AnnotationKind::Primary.span(span.clone());
                let path = path.display().to_string();
                title.element(Snippet::source(text.as_str()).path(path).annotation(mark))
            }
            Place::Named(name) => title.element(Level::NOTE.message(format!("set by {name}"))),
            Place::Nowhere => Group::with_title(title),
        };
        let group = match help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        };
        renderer.render(&[group])
    }

    /// The report as standard error shows it best.
    pub fn for_stderr(&self) -> String {
        let colour = std::env::var_os("NO_COLOR").is_none();
        self.render(colour && std::io::stderr().is_terminal())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}

/// Splits serde's own sentence into what is wrong and what to write instead.
pub(super) fn teach(message: &str) -> (String, Option<String>) {
    let message = message.trim();
    let told = unknown(message)
        .or_else(|| misfit(message))
        .or_else(|| twice(message));
    told.map_or_else(
        || (message.to_owned(), None),
        |(message, help)| (message, Some(help)),
    )
}

/// The same of a value that nobody else is to read.
pub(super) fn teach_of_secret(message: &str) -> (String, Option<String>) {
    const KINDS: [&str; 4] = ["string", "integer", "floating", "boolean"];
    let parts = message.trim().rsplit_once(", expected ");
    let kind = parts.and_then(|(found, wanted)| {
        let mut starts = ["invalid type: ", "invalid value: "].into_iter();
        let found = starts.find_map(|start| found.strip_prefix(start))?;
        let kind = KINDS.into_iter().find(|kind| found.starts_with(kind))?;
        Some((kind, wanted))
    });
    let Some((kind, wanted)) = kind else {
        return unknown_secret(message).unwrap_or_else(|| teach(message));
    };
    let (_, help) = teach(&format!("invalid type: {kind}, expected {wanted}"));
    let what = if kind == "string" { "a text" } else { "this" };
    (format!("{what} cannot stand here"), help)
}

/// A key or a word that is not known, nor told.
fn unknown_secret(message: &str) -> Option<(String, Option<String>)> {
    // What is written may have such quotes in it, and what is known has none.
    let ends = ["`, expected ", "`, there "].into_iter();
    let end = ends.filter_map(|end| message.rfind(end)).max()?;
    let (found, known) = (message.get(..end)?, message.get(end + 3..)?);
    let (start, word) = found.split_once('`')?;
    let word = word.split('`').next()?;
    let (what, help) = unknown(&format!("{start}`{word}`, {known}"))?;
    let what = what
        .split('`')
        .next()?
        .replace("unknown", "there is no such");
    Some((what.trim_end().to_owned(), Some(help)))
}

/// A key or a word that is not known.
fn unknown(message: &str) -> Option<(String, String)> {
    let (what, rest) = [("key", "unknown field `"), ("value", "unknown variant `")]
        .into_iter()
        .find_map(|(what, start)| message.strip_prefix(start).map(|rest| (what, rest)))?;
    let (word, rest) = rest.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let meant = match what {
        "key" => suggest::key(word, &known).map(|meant| {
            let end = if meant.ends_with('?') { "" } else { ";" };
            format!("{meant}{end} ")
        }),
        _ => nearest(word, &known).map(|near| format!("did you mean `{near}`? ")),
    };
    let list = known
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let help = if known.is_empty() {
        "nothing can be written here".to_owned()
    } else {
        format!("{}known here: {list}", meant.unwrap_or_default())
    };
    Some((format!("unknown {what} `{word}`"), help))
}

/// A key or a table that is there already, as when a second line of advice is put below the first.
fn twice(message: &str) -> Option<(String, String)> {
    let help = "it stands above already: write it once, and in it what both say, such as `append = { script-src = \
                [\"https://a.example\"], img-src = [\"https://b.example\"] }`";
    (message == "duplicate key").then(|| (message.to_owned(), help.to_owned()))
}

/// A value of another type, or out of range; serde speaks of Rust's types there.
fn misfit(message: &str) -> Option<(String, String)> {
    if message == "wanted string or table" {
        let what = "this cannot stand here".to_owned();
        return Some((
            what,
            "write one of the words it takes, in quotes".to_owned(),
        ));
    }
    let found = ["invalid type: ", "invalid value: "]
        .into_iter()
        .find_map(|start| message.strip_prefix(start))?;
    let (found, wanted) = found.rsplit_once(", expected ")?;
    let (kind, value) = found.split_once([' ', '\n']).unwrap_or((found, ""));
    let found = match kind {
        "integer" | "boolean" => value.to_owned(),
        "floating" => value.trim_start_matches("point ").to_owned(),
        "string" => format!("the text `{}`", value.trim_matches('"')),
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        _ => found.to_owned(),
    };
    let number = |range: &str| format!("a whole number {range}, without quotes");
    let wanted = match wanted {
        "u8" => number("from 0 to 255"),
        "u16" => number("from 0 to 65535"),
        "u32" | "u64" | "usize" | "i64" => number("from 0 up"),
        _ if wanted.starts_with("a nonzero ") => number("from 1 up"),
        "a boolean" => "`true` or `false`, without quotes".to_owned(),
        "a string" => "text in quotes".to_owned(),
        "a sequence" => match kind {
            "integer" | "boolean" | "string" if !value.is_empty() => {
                format!("a list, as in `[{}]`", value.trim_matches('`'))
            }
            _ => "a list, as in `[\"a\", \"b\"]`".to_owned(),
        },
        "a map" => "a table, as in `{ key = \"value\" }`".to_owned(),
        _ if wanted.starts_with("struct ") => "a table, with keys of its own".to_owned(),
        _ => wanted.to_owned(),
    };
    Some((
        format!("{found} cannot stand here"),
        format!("write {wanted}"),
    ))
}

/// What a line that begins with a table's name wants, where that is what is wrong.
pub(super) fn heading(text: &str, at: usize, message: &str) -> Option<String> {
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(start..)?.lines().next()?.trim();
    let name = line.strip_prefix('[')?.split(']').next()?;
    if name.starts_with('[') {
        return None;
    }
    if message.starts_with("invalid type: map, expected a sequence") {
        return Some(format!(
            "write it with two brackets, `[[{name}]]`: there may be several"
        ));
    }
    let says_more = message.contains("expected newline") && at > start;
    says_more.then(|| format!("`[{name}]` has a line of its own; write the rest below it"))
}

/// The first key of the file that is a table by its nature and was given something else.
pub(super) fn no_table(table: &Table) -> Option<&str> {
    let is_table = |key: &str| {
        let mut empty = Table::new();
        empty.insert(key.to_owned(), Value::Table(Table::new()));
        Config::deserialize(empty).is_ok()
    };
    table
        .iter()
        .find(|(key, value)| !value.is_table() && is_table(key))
        .map(|(key, _)| key.as_str())
}

/// The known word most like `word`, if one is like it at all.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let best = known
        .iter()
        .copied()
        .max_by(|a, b| likeness(&word, a).total_cmp(&likeness(&word, b)))?;
    (likeness(&word, best) > 0.8).then_some(best)
}

/// How much two words are alike, from 0 to 1.
pub(super) fn likeness(word: &str, known: &str) -> f64 {
    strsim::jaro_winkler(word, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_s_sentences_become_ours() {
        let (what, help) = teach("unknown field `lissten`, expected one of `app`, `listen`");
        assert_eq!(what, "unknown key `lissten`");
        assert_eq!(
            help.unwrap(),
            "did you mean `listen`? known here: `app`, `listen`"
        );
        let (what, help) = teach("unknown variant `xml`, expected `text` or `json`");
        assert_eq!(
            (what.as_str(), help.as_deref()),
            ("unknown value `xml`", Some("known here: `text`, `json`"))
        );
        assert_eq!(teach("invalid type: integer").1, None);
    }

    #[test]
    fn a_secret_is_not_told() {
        for (message, ours) in [
            (
                "invalid type: string \"ada:hun, expected ter2\", expected a map",
                "a text cannot stand here; write a table, as in `{ key = \"value\" }`",
            ),
            (
                "invalid type: string \"hunter2\", expected a sequence",
                "a text cannot stand here; write a list, as in `[\"a\", \"b\"]`",
            ),
            (
                "invalid type: integer `1234`, expected a string",
                "this cannot stand here; write text in quotes",
            ),
            (
                "invalid type: sequence, expected a map",
                "a list cannot stand here; write a table, as in `{ key = \"value\" }`",
            ),
            (
                "unknown field `a`hunter2`, expected `path` or `allow`",
                "there is no such key; known here: `path`, `allow`",
            ),
            (
                "unknown variant `hunter2`, there are no variants",
                "there is no such value; nothing can be written here",
            ),
        ] {
            let (what, help) = teach_of_secret(message);
            assert_eq!(format!("{what}; {}", help.unwrap_or_default()), ours);
        }
    }

    #[test]
    fn no_type_of_rust_is_named() {
        let told = |message| {
            let (what, help) = teach(message);
            format!("{what}; {}", help.unwrap_or_default())
        };
        for (message, ours) in [
            (
                "invalid value: integer `0`, expected a nonzero usize",
                "`0` cannot stand here; write a whole number from 1 up, without quotes",
            ),
            (
                "invalid value: integer `300`, expected u8",
                "`300` cannot stand here; write a whole number from 0 to 255, without quotes",
            ),
            (
                "invalid type: string \"a, expected b\", expected a boolean",
                "the text `a, expected b` cannot stand here; write `true` or `false`, without quotes",
            ),
            (
                "invalid type: floating point `1.5`, expected a nonzero u32",
                "`1.5` cannot stand here; write a whole number from 1 up, without quotes",
            ),
            (
                "invalid type: map, expected a sequence",
                "a table cannot stand here; write a list, as in `[\"a\", \"b\"]`",
            ),
            (
                "invalid type: sequence, expected struct AppConfig",
                "a list cannot stand here; write a table, with keys of its own",
            ),
        ] {
            assert_eq!(told(message), ours);
        }
    }
}
