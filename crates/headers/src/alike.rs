//! Tables that say the same.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hasher as _};

use crate::setting::Settings;

/// Tables by what they say, so that what is made of one is made once for all that are alike.
#[derive(Debug, Default)]
pub(crate) struct Alike<'a> {
    /// Of those that were the first to say something, by a digest of it.
    seen: HashMap<u64, Vec<(&'a Settings, usize)>>,
    count: usize,
}

impl<'a> Alike<'a> {
    /// The number of what this table says, and whether it is the first that does; they are numbered as they come.
    pub(crate) fn number(&mut self, settings: &'a Settings) -> (usize, bool) {
        let mut digest = Digest::default();
        // Who counts letters takes them all.
        let _ = write!(digest, "{settings:?}");
        let seen = self.seen.entry(digest.0.finish()).or_default();
        if let Some((_, number)) = seen.iter().find(|(one, _)| *one == settings) {
            return (*number, false);
        }
        let number = self.count;
        seen.push((settings, number));
        self.count += 1;
        (number, true)
    }
}

#[derive(Default)]
struct Digest(DefaultHasher);

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::HeadersConfig;
    use crate::parts::Parts;

    #[test]
    fn what_is_said_twice_is_made_once() {
        let table = |prefix: &str, frame: &str| {
            format!("[[path]]\nprefix = \"{prefix}\"\nx-frame-options = \"{frame}\"\n")
        };
        let tables = [
            ("/a", "DENY"),
            ("/b", "SAMEORIGIN"),
            ("/c", "DENY"),
            ("/d", "DENY"),
        ];
        let text: String = tables.map(|(prefix, frame)| table(prefix, frame)).concat();
        let config: HeadersConfig = toml::from_str(&text).unwrap();
        let parts = Parts::new(&config, config.preset.resolved()).unwrap();
        let numbers: Vec<usize> = parts.paths.iter().map(|(_, number)| *number).collect();
        assert_eq!((numbers, parts.policies.len()), (vec![0, 1, 0, 0], 2));
        let headers = config.build().unwrap();
        for (prefix, frame) in tables {
            let own =
                |one: &&crate::HeaderInForce| one.path == prefix && one.name == "x-frame-options";
            let sent = headers.describe().iter().find(own);
            assert_eq!(sent.map(|one| &*one.value), Some(frame), "{prefix}");
        }
    }
}
