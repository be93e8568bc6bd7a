//! `panoply init`: looks at an app and writes a commented `panoply.toml` for it.

mod app;
mod node;
mod other;
mod render;
mod source;
mod summary;
#[cfg(test)]
mod tests;
mod write;

use std::{
    io,
    path::{Path, PathBuf},
};

pub(crate) use self::summary::Summary;

/// Where the configuration goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Output {
    /// To `panoply.toml` in the app's directory.
    #[default]
    Beside,
    /// To this file.
    File(PathBuf),
    /// To standard output; the summary then belongs on standard error.
    Stdout,
}

impl From<Option<PathBuf>> for Output {
    /// As the flag `--output` says it: nothing, a file, or `-`.
    fn from(flag: Option<PathBuf>) -> Self {
        match flag {
            None => Self::Beside,
            Some(path) if path.as_os_str() == "-" => Self::Stdout,
            Some(path) => Self::File(path),
        }
    }
}

/// Why no configuration was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum InitError {
    /// The directory is not there, or is none.
    #[error(
        "`{}` is not a directory that can be read ({source}): \
         name the app's, as in `panoply init ./my-app`",
        .path.display()
    )]
    Directory {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing in the directory says how the app is started.
    #[error("no app found in `{}`\n\n{LOOKED_FOR}", .0.display())]
    NothingFound(PathBuf),
    /// A file that describes the app cannot be read.
    #[error("`{}` cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that should be JSON is not.
    #[error(
        "{}:{}:{}: not valid JSON: {}; JSON has no comments, no trailing commas and no single \
         quotes",
        .path.display(), .source.line(), .source.column(), without_place(.source)
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// A file that should be a JSON object is other JSON.
    #[error("`{}` holds no object: it should begin with `{{` and have a `name`", .0.display())]
    NoObject(PathBuf),
    /// A file that should be TOML is not.
    #[error("`{}` is not valid TOML: {}", .path.display(), tame(.source))]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml_edit::TomlError>,
    },
    /// The output exists.
    #[error(
        "`{}`{} is there already and was left as it is: add `--force` to replace it, or \
         `--output -` to see what would be written",
        .0.display(), leads(.0)
    )]
    Exists(PathBuf),
    /// The output cannot be written.
    #[error("`{}` cannot be written: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

const LOOKED_FOR: &str = "\
looked for:
  package.json   Node: Express, Fastify, Koa, Next.js, NestJS and others
  Procfile       its `web` process
  Cargo.toml     Rust
  manage.py      Django
  Gemfile        Rails, Sinatra, Rack
  composer.json  Laravel, Symfony, PHP
  index.php      PHP, also in public/

name the directory that has one, as in `panoply init ./my-app`; or do without a file:
  panoply run -- COMMAND                          starts the app with PORT set
  panoply run --upstream http://127.0.0.1:3000    the app runs already";

/// What is wrong, without the line and column that the message begins with already.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Where a link leads: what `--force` replaces is there, and may be nobody's business here.
fn leads(path: &Path) -> String {
    let place = |to: PathBuf| app::one_line(&to.display().to_string());
    std::fs::read_link(path).map_or_else(
        |_| String::new(),
        |to| format!(", a link to `{}`,", place(to)),
    )
}

/// What is wrong, with the line in which it is, and nothing in that for a terminal to obey.
fn tame(error: &toml_edit::TomlError) -> String {
    let harmless = |c| {
        if c != '\n' && app::misleads(c) {
            '\u{fffd}'
        } else {
            c
        }
    };
    error.to_string().chars().map(harmless).collect()
}

/// Looks at the app in `dir` and writes a configuration for it.
///
/// An existing file is replaced only with `force`. The file appears whole or not at all.
///
/// # Errors
///
/// When no app is recognised, what describes it cannot be read, or the output cannot be written.
pub(crate) fn run(dir: &Path, output: Output, force: bool) -> Result<Summary, InitError> {
    std::fs::read_dir(dir).map_err(|source| InitError::Directory {
        path: dir.to_owned(),
        source,
    })?;
    let app = app::look(dir)?;
    let toml = render::render(&app);
    let path = match output {
        Output::Beside => Some(dir.join("panoply.toml")),
        Output::File(path) => Some(path),
        Output::Stdout => None,
    };
    match &path {
        Some(path) => write::to_file(path, &toml, force)?,
        None => crate::print::put(toml.as_bytes()),
    }
    Ok(Summary::new(app, dir, path))
}

/// The `[app]` table for the app in `dir`, if it is known how that is started.
pub(crate) fn app_table(dir: &Path) -> Option<String> {
    let app = app::look(dir).ok()?;
    (app.start != app::Start::Unknown).then(|| render::app_alone(&app))
}
