//! Files that settings name, read without waiting for anybody.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// What is in a file, as long as that is at most `most` bytes.
///
/// For what settings name, which may be anything. A pipe is waited for until somebody writes there, by whoever reads
/// and by all who wait for that, and a device may never end; neither is opened here.
///
/// # Errors
///
/// When it cannot be read, is no file (`IsADirectory`, or `InvalidInput` for a pipe, a socket or a device), or is longer
/// (`FileTooLarge`). What is said then follows `cannot be read: `.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("users");
/// std::fs::write(&path, "ada")?;
/// assert_eq!(panoply_core::read_file(&path, 3)?, b"ada");
/// let error = panoply_core::read_file(&path, 2).unwrap_err();
/// assert_eq!(error.to_string(), "it has more than 2 bytes");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // A device may do something when it is opened.
    is_file(&std::fs::metadata(path)?)?;
    let file = open(path)?;
    // Another may have taken its place.
    let about = file.metadata()?;
    is_file(&about)?;
    let likely = usize::try_from(about.len().min(most)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(likely + 1);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let said = format!("it has more than {most} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, said));
    }
    Ok(bytes)
}

/// The same of a file that is text.
///
/// # Errors
///
/// As of [`read_file`], and when it is not UTF-8 (`InvalidData`).
pub fn read_text_file(path: &Path, most: u64) -> io::Result<String> {
    let text = String::from_utf8(read_file(path, most)?);
    text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

fn is_file(about: &std::fs::Metadata) -> io::Result<()> {
    if about.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !about.is_file() {
        let said = "it is no file but a pipe, a socket or a device; name one that can be read again and again";
        return Err(io::Error::new(ErrorKind::InvalidInput, said));
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A pipe that has taken the file's place since it was looked at is not waited for.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "caf\u{e9}").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for path in [&path, &link] {
            assert_eq!(read_text_file(path, 5).unwrap(), "caf\u{e9}");
            let kind = read_file(path, 4).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::FileTooLarge);
        }
        std::fs::write(&path, b"caf\xe9").unwrap();
        assert_eq!(read_file(&path, u64::MAX).unwrap(), b"caf\xe9");
        let said = read_text_file(&path, 4).unwrap_err().to_string();
        assert_eq!(said, "it is not UTF-8");
        // What says of itself that it is empty.
        if let Ok(status) = read_text_file(Path::new("/proc/self/status"), 1 << 20) {
            assert!(status.starts_with("Name:"), "{status}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |path: &Path| read_file(path, 1 << 20).unwrap_err().kind();
        assert_eq!(kind(&folder.path().join("none")), ErrorKind::NotFound);
        assert_eq!(kind(folder.path()), ErrorKind::IsADirectory);
        // Nobody writes there, ever.
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let socket = folder.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&pipe, &socket, Path::new("/dev/zero")] {
            assert_eq!(kind(path), ErrorKind::InvalidInput, "{path:?}");
        }
    }
}
