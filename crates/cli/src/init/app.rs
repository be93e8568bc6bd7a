//! What `init` learns of an app, whatever it is written in.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Component, Path},
};

use super::{InitError, node, other};

const FILE_BYTES: u64 = 1 << 20;

/// An app as its files describe it.
#[derive(Debug)]
pub(super) struct App {
    /// Its name, when a file says one.
    pub(super) name: Option<String>,
    /// What it is made with: `Express 5.3.0`.
    pub(super) made_with: String,
    /// What was seen, as a file and what it says.
    pub(super) seen: Vec<(String, String)>,
    /// How it is started.
    pub(super) start: Start,
    /// Whether it takes its own origin to begin with `http://`, by which it is asked.
    pub(super) takes_http: bool,
    /// What to know about starting it.
    pub(super) start_notes: Vec<String>,
    /// What its code says about proxies, and what to do about that.
    pub(super) client_notes: Vec<String>,
    /// What its code says about headers.
    pub(super) header_notes: Vec<String>,
}

/// How the gateway gets to the app.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The gateway starts it and says its port.
    Command(Vec<String>),
    /// It has a port of its own, so somebody else starts it.
    Upstream {
        /// Where it listens.
        port: u16,
        /// What would start it, if it listened where it is told to.
        command: Option<Vec<String>>,
    },
    /// Nothing says how.
    Unknown,
}

/// Where an app listens, as its files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    /// Where the variable `PORT` says, or else on this port.
    Told(Option<u16>),
    /// On this port, whatever it is told.
    Fixed(u16),
}

impl App {
    /// An app of which nothing but `made_with` is known.
    pub(super) fn new(made_with: impl Into<String>) -> Self {
        Self {
            name: None,
            made_with: made_with.into(),
            seen: Vec::new(),
            start: Start::Unknown,
            takes_http: false,
            start_notes: Vec::new(),
            client_notes: Vec::new(),
            header_notes: Vec::new(),
        }
    }

    /// Notes that `file` says `what`.
    pub(super) fn saw(&mut self, file: impl Into<String>, what: impl Into<String>) {
        self.seen.push((file.into(), what.into()));
    }

    /// Notes how to start it, from the command and what is known of the port.
    pub(super) fn starts_with(&mut self, command: Option<Vec<String>>, port: Option<Port>) {
        self.start = match (command, port) {
            (command, Some(Port::Fixed(port))) => Start::Upstream { port, command },
            (Some(command), _) => Start::Command(command),
            (None, _) => Start::Unknown,
        };
    }
}

/// Recognises the app in `dir`.
///
/// A `Procfile` says how the app is started in production, so its command wins over a guess.
pub(super) fn look(dir: &Path) -> Result<App, InitError> {
    let app = [
        node::look,
        other::cargo,
        other::django,
        other::ruby,
        other::php,
    ]
    .iter()
    .find_map(|look| look(dir).transpose())
    .transpose()?;
    match (app, other::procfile(dir)?) {
        (None, None) => Err(InitError::NothingFound(dir.to_owned())),
        (Some(app), None) => Ok(app),
        (app, Some(web)) => {
            let mut app = app.unwrap_or_else(|| App::new("an app with a Procfile"));
            app.saw("Procfile", format!("web: {web}"));
            app.start = Start::Command(other::command(&web));
            app.start_notes = vec!["The `web` process of the Procfile.".into()];
            Ok(app)
        }
    }
}

/// The text of `name` in `dir`; none when there is no such file.
pub(super) fn read(dir: &Path, name: &str) -> Result<Option<String>, InitError> {
    let path = dir.join(name);
    match bounded(&path) {
        Ok(text) => Ok(Some(text.trim_start_matches('\u{feff}').to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(InitError::Read { path, source }),
    }
}

/// The text of a file that the app's own files name; none when it is not a file inside `dir`.
pub(super) fn read_inside(dir: &Path, name: &str) -> Option<String> {
    let is_inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    is_inside.then(|| bounded(&dir.join(name)).ok())?
}

fn bounded(path: &Path) -> io::Result<String> {
    // Before it is opened: to open a pipe is to wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `text` on one line, without what a terminal or a TOML comment would trip over.
pub(super) fn one_line(text: &str) -> String {
    const LENGTH: usize = 600;
    let plain: String = { text.chars() }
        .map(|c| if misleads(c) { ' ' } else { c })
        .collect();
    let mut line = plain.trim().to_owned();
    if line.len() > LENGTH {
        line.truncate(line.floor_char_boundary(LENGTH));
        line.push('…');
    }
    line
}

/// Whether a terminal obeys it, or it is seen nowhere or elsewhere than where it stands.
pub(super) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
