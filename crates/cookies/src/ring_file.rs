//! A ring in a file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Error, KeyRing};

impl KeyRing {
    /// The keys in a file, which is made with one key when there is none, for its owner only.
    ///
    /// Of two processes that make it at once both get the same.
    ///
    /// # Errors
    ///
    /// When it cannot be read or made, or a key in it is not good.
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        match Self::open(path) {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let made = Self::random()?;
        let failed = |source| file_error(path, "written", source);
        let temporary = made.write_beside(path).map_err(failed)?;
        let linked = fs::hard_link(&temporary, path);
        fs::remove_file(&temporary).map_err(failed)?;
        match linked {
            // Somebody else was faster.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
            _ => Self::open(path),
        }
    }

    /// The keys in a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a key in it is not good.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path);
        let text = text.map_err(|source| file_error(path, "read", source))?;
        Self::from_text(&text)
    }

    /// Puts a new key in front of those in a file; the eight newest stay. It is whole at every
    /// moment, and of two processes that do so at once one fails.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written, or another process is at it.
    pub fn rotate_file(path: &Path) -> Result<Self, Error> {
        let rotated = Self::open(path)?.rotate()?;
        let failed = |source| file_error(path, "written", source);
        let temporary = rotated.write_beside(path).map_err(failed)?;
        keep_owner(path, &temporary).map_err(failed)?;
        fs::rename(&temporary, path).map_err(failed)?;
        Ok(rotated)
    }

    /// Writes it whole under a name of its own.
    fn write_beside(&self, path: &Path) -> io::Result<PathBuf> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".new");
        let temporary = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = match options.open(&temporary) {
            // One that is old was left by a process that ended in the middle.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_old(&temporary) => {
                fs::remove_file(&temporary)?;
                options.open(&temporary)
            }
            opened => opened,
        };
        let mut file = file?;
        file.write_all(&self.text())?;
        file.sync_all()?;
        Ok(temporary)
    }
}

/// Whoever could read the file can read the new one: root rotates the keys of a gateway that is
/// another user's.
fn keep_owner(path: &Path, new: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let (before, now) = (fs::metadata(path)?, fs::metadata(new)?);
        if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
            chown(new, Some(before.uid()), Some(before.gid()))?;
        }
    }
    Ok(())
}

fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|about| about.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age > Duration::from_secs(10))
}

fn file_error(path: &Path, doing: &'static str, source: io::Error) -> Error {
    let path = path.to_owned();
    Error::File {
        path,
        doing,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_rotated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/keys");
        let made = KeyRing::open_or_create(&path).unwrap();
        let again = KeyRing::open_or_create(&path).unwrap();
        assert_eq!(made.text(), again.text());
        let rotated = KeyRing::rotate_file(&path).unwrap();
        assert_eq!(rotated.len(), 2);
        assert_eq!(KeyRing::open(&path).unwrap().text(), rotated.text());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::write(&path, "short").unwrap();
        assert!(matches!(
            KeyRing::open_or_create(&path),
            Err(Error::ShortKey(5))
        ));
        let error = KeyRing::open(&folder.path().join("none")).unwrap_err();
        assert!(error.to_string().contains("cannot be read"));
    }

    #[test]
    fn many_at_once_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let rings: Vec<Option<Vec<u8>>> = std::thread::scope(|scope| {
            let open = || KeyRing::open_or_create(&path).ok().map(|ring| ring.text());
            let tasks: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            tasks.into_iter().map(|task| task.join().unwrap()).collect()
        });
        let kept = KeyRing::open(&path).unwrap().text();
        assert!(rings.iter().flatten().all(|ring| *ring == kept));
    }
}
