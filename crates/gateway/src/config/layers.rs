//! Flag before environment before file before default, and which of them a value came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::diagnose::{ConfigError, Place, heading, no_table, teach, teach_of_secret};
use super::locate::locate;
use super::veil::{hides, veil, without_texts};
use super::{Config, env, file};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// This line of the file, counted from one.
    File(usize),
    /// This environment variable.
    Env(String),
    /// This flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(line) => write!(f, "line {line}"),
            Self::Env(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What the configuration is read from, lowest precedence first.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Source {
    file: Option<(PathBuf, String)>,
    env: Vec<(String, String)>,
    flags: Vec<(String, String, Value)>,
}

/// A configuration as it was written, whole, with the origin of every value that was set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The values, not yet checked against each other.
    pub config: Config,
    source: Source,
    table: Table,
    origins: BTreeMap<String, Origin>,
}

impl Source {
    /// Nothing but defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not UTF-8.
    pub fn file(mut self, path: &Path) -> Result<Self, ConfigError> {
        self.file = Some((path.to_owned(), file::read(path)?));
        Ok(self)
    }

    /// Reads `path` once more, for a reload.
    ///
    /// # Errors
    ///
    /// As of [`file`](Self::file), and when it is no file but a pipe, say, which can be read but once: what is in
    /// force then stays.
    pub fn file_again(mut self, path: &Path) -> Result<Self, ConfigError> {
        self.file = Some((path.to_owned(), file::read_again(path)?));
        Ok(self)
    }

    /// Takes `text` as if it had been read from `path`.
    #[must_use]
    pub fn text(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.file = Some((path.into(), text.into()));
        self
    }

    /// Takes the variables that begin with `PANOPLY_`: `PANOPLY_LISTEN_HTTPS` is `listen.https`.
    #[must_use]
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env.extend(variables.into_iter().filter(|(name, _)| {
            name.starts_with("PANOPLY_") && !env::RESERVED.contains(&name.as_str())
        }));
        self.env.sort();
        self
    }

    /// Takes those of this process, but for what is no text.
    #[must_use]
    pub fn own_env(self) -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        self.env(std::env::vars_os().filter_map(text))
    }

    /// Sets the value at the dotted `path`, as the flag `name` says.
    #[must_use]
    pub fn flag(mut self, name: &str, path: &str, value: impl Into<Value>) -> Self {
        self.flags
            .push((name.to_owned(), path.to_owned(), value.into()));
        self
    }

    /// Puts the layers on top of each other.
    ///
    /// # Errors
    ///
    /// When a key or a value is wrong, with the place where it was written.
    pub fn load(self) -> Result<Loaded, ConfigError> {
        let mut table = Table::new();
        let mut origins = BTreeMap::new();
        if let Some((path, text)) = &self.file {
            table = parse_file(path, text)?;
            note_lines(&table, text, "", &mut origins);
        }
        for (name, text) in &self.env {
            let path = env::path(name)?;
            let value = env::value(name, &path, text)?;
            set(
                &mut table,
                &mut origins,
                &path,
                value,
                Origin::Env(name.clone()),
            );
        }
        for (name, path, value) in &self.flags {
            check(&single(path, value.clone()), || {
                Place::Named(format!("`{name}`"))
            })?;
            set(
                &mut table,
                &mut origins,
                path,
                value.clone(),
                Origin::Flag(name.clone()),
            );
        }
        let mut config = check(&table, || Place::Nowhere)?;
        config.tls = config.tls.own_authority(config.acme.is_own());
        Ok(Loaded {
            config,
            source: self,
            table,
            origins,
        })
    }
}

impl Loaded {
    /// Where the value at the dotted `path` came from.
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }

    /// The same configuration with one more flag on top.
    ///
    /// # Errors
    ///
    /// When the value is wrong.
    pub fn with_flag(
        &self,
        name: &str,
        path: &str,
        value: impl Into<Value>,
    ) -> Result<Self, ConfigError> {
        self.source.clone().flag(name, path, value).load()
    }

    /// The text that somebody wrote at the dotted `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// The value that somebody wrote at the dotted `path`, as TOML.
    pub fn value(&self, path: &str) -> Option<String> {
        self.at(path).map(ToString::to_string)
    }

    fn at(&self, path: &str) -> Option<&Value> {
        let (tables, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut table = &self.table;
        for name in tables.split('.').filter(|name| !name.is_empty()) {
            table = table.get(name)?.as_table()?;
        }
        table.get(key)
    }

    /// Every value that somebody set, by its path.
    pub fn set(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.origins
            .iter()
            .map(|(path, origin)| (path.as_str(), origin))
    }

    /// The file that was read.
    pub fn file(&self) -> Option<&Path> {
        self.source.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// An error about the value at the dotted `path`, shown where that was written.
    pub fn error(&self, path: &str, message: impl Into<String>) -> ConfigError {
        // The second of `[[login]]` is `login[1]` to people.
        let path = path.replace('[', ".").replace(']', "");
        let near = |path: &str| {
            let mut path = path;
            loop {
                if let Some(origin) = self.origins.get(path) {
                    return Some(origin);
                }
                path = path.rsplit_once('.')?.0;
            }
        };
        let place = match (near(&path), &self.source.file) {
            (Some(Origin::Env(name) | Origin::Flag(name)), _) => Place::Named(format!("`{name}`")),
            // The line would show the secret.
            (near, Some((file, _))) if env::lies_by_a_secret(&path) => {
                let file = file.display();
                Place::Named(match near {
                    Some(Origin::File(line)) => format!("line {line} of {file}"),
                    _ => file.to_string(),
                })
            }
            (_, Some((file, text))) => match locate(text, &path) {
                Some(span) => Place::File {
                    path: file.clone(),
                    text: veil(text),
                    span,
                },
                None => Place::Nowhere,
            },
            _ => Place::Nowhere,
        };
        let message = without_texts(&message.into(), &self.table);
        ConfigError::new(message, place, None)
    }
}

fn parse_file(path: &Path, text: &str) -> Result<Table, ConfigError> {
    let at = |span: Option<std::ops::Range<usize>>, message: &str| {
        let span = span.unwrap_or(0..text.len().min(1));
        let veiled = veil(text);
        let heading = heading(&veiled, span.start, message);
        let (message, help) = if hides(text, &span) {
            teach_of_secret(message)
        } else {
            teach(message)
        };
        let help = heading.or(help);
        let place = Place::File {
            path: path.to_owned(),
            text: veiled,
            span,
        };
        ConfigError::new(message, place, help)
    };
    let table: Table = toml::from_str(text).map_err(|e| at(e.span(), e.message()))?;
    if let Some(key) = no_table(&table) {
        let error = at(locate(text, key), &format!("`{key}` is a table"));
        return Err(error.with_help(format!("write its keys below a line `[{key}]`")));
    }
    toml::from_str::<Config>(text).map_err(|e| at(e.span(), e.message()))?;
    Ok(table)
}

pub(super) fn check(table: &Table, place: impl Fn() -> Place) -> Result<Config, ConfigError> {
    Config::deserialize(table.clone()).map_err(|error| {
        let (message, help) = teach(error.message());
        ConfigError::new(message, place(), help)
    })
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// A table that holds one value at the dotted `path`.
pub(super) fn single(path: &str, value: Value) -> Table {
    let mut table = Table::new();
    insert(&mut table, path, value);
    table
}

fn insert(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((key, rest)) => {
            let inner = table
                .entry(key)
                .or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn set(
    table: &mut Table,
    origins: &mut BTreeMap<String, Origin>,
    path: &str,
    value: Value,
    origin: Origin,
) {
    // A command and an address exclude each other: the later layer's word counts.
    let other = match path {
        "app.command" => Some("upstream"),
        "app.upstream" => Some("command"),
        _ => None,
    };
    if let (Some(other), Some(Value::Table(app))) = (other, table.get_mut("app")) {
        let is_replaced = app.remove(other).is_some();
        origins.remove(&join("app", other));
        // How often it was to be started goes with the command of an earlier layer.
        let layer = |origin: &Origin| std::mem::discriminant(origin);
        let before = origins.get("app.instances").map(layer);
        if other == "command"
            && is_replaced
            && before.is_some_and(|before| before != layer(&origin))
        {
            app.remove("instances");
            origins.remove("app.instances");
        }
    }
    insert(table, path, value);
    origins.retain(|set, _| !set.starts_with(&format!("{path}.")));
    origins.insert(path.to_owned(), origin);
}

fn note_lines(table: &Table, text: &str, path: &str, origins: &mut BTreeMap<String, Origin>) {
    for (key, value) in table {
        let path = join(path, key);
        match value {
            Value::Table(table) if !table.is_empty() => note_lines(table, text, &path, origins),
            _ => {
                let start = locate(text, &path).map_or(0, |span| span.start);
                let line = text
                    .get(..start)
                    .map_or(1, |before| before.matches('\n').count() + 1);
                origins.insert(path, Origin::File(line));
            }
        }
    }
}

#[cfg(test)]
mod tests;
