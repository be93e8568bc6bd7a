//! Which paths a prefix speaks for.

use std::cmp::Reverse;

use panoply_core::PathIndex;
use panoply_core::spelling::{
    canonical, in_latin, is_path, is_taken_out, loosely, named, sent, without_steps,
};

use crate::Error;

/// A prefix of paths that ends where a segment ends, as clients send it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Prefix(Box<str>);

impl Prefix {
    /// `/embed` and `/embed/` are the same, and so are `/café` and `/caf%C3%A9`.
    pub(crate) fn new(prefix: &str) -> Result<Self, Error> {
        // No path that a client sends has a step in place in it.
        let stays = prefix.split('/').any(|segment| segment == ".");
        let is_odd = is_ambiguous(prefix) || stays || prefix.contains(char::is_control);
        if !is_path(prefix) || is_odd {
            return Err(Error::form(
                "a path such as \"/embed\" or \"/caf\u{e9}\", without a step, a parameter or a pattern",
                format!("{prefix:?}"),
            ));
        }
        Ok(Self(sent(prefix).trim_end_matches('/').into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        match &*self.0 {
            "" => "/",
            prefix => prefix,
        }
    }

    /// It as it is when case says nothing: encoded, decoded, and with letters of the same meaning made one.
    fn forms(&self) -> Vec<String> {
        let root = |form: String| if form == "/" { String::new() } else { form };
        let named = root(named(&self.0));
        let mut forms = vec![
            self.0.to_ascii_lowercase(),
            root(canonical(&self.0).into_owned()),
            named,
        ];
        forms.dedup();
        forms
    }

    /// Whether `path` is the prefix itself.
    pub(crate) fn is(&self, path: &str) -> bool {
        *self.0 == *sent(path.strip_suffix('/').unwrap_or(path))
    }
}

/// Prefixes by their numbers, found without looking at all of them.
#[derive(Debug)]
pub(crate) struct Prefixes {
    index: PathIndex,
    /// The same without case, and with their letters in every form that readings have them in.
    lower: PathIndex,
    /// Whose each of these is.
    owners: Box<[usize]>,
    lengths: Box<[usize]>,
}

impl Prefixes {
    /// They are numbered as they come.
    pub(crate) fn new<'a>(prefixes: impl Iterator<Item = &'a Prefix> + Clone) -> Self {
        let lower = prefixes.clone().enumerate().flat_map(|(number, prefix)| {
            let forms = prefix.forms().into_iter();
            forms.map(move |form| (form, number))
        });
        let (lower, owners): (Vec<String>, Vec<usize>) = lower.unzip();
        Self {
            index: PathIndex::new(prefixes.clone().map(|prefix| &*prefix.0)),
            lower: PathIndex::new(lower),
            owners: owners.into(),
            lengths: prefixes.map(|prefix| prefix.0.len()).collect(),
        }
    }

    /// The one that `path` belongs to, and those that an application might read in it besides.
    pub(crate) fn of(&self, path: &str) -> (Option<usize>, Vec<usize>) {
        if self.lengths.is_empty() {
            return (None, Vec::new());
        }
        let ambiguous = is_ambiguous(path);
        let longest = (!ambiguous).then(|| self.longest(path)).flatten();
        (longest, self.doubted(path, ambiguous, longest))
    }

    /// The longest that `path` is or lies below.
    pub(crate) fn longest(&self, path: &str) -> Option<usize> {
        let sent = sent(path);
        let longest = self.index.above(&sent).last();
        longest.map(|(number, _)| number)
    }

    /// Those beside `chosen` that an application might read in `path`, the longest first: without
    /// case, and, where the path is ambiguous, in whatever way it may be cleaned up.
    ///
    /// One that is chosen is more to the point than shorter ones.
    pub(crate) fn doubted(&self, path: &str, ambiguous: bool, chosen: Option<usize>) -> Vec<usize> {
        let length = |number: usize| self.lengths.get(number).copied().unwrap_or_default();
        let least = chosen.map_or(0, length);
        let counts = |number: &usize| Some(*number) != chosen && length(*number) >= least;
        let mut doubted = Vec::new();
        let owner = |(form, _): (usize, bool)| self.owners.get(form).copied();
        if !ambiguous && is_plain(path) {
            // It reads in one way only, as nearly every path does.
            let above = self.lower.above(path).filter_map(owner);
            doubted.extend(above.filter(counts));
        } else {
            let latin = in_latin(path);
            let latin = latin.iter().flat_map(|path| others(path));
            for reading in { readings(path).into_iter() }
                .chain(others(path))
                .chain(latin)
            {
                let reading = reading.to_ascii_lowercase();
                let above = self.lower.above(&reading).filter_map(owner);
                doubted.extend(above.filter(counts));
            }
        }
        doubted.sort_unstable_by_key(|number| (Reverse(length(*number)), *number));
        doubted.dedup();
        doubted
    }
}

/// Whether a path reads in one way only, as far as it is not ambiguous.
fn is_plain(path: &str) -> bool {
    let mut before = b'a';
    let reads = |byte: u8| {
        let is_step = matches!((before, byte), (b'/', b'.') | (b'.', b'/'));
        before = byte;
        let is_odd = matches!(byte, b'%' | b'(' | b':') || !byte.is_ascii();
        !is_step && !is_odd && !byte.is_ascii_uppercase()
    };
    path.bytes().all(reads) && !path.ends_with('.')
}

/// What applications make of a path that they decode, and what those of Windows do.
fn others(path: &str) -> impl Iterator<Item = String> {
    let read = |steps: bool| {
        let known = if steps {
            canonical(path)
        } else {
            without_steps(path)
        };
        let loose = loosely(path, &known, steps);
        std::iter::once(known.into_owned()).chain(loose)
    };
    [read(true), read(false)].into_iter().flatten()
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
        // ASP.NET takes a session out, and joins what stands around it.
        || path.contains('(') && path.split('/').any(is_taken_out)
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
        let all = [embed.clone(), Prefix::new("/embed/a/b").unwrap()];
        let prefixes = Prefixes::new(all.iter());
        for path in ["/embed", "/embed/", "/embed/a"] {
            assert_eq!(prefixes.longest(path), Some(0), "{path}");
            assert!(prefixes.doubted(path, false, Some(0)).is_empty(), "{path}");
        }
        assert_eq!(prefixes.longest("/embed/a/b/c"), Some(1));
        for path in ["/embedded", "/", "/a/embed", "/Embed"] {
            assert_eq!(prefixes.longest(path), None, "{path}");
        }
        let root = Prefix::new("/").unwrap();
        assert_eq!(Prefixes::new([root].iter()).longest("/anything"), Some(0));
        assert!(embed.is("/embed") && embed.is("/embed/") && !embed.is("/embed/a"));
        for bad in [
            "embed", "", "/a/../b", "/a\tb", "/a?b", "/a%2f", "/a/.", "/a/*",
        ] {
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
            "/%61dmin/x",
            "/ad%256din",
            "/(S(x))/admin",
            "/ad/(S(x))min/x",
            "/admin./x",
            "/admin::$INDEX_ALLOCATION/x",
            "/x%c0%af%c0%ae%c0%ae/admin",
        ] {
            let prefixes = ["/administration", "/Admin"].map(|one| Prefix::new(one).unwrap());
            let prefixes = Prefixes::new(prefixes.iter());
            assert_eq!(
                prefixes.doubted(path, is_ambiguous(path), None),
                [1],
                "{path}"
            );
        }
    }

    #[test]
    fn letters_are_sent_in_bytes() {
        for written in ["/caf\u{e9}/", "/caf%c3%a9", "/Caf\u{e9}"] {
            let other = Prefix::new("/stra\u{df}e x").unwrap();
            let all = [Prefix::new(written).unwrap(), other];
            let prefixes = Prefixes::new(all.iter());
            let is_small = !written.contains('C');
            let chosen = is_small.then_some(0);
            for path in ["/caf%C3%A9/x", "/caf%c3%a9", "/caf\u{e9}/x"] {
                let doubted = if is_small { vec![] } else { vec![0] };
                assert_eq!(prefixes.of(path), (chosen, doubted), "{written} {path}");
            }
            for path in [
                "/CAF%C3%89/x",
                "/cafe%CC%81",
                "/caf%E9/x",
                "/caf%25E9/x",
                "/x/..%2fcaf%E9",
            ] {
                assert_eq!(prefixes.of(path), (None, vec![0]), "{written} {path}");
            }
            for path in ["/caf%C3%A8", "/caf%E8", "/caf%C3%83%C2%A9"] {
                assert_eq!(prefixes.of(path), (None, vec![]), "{written} {path}");
            }
            assert_eq!(prefixes.of("/stra%C3%9Fe%20x/y"), (Some(1), vec![]));
            assert_eq!(prefixes.of("/STRASSE%20x/y"), (None, vec![1]));
            assert_eq!(prefixes.of("/stra%DFe%20x/y"), (None, vec![1]));
        }
        let on = Prefix::new("/caf\u{e9}").unwrap();
        assert!(on.is("/caf%C3%A9/") && on.is("/caf%c3%a9") && !on.is("/caf%E9"));
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
            "/embed/(S(x))admin",
        ] {
            assert!(is_ambiguous(path), "{path}");
        }
        assert!(!is_ambiguous("/embed/a%20b/c.d/(e)"));
    }
}
