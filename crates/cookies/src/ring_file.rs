//! A ring in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::{Error, KeyRing};

/// What is read at most of what is named as one: 1 MiB.
const MOST: u64 = 1 << 20;

/// How old a half-written file is that no process is at any more.
const OLD: Duration = Duration::from_secs(10);

/// How often it is looked whether another process is done, and how long between: until what it
/// left is old, should it have ended in the middle.
const LOOKS: u32 = 600;
const BETWEEN: Duration = Duration::from_millis(20);

impl KeyRing {
    /// The keys in a file, which is made with one key when there is none, for its owner only.
    ///
    /// Of two processes that make it at once both get the same: the second waits for the first, which
    /// takes a moment, or some twelve seconds where the first has ended in the middle.
    ///
    /// # Errors
    ///
    /// When it cannot be read or made, or a key in it is not good.
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        for _ in 0..LOOKS {
            match Self::open(path) {
                Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
            match Self::create(path) {
                Err(Error::File { source, .. })
                    if source.kind() == io::ErrorKind::AlreadyExists =>
                {
                    thread::sleep(BETWEEN);
                }
                created => return created,
            }
        }
        Self::create(path)
    }

    /// Makes the file, unless somebody else is faster.
    fn create(path: &Path) -> Result<Self, Error> {
        let made = Self::random()?;
        let failed = |source| file_error(path, "written", source);
        let temporary = made.write_beside(path, None).map_err(failed)?;
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
    /// When it cannot be read, is a pipe or a device, or longer than 1 MiB, or a key in it is not good.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = panoply_core::read_text_file(path, MOST);
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
        let temporary = rotated.write_beside(path, Some(path)).map_err(failed)?;
        fs::rename(&temporary, path).map_err(failed)?;
        Ok(rotated)
    }

    /// Writes it whole under a name of its own, for the owner of `like`.
    fn write_beside(&self, path: &Path, like: Option<&Path>) -> io::Result<PathBuf> {
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
        if let Some(like) = like {
            keep_owner(like, &file)?;
        }
        file.write_all(&self.text())?;
        file.sync_all()?;
        Ok(temporary)
    }
}

/// Whoever could read the file can read the new one: root rotates the keys of a gateway that is
/// another user's. Of the file that is open, since that user may put another by its name.
fn keep_owner(path: &Path, new: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let (before, now) = (fs::metadata(path)?, new.metadata()?);
        if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
            fchown(new, Some(before.uid()), Some(before.gid()))?;
        }
    }
    Ok(())
}

fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|about| about.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age > OLD)
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
    fn what_is_no_file_is_not_waited_for() {
        for open in [KeyRing::open, KeyRing::open_or_create, KeyRing::rotate_file] {
            let error = open(Path::new("/dev/zero")).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("it is no file"), "{cause}");
        }
    }

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
    fn an_error_says_what_was_tried() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &str| {
            let error = KeyRing::open_or_create(&folder.path().join(path)).unwrap_err();
            error.to_string()
        };
        fs::write(folder.path().join("file"), "").unwrap();
        let below = error("file/keys");
        assert!(below.contains("cannot be read"), "{below}");
        // A name that only a folder can have cannot be linked to.
        let no_file = error("keys/");
        assert!(no_file.contains("cannot be written"), "{no_file}");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "no key lies about");
    }

    #[test]
    fn whoever_comes_second_gets_the_keys_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let first = KeyRing::create(&path).unwrap();
        assert_eq!(KeyRing::create(&path).unwrap().text(), first.text());
    }

    #[cfg(unix)]
    #[test]
    fn rotated_by_root_the_keys_stay_their_owners() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        KeyRing::open_or_create(&path).unwrap();
        if chown(&path, Some(4321), Some(1234)).is_err() {
            // Nobody but root gives files away, and of nobody else's is anything to be kept.
            return;
        }
        KeyRing::rotate_file(&path).unwrap();
        let now = fs::metadata(&path).unwrap();
        assert_eq!((now.uid(), now.gid()), (4321, 1234));
    }

    #[test]
    fn what_another_process_left_is_taken_away_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        KeyRing::open_or_create(&path).unwrap();
        let left = folder.path().join("keys.new");
        fs::write(&left, "half").unwrap();
        let busy = KeyRing::rotate_file(&path).unwrap_err();
        assert!(busy.to_string().contains("cannot be written"), "{busy}");
        assert_eq!(fs::read_to_string(&left).unwrap(), "half");
        let file = OpenOptions::new().write(true).open(&left).unwrap();
        let made = file.metadata().unwrap().modified().unwrap();
        file.set_modified(made - Duration::from_mins(1)).unwrap();
        assert_eq!(KeyRing::rotate_file(&path).unwrap().len(), 2);
        assert!(!left.exists());
    }

    #[test]
    fn many_at_once_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let rings: Vec<Vec<u8>> = thread::scope(|scope| {
            let open = || KeyRing::open_or_create(&path).unwrap().text();
            let tasks: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            tasks.into_iter().map(|task| task.join().unwrap()).collect()
        });
        let kept = KeyRing::open(&path).unwrap().text();
        assert!(rings.iter().all(|ring| *ring == kept));
    }

    #[test]
    fn a_start_waits_for_what_may_still_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let half = KeyRing::random()
            .unwrap()
            .write_beside(&path, None)
            .unwrap();
        let file = OpenOptions::new().write(true).open(&half).unwrap();
        let made = file.metadata().unwrap().modified().unwrap();
        let nearly = OLD.checked_sub(Duration::from_millis(300)).unwrap();
        file.set_modified(made - nearly).unwrap();
        let ring = KeyRing::open_or_create(&path).unwrap();
        assert_eq!(KeyRing::open(&path).unwrap().text(), ring.text());
        assert!(!half.exists());
    }
}
