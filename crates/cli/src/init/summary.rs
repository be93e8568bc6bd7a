//! What `init` tells of what it did.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::app::{App, Start, one_line};

/// What was seen, what was written, and what to type next.
#[derive(Debug)]
pub(crate) struct Summary {
    app: App,
    dir: PathBuf,
    path: Option<PathBuf>,
}

impl Summary {
    pub(super) fn new(app: App, dir: &Path, path: Option<PathBuf>) -> Self {
        Self {
            app,
            dir: dir.to_owned(),
            path,
        }
    }

    /// The flag that names the file, when it is not where `run` and `check` look.
    fn flag(&self) -> String {
        match &self.path {
            Some(path) if *path != self.dir.join("panoply.toml") => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!(" --config {}", path.display())
            }
            _ => String::new(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found(f)?;
        self.wrote(f)?;
        match self.path {
            Some(_) => self.next(f),
            None => Ok(()),
        }
    }
}

impl Summary {
    fn found(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let app = &self.app;
        write!(f, "Found {}", one_line(&app.made_with))?;
        if let Some(name) = &app.name {
            write!(f, ": {}", one_line(name))?;
        }
        let width = app
            .seen
            .iter()
            .map(|(file, _)| file.chars().count())
            .max()
            .unwrap_or(0);
        for (file, what) in &app.seen {
            write!(f, "\n  {:width$}  {}", one_line(file), one_line(what))?;
        }
        Ok(())
    }

    fn wrote(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "\n\nWrote {}", path.display())?,
            None => write!(f, "\n\nWrote the configuration to standard output")?,
        }
        match &self.app.start {
            Start::Command(command) => {
                write!(
                    f,
                    "\n  Panoply starts `{}` and tells it its port",
                    shown(command)
                )?;
            }
            Start::Upstream { port, .. } => {
                write!(
                    f,
                    "\n  The app has a port of its own: start it yourself, on {port}"
                )?;
            }
            Start::Unknown => write!(f, "\n  Write in it how the app is started")?,
        }
        let notes = [
            ("[client]", &self.app.client_notes),
            ("[headers]", &self.app.header_notes),
        ];
        let notes: Vec<_> = notes
            .iter()
            .filter(|(_, n)| !n.is_empty())
            .map(|(t, _)| *t)
            .collect();
        if !notes.is_empty() {
            write!(
                f,
                "\n  Read in it what your app should know, at {}",
                notes.join(" and ")
            )?;
        }
        Ok(())
    }

    fn next(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n\nNext")?;
        if self.dir != Path::new(".") && !self.dir.as_os_str().is_empty() {
            write!(f, "\n  cd {}", self.dir.display())?;
        }
        let flag = self.flag();
        if self.app.start == Start::Unknown {
            return write!(f, "\n  panoply run{flag} -- COMMAND");
        }
        write!(f, "\n  panoply check{flag}\n  panoply run{flag}")
    }
}

/// A command as a person would type it.
fn shown(command: &[String]) -> String {
    match command {
        [shell, flag, line] if shell == "sh" && flag == "-c" => {
            one_line(line.strip_prefix("exec ").unwrap_or(line))
        }
        words => one_line(&words.join(" ")),
    }
}
