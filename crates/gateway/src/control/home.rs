//! Where the state directory was when the gateway began to use it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The state directory, and which one that was.
#[derive(Debug, Default)]
pub(crate) struct Home(OnceLock<(PathBuf, Identity)>);

/// What tells one file or directory from another.
pub(super) type Identity = (u64, u64);

/// Where the state directory is not the one it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nothing is at its path.
    Gone(PathBuf),
    /// Another one is.
    Another(PathBuf),
}

impl Home {
    /// Remembers which directory is there, the first time that one is.
    pub(crate) fn begin(&self, state: &Path) {
        if let Ok(Some(here)) = identity(state) {
            let _ = self.0.set((state.to_owned(), here));
        }
    }

    /// What has become of the directory, unless it is where it was; what cannot be looked at is taken to be.
    pub(crate) fn lost(&self) -> Option<Lost> {
        let (state, then) = self.0.get()?;
        match identity(state) {
            Ok(Some(now)) if now != *then => Some(Lost::Another(state.clone())),
            Ok(None) => Some(Lost::Gone(state.clone())),
            _ => None,
        }
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone(state) => write!(
                f,
                "the state directory {} was removed or moved while it is in use: keys, certificates and what is counted \
                 are in memory alone, and `panoply status` finds no gateway there. Put it back where it was, or restart \
                 the gateway to begin anew",
                state.display()
            ),
            Self::Another(state) => write!(
                f,
                "the state directory {} is another than the one that is in use, whose keys, certificates and counters \
                 end with this process. Put that one back, or restart the gateway to begin with this one",
                state.display()
            ),
        }
    }
}

/// What is at a path, if anything is.
pub(super) fn identity(path: &Path) -> io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_moved_or_another_is_not_the_one_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let (state, aside) = (folder.path().join("state"), folder.path().join("aside"));
        let home = Home::default();
        home.begin(&state);
        assert_eq!(home.lost(), None, "there has been none");
        fs::create_dir(&state).unwrap();
        home.begin(&state);
        assert_eq!(home.lost(), None);
        fs::rename(&state, &aside).unwrap();
        assert_eq!(home.lost(), Some(Lost::Gone(state.clone())));
        fs::create_dir(&state).unwrap();
        home.begin(&state);
        assert_eq!(home.lost(), Some(Lost::Another(state.clone())));
        fs::remove_dir(&state).unwrap();
        fs::rename(&aside, &state).unwrap();
        assert_eq!(home.lost(), None);
    }
}
