//! Paths that are there for everybody, below one that is not.

use panoply_core::spelling::is_path;

use super::path::{Below, Reading, Spelled};
use crate::Error;

/// A path that is `open` below one that is not.
pub(crate) fn exception(path: &str, below: &Below, open: &str) -> Result<Spelled, Error> {
    let wrong = |problem: String| Error::Value {
        key: "except",
        problem,
        example: "paths below it, as `[\"/admin/health\", \"/admin/hooks/\"]` are below `/admin/`: one alone, or with a slash \
                  at its end all that lies below it",
    };
    let spelled = is_path(open).then(|| Spelled::new(open)).flatten();
    let spelled = spelled.ok_or_else(|| wrong(format!("has `{open}`, which is no path")))?;
    let reading = Reading::of(open);
    if !below.covers(&reading) {
        return Err(wrong(format!(
            "has `{open}`, which does not lie below `{path}`"
        )));
    }
    if spelled.is_whole_of(below.depth()) {
        return Err(wrong(format!(
            "has `{open}`, which leaves nothing of `{path}`"
        )));
    }
    if reading.runs_a_program() {
        let program = up_to_program(open);
        return Err(wrong(format!(
            "has `{open}`, of which a program reads the end, and nobody knows how; the program alone is `{program}`"
        )));
    }
    let bare = without_nothing(open);
    if bare != open {
        return Err(wrong(format!("has `{open}`, which apps read as `{bare}`")));
    }
    Ok(spelled)
}

/// A path up to the first program in it.
fn up_to_program(path: &str) -> &str {
    let ends = path.match_indices('/').map(|(at, _)| path.split_at(at));
    let mut before = ends.map(|(before, _)| before);
    before
        .find(|before| Reading::of(&format!("{before}/")).runs_a_program())
        .unwrap_or(path)
}

/// A path without segments that say nothing, as `.` and `%2e`.
fn without_nothing(path: &str) -> String {
    let says = |segment: &str| {
        Reading::of(&format!("/{segment}"))
            .segments()
            .next()
            .is_some()
    };
    let mut bare = String::new();
    for segment in path.split_inclusive('/') {
        if segment == "/" || says(segment.trim_end_matches('/')) {
            bare.push_str(segment);
        }
    }
    bare
}

/// The paths that are open, for people.
pub(super) fn open(paths: &[String]) -> String {
    let shown = |path: &String| match path.strip_suffix('/') {
        Some(folder) => format!("{folder}/…"),
        None => path.clone(),
    };
    paths.iter().map(shown).collect::<Vec<_>>().join(", ")
}
