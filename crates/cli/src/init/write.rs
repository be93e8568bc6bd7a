//! Writes the file whole or not at all, and never over another by accident.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::InitError;

/// Writes `text` to `path`; over an existing file only with `force`.
pub(super) fn to_file(path: &Path, text: &str, force: bool) -> Result<(), InitError> {
    place(path, text, force).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists if !force => InitError::Exists(path.to_owned()),
        _ => InitError::Write {
            path: path.to_owned(),
            source,
        },
    })
}

fn place(path: &Path, text: &str, force: bool) -> io::Result<()> {
    // Seen early, so that nothing is written where only the answer "no" is needed.
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // What `--force` replaces may be a link to where the file is really kept.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (draft, mut file) = draft(path)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| {
            if force {
                fs::rename(&draft, path)
            } else {
                link(&draft, path, text)
            }
        });
    // After a rename there is nothing left to remove.
    let _ = fs::remove_file(&draft);
    written
}

/// A link, unlike a rename, fails when somebody was faster; not every file system has links.
fn link(draft: &Path, path: &Path, text: &str) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let mut file = File::create_new(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        }
        linked => linked,
    }
}

/// A new file beside `path`, on the same file system.
fn draft(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}.draft", std::process::id()));
    // Left over from a process of the same number that was killed.
    let _ = fs::remove_file(&draft);
    let file = File::create_new(&draft)?;
    Ok((draft, file))
}
