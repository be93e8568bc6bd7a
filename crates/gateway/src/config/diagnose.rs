//! Configuration errors as people read them: where, what, and what to write instead.

use std::fmt;
use std::io::IsTerminal as _;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use toml_edit::{Document, TableLike};

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
            message: message.into(),
            place,
            help,
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
    let unknown = ["unknown field `", "unknown variant `"]
        .into_iter()
        .find_map(|start| message.strip_prefix(start).map(|rest| (start, rest)));
    let Some((start, rest)) = unknown else {
        return (message.to_owned(), None);
    };
    let Some((word, rest)) = rest.split_once('`') else {
        return (message.to_owned(), None);
    };
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let what = if start.contains("field") {
        "key"
    } else {
        "value"
    };
    let nearest = nearest(word, &known).map(|near| format!("did you mean `{near}`? "));
    let list = known
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let help = if known.is_empty() {
        "nothing can be written here".to_owned()
    } else {
        format!("{}known here: {list}", nearest.unwrap_or_default())
    };
    (format!("unknown {what} `{word}`"), Some(help))
}

/// The known word most like `word`, if one is like it at all.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |known: &&str| strsim::jaro_winkler(&word.to_ascii_lowercase(), known);
    let best = known
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) > 0.7).then_some(best)
}

/// Where the value at the dotted `path` stands in `text`; the nearest table above it if it is not
/// written itself.
pub(super) fn locate(text: &str, path: &str) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let mut table: Option<&dyn TableLike> = Some(document.as_table());
    let mut found = None;
    for key in path.split('.') {
        let (name, index) = match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (key, None),
        };
        let Some((key, item)) = table.and_then(|table| table.get_key_value(name)) else {
            break;
        };
        found = item.span().or_else(|| key.span()).or(found);
        table = item.as_table_like();
        if let Some(index) = index {
            // A table of `[[name]]` is no `Item` of its own.
            if let Some(element) = item.as_array_of_tables().and_then(|all| all.get(index)) {
                found = element.span().or(found);
                table = Some(element);
            } else if let Some(element) = item.as_array().and_then(|all| all.get(index)) {
                found = element.span().or(found);
                table = element
                    .as_inline_table()
                    .map(|table| table as &dyn TableLike);
            }
        }
    }
    found
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
    fn a_path_is_found_in_the_text() {
        let text = "[headers]\npreset = \"helmet\"\n[headers.content-security-policy]\nappend = { script-src = [\"x\"] }\n";
        let at = |path| locate(text, path).map(|span| &text[span]);
        assert_eq!(at("headers.preset"), Some("\"helmet\""));
        assert_eq!(
            at("headers.content-security-policy.append.script-src"),
            Some("[\"x\"]")
        );
        assert_eq!(
            at("headers.content-security-policy.replace"),
            Some("[headers.content-security-policy]")
        );
        assert_eq!(at("tls.mode"), None);
        let text = "[[login]]\npath = \"/a\"\n\n[[login]]\npath = \"b\"\n";
        let at = |path| locate(text, path).map(|span| &text[span]);
        assert_eq!(at("login[1].path"), Some("\"b\""));
        assert_eq!(at("login[0].path"), Some("\"/a\""));
        let text = "login = [{ path = \"/a\" }, { path = \"b\" }]\n";
        let at = |path| locate(text, path).map(|span| &text[span]);
        assert_eq!(at("login[1].path"), Some("\"b\""));
    }
}
