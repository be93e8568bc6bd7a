//! Reading `panoply.toml`.

use std::io;
use std::path::Path;

use super::ConfigError;

/// The file's text.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| {
        let message = ConfigError::plain(format!("{name} cannot be read: {error}"));
        match error.kind() {
            io::ErrorKind::NotFound => message.with_help("`panoply init` writes one for your app"),
            io::ErrorKind::IsADirectory => message.with_help("name the file in it"),
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

#[cfg(test)]
mod tests {
    use super::*;

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
