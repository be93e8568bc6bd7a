//! Which paths a prefix speaks for.

use crate::Error;
use crate::error::check_characters;

/// A prefix of paths that ends where a segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefix(Box<str>);

impl Prefix {
    /// `/embed` and `/embed/` are the same.
    pub(crate) fn new(prefix: &str) -> Result<Self, Error> {
        check_characters(prefix, &[' ', '?', '#', '%', '\\'])?;
        // No path that a client sends has a step in place in it.
        let stays = prefix.split('/').any(|segment| segment == ".");
        if !prefix.starts_with('/') || is_ambiguous(prefix) || stays {
            return Err(Error::form(
                "a path such as \"/embed\"",
                format!("{prefix:?}"),
            ));
        }
        Ok(Self(prefix.trim_end_matches('/').into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        match &*self.0 {
            "" => "/",
            prefix => prefix,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `path` is the prefix itself or lies below it.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let below = path.strip_prefix(&*self.0);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether an application that minds no case might take `path` for the prefix or one below it.
    fn may_hold(&self, path: &str) -> bool {
        let same = |start: &str| start.eq_ignore_ascii_case(&self.0);
        path.get(..self.0.len()).is_some_and(same)
            && matches!(path.as_bytes().get(self.0.len()), None | Some(b'/'))
    }

    /// Whether an application might take a path with these readings for one under the prefix.
    pub(crate) fn may_hold_any(&self, readings: &[String]) -> bool {
        readings.iter().any(|path| self.may_hold(path))
    }

    /// Whether `path` is the prefix itself.
    pub(crate) fn is(&self, path: &str) -> bool {
        *self.0 == *path.strip_suffix('/').unwrap_or(path)
    }
}

/// Whether an application might take `path` for one outside of the prefix that it begins with:
/// where a step up hides in it, a backslash, an empty segment or a parameter of a segment.
pub(crate) fn is_ambiguous(path: &str) -> bool {
    let encoded = |bytes: &[u8]| match bytes {
        [b'%', high, low] => {
            matches!(
                (high, low.to_ascii_lowercase()),
                (b'2', b'e' | b'f') | (b'5', b'c')
            )
        }
        _ => false,
    };
    path.contains("..")
        || path.contains("//")
        || path.contains(['\\', ';'])
        || (path.contains('%') && path.as_bytes().windows(3).any(encoded))
}

/// What applications make of an ambiguous path: with steps up left as they are, and taken.
pub(crate) fn readings(path: &str) -> [String; 2] {
    let plain = path
        .replace("%2e", ".")
        .replace("%2E", ".")
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace("%5c", "/")
        .replace("%5C", "/")
        .replace('\\', "/");
    let (mut kept, mut taken) = (String::new(), Vec::new());
    for segment in plain.split('/') {
        let segment = segment.split(';').next().unwrap_or(segment);
        match segment {
            "" | "." => continue,
            ".." => {
                taken.pop();
            }
            name => taken.push(name),
        }
        kept.push('/');
        kept.push_str(segment);
    }
    [kept, format!("/{}", taken.join("/"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_with_a_segment() {
        let embed = Prefix::new("/embed/").unwrap();
        for path in ["/embed", "/embed/", "/embed/a"] {
            assert!(embed.holds(path), "{path}");
        }
        for path in ["/embedded", "/", "/a/embed", "/Embed"] {
            assert!(!embed.holds(path), "{path}");
        }
        assert!(Prefix::new("/").unwrap().holds("/anything"));
        assert!(embed.is("/embed") && embed.is("/embed/") && !embed.is("/embed/a"));
        for bad in ["embed", "", "/a/../b", "/a b", "/a?b", "/a%2f", "/a/."] {
            assert!(Prefix::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_an_application_might_read() {
        for path in [
            "/ADMIN/x",
            "//admin",
            "/admin;v=1/x",
            "/a/%2e%2E/admin",
            "/admin%2Fx",
            "/a/..\\admin",
            "/admin/../x",
        ] {
            let admin = Prefix::new("/admin").unwrap();
            assert!(admin.may_hold_any(&readings(path)), "{path}");
            let other = Prefix::new("/administration").unwrap();
            assert!(!other.may_hold_any(&readings(path)), "{path}");
        }
    }

    #[test]
    fn steps_up_are_seen_however_written() {
        for path in [
            "/embed/../admin",
            "/embed/%2e%2E/admin",
            "/embed/..%2fadmin",
            "/embed%5Cx",
            "/embed/..;/admin",
            "/embed//admin",
        ] {
            assert!(is_ambiguous(path), "{path}");
        }
        assert!(!is_ambiguous("/embed/a%20b/c.d"));
    }
}
