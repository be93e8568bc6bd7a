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
        let app = &self.app;
        let name = app
            .name
            .as_deref()
            .map(|name| format!(": {}", one_line(name)));
        writeln!(
            f,
            "Found {}{}",
            one_line(&app.made_with),
            name.unwrap_or_default()
        )?;
        let width = app
            .seen
            .iter()
            .map(|(file, _)| file.chars().count())
            .max()
            .unwrap_or(0);
        for (file, what) in &app.seen {
            writeln!(f, "  {:width$}  {}", one_line(file), one_line(what))?;
        }
        match &self.path {
            Some(path) => writeln!(f, "\nWrote {}", path.display())?,
            None => writeln!(f, "\nWrote the configuration to standard output")?,
        }
        match &app.start {
            Start::Command(command) => {
                writeln!(
                    f,
                    "  Panoply starts `{}` and tells it its port",
                    shown(command)
                )?;
            }
            Start::Upstream { port, .. } => {
                writeln!(
                    f,
                    "  The app has a port of its own: start it yourself, on {port}"
                )?;
            }
            Start::Unknown => writeln!(f, "  Write in it how the app is started")?,
        }
        let notes = [
            ("[client]", &app.client_notes),
            ("[headers]", &app.header_notes),
        ];
        let notes: Vec<_> = notes
            .iter()
            .filter(|(_, n)| !n.is_empty())
            .map(|(t, _)| *t)
            .collect();
        if !notes.is_empty() {
            writeln!(
                f,
                "  Read in it what your app should know, at {}",
                notes.join(" and ")
            )?;
        }
        if self.path.is_none() {
            return Ok(());
        }
        let flag = self.flag();
        writeln!(f, "\nNext")?;
        if self.dir != Path::new(".") && !self.dir.as_os_str().is_empty() {
            writeln!(f, "  cd {}", self.dir.display())?;
        }
        if app.start == Start::Unknown {
            return writeln!(f, "  panoply run{flag} -- COMMAND");
        }
        writeln!(f, "  panoply check{flag}\n  panoply run{flag}")
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
