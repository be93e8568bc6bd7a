//! Reading `panoply.toml`.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use super::ConfigError;

/// What is read at most of what is named as the configuration: 16 MiB.
const MOST: u64 = 16 << 20;

/// The file's text.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let name = path.display();
    let bytes = bytes(path).map_err(|error| {
        let message = ConfigError::plain(format!("{name} cannot be read: {error}"));
        match error.kind() {
            io::ErrorKind::NotFound => message.with_help("`panoply init` writes one for your app"),
            io::ErrorKind::IsADirectory => message.with_help("name the file in it"),
            io::ErrorKind::FileTooLarge => {
                message.with_help("name the file that `panoply init` has written")
            }
            _ => message,
        }
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or(&[]);
        let line = before.split(|byte| *byte == b'\n').count();
        let message = format!("{name} is not UTF-8: the first wrong byte is in line {line}");
        ConfigError::plain(message).with_help("save it as UTF-8 in your editor")
    })
}

/// Of a pipe as well, which `<(…)` of a shell is, and of a device: it may never end.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.is_file() {
        return panoply_core::read_file(path, MOST);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        let said = format!("it has more than {MOST} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, said));
    }
    Ok(bytes)
}

/// The text of a file that has been read before. What is no file is not opened: a pipe has nothing left of what was
/// read, or nobody at its other end, who would be waited for.
pub(super) fn read_again(path: &Path) -> Result<String, ConfigError> {
    let kind = match std::fs::metadata(path) {
        Ok(about) => about.file_type(),
        // Why, is said by who tries.
        Err(_) => return read(path),
    };
    if kind.is_file() || kind.is_dir() || path == Path::new("/dev/null") {
        return read(path);
    }
    let what = if kind.is_fifo() { "a pipe" } else { "no file" };
    let message = format!(
        "{} is {what}: what was read from it is gone, and it cannot be read again",
        path.display()
    );
    let help = "write the configuration into a file, and name that with `--config FILE`";
    Err(ConfigError::plain(message).with_help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_but_once_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("panoply.toml");
        assert!(
            read_again(&path)
                .unwrap_err()
                .to_string()
                .contains("panoply init")
        );
        std::fs::write(&path, "[log]\n").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for path in [&path, &link] {
            assert_eq!(read_again(path).unwrap(), "[log]\n");
        }
        assert_eq!(read_again(Path::new("/dev/null")).unwrap(), "");
        let fifo = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
        // Nobody writes there, ever.
        let said = read_again(&fifo).unwrap_err().to_string();
        assert!(
            said.contains("is a pipe") && said.contains("into a file"),
            "{said}"
        );
        let said = read_again(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(said.contains("is no file"), "{said}");
    }

    #[test]
    fn what_does_not_end_is_read_no_further() {
        let said = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(said.contains("more than 16777216 bytes"), "{said}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("panoply.toml");
        std::fs::File::create(&path)
            .unwrap()
            .set_len(MOST + 1)
            .unwrap();
        let said = read(&path).unwrap_err().to_string();
        assert!(said.contains("more than 16777216 bytes"), "{said}");
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"[log]\n").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read(Path::new(&path)).unwrap(), "[log]\n");
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("panoply.toml");
        let said = |path: &Path| read(path).unwrap_err().to_string();
        assert!(said(&path).contains("panoply init"));
        std::fs::write(&path, b"# caf\xc3\xa9\n# caf\xe9\n").unwrap();
        let latin = said(&path);
        assert!(
            latin.contains("in line 2") && latin.contains("save it as UTF-8"),
            "{latin}"
        );
        assert!(!latin.contains("init"), "{latin}");
        let folder = said(folder.path());
        assert!(
            folder.contains("name the file") && !folder.contains("init"),
            "{folder}"
        );
    }
}
