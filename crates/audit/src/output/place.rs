//! Where a finding is, as other programs want it named.

use std::path::{Component, Path};

use super::Look;
use crate::finding::Place;
use crate::report::Report;

/// The path of a target's file from where the program was started, with `/`.
///
/// A forge looks files up from the root of the repository, which is where its runners start programs.
pub(super) fn from_here(report: &Report, file: &str, look: &Look) -> String {
    let path = Path::new(&report.target).join(file);
    let base = look.base.as_deref();
    let path = base
        .and_then(|base| path.strip_prefix(base).ok())
        .unwrap_or(&path);
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            // `a/../b` is `b`; what goes above the working directory stays so.
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            Component::RootDir => parts.push(String::new()),
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts.join("/")
}

/// Where a finding is, for a person.
pub(super) fn named(place: &Place, target: &str) -> String {
    match place {
        Place::Code(at) => at.to_string(),
        Place::Url(url) => url.clone(),
        Place::Target => target.to_owned(),
    }
}

/// The file that a finding is in, from where the program was started; a folder is named as one.
pub(super) fn path_in(report: &Report, place: &Place, look: &Look) -> Option<String> {
    match place {
        Place::Code(at) => Some(from_here(report, at.source().path(), look)),
        Place::Url(_) => None,
        Place::Target if report.is_site() => None,
        Place::Target => Some(from_here(report, "", look)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_where_the_program_was_started() {
        let look = Look {
            base: Some("/srv/repo".into()),
            ..Look::default()
        };
        for (target, named) in [
            (".", "src/app.js"),
            ("./shop", "shop/src/app.js"),
            ("shop/../other/", "other/src/app.js"),
            ("../shop", "../shop/src/app.js"),
            ("/srv/repo", "src/app.js"),
            ("/srv/repo/shop", "shop/src/app.js"),
            ("/srv/else", "/srv/else/src/app.js"),
        ] {
            assert_eq!(from_here(&Report::new(target), "src/app.js", &look), named);
        }
        assert_eq!(
            from_here(&Report::new("shop"), "/srv/b.json", &look),
            "/srv/b.json"
        );
    }
}
