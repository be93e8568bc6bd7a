//! What the image of a Dockerfile is built on in the end.

use std::collections::HashMap;
use std::ops::Range;

/// Stages build on each other no longer than this.
const MAX_STAGES: usize = 256;
/// Variables that name each other are put in no longer than this.
const MAX_NAME: usize = 1024;

/// The image that the last stage starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// With variables put in.
    pub(crate) name: String,
    /// The line that names it.
    pub(crate) span: Range<usize>,
}

pub(super) fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    matches!(lower.as_str(), "dockerfile" | "containerfile")
        || lower.starts_with("dockerfile.")
        || lower.ends_with(".dockerfile")
}

/// Follows the last stage to the image it comes from; nothing when a variable has no default.
pub(crate) fn last_image(text: &str) -> Option<Image> {
    let mut defaults: HashMap<String, String> = HashMap::new();
    let mut stages: Vec<(Option<String>, Option<String>, Range<usize>)> = Vec::new();
    for (line, span) in instructions(text) {
        let mut words = line.split_whitespace();
        let instruction = words.next().unwrap_or_default();
        if instruction.eq_ignore_ascii_case("ARG") && stages.is_empty() {
            for word in words {
                if let Some((name, value)) = word.split_once('=') {
                    let value = value.trim_matches(['"', '\'']);
                    if let Some(value) = expand(value, &defaults) {
                        defaults.insert(name.to_owned(), value);
                    }
                }
            }
        } else if instruction.eq_ignore_ascii_case("FROM") && stages.len() < MAX_STAGES {
            let mut words = words.skip_while(|word| word.starts_with("--"));
            let image = words.next().and_then(|image| expand(image, &defaults));
            let is_named = words
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case("AS"));
            let name = words
                .next()
                .filter(|_| is_named)
                .map(str::to_ascii_lowercase);
            stages.push((name, image, span));
        }
    }
    let mut at = stages.len().checked_sub(1)?;
    loop {
        let (_, image, span) = stages.get(at)?;
        let image = image.as_ref()?;
        let lower = image.to_ascii_lowercase();
        // A stage can only build on one before it, so that this ends.
        let mut before = stages.iter().take(at);
        let Some(earlier) = before.rposition(|(name, ..)| name.as_ref() == Some(&lower)) else {
            let (name, span) = (image.clone(), span.clone());
            return Some(Image { name, span });
        };
        at = earlier;
    }
}

/// Lines with those they are continued on, without comments and the insides of here-documents.
fn instructions(text: &str) -> Vec<(String, Range<usize>)> {
    let mut all = Vec::new();
    let mut open: Option<(String, Range<usize>)> = None;
    let mut until: Option<String> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start + line.len() - line.trim_start().len();
        start += line.len();
        let line = line.trim();
        if let Some(end) = &until {
            if line == end {
                until = None;
            }
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (part, goes_on) = line
            .strip_suffix('\\')
            .map_or((line, false), |part| (part, true));
        // A line that says nothing but that it goes on is no part of the next.
        let begun = open.take().filter(|(whole, _)| !whole.trim().is_empty());
        let (mut whole, span) = begun.unwrap_or_else(|| (String::new(), at..at));
        whole.push_str(part);
        whole.push(' ');
        let span = span.start..at + line.len();
        if goes_on {
            open = Some((whole, span));
            continue;
        }
        until = here_document(&whole);
        all.push((whole, span));
    }
    all.extend(open);
    all
}

/// The word that ends the here-document of a `RUN <<EOF` or `COPY <<EOF`.
fn here_document(line: &str) -> Option<String> {
    let instruction = line.split_whitespace().next()?;
    let may = ["RUN", "COPY", "ADD"]
        .iter()
        .any(|known| instruction.eq_ignore_ascii_case(known));
    let (_, word) = line.split_once("<<").filter(|_| may)?;
    let word = word
        .strip_prefix('-')
        .unwrap_or(word)
        .split_whitespace()
        .next()?;
    let word = word.trim_matches(['"', '\'']);
    let is_word = !word.is_empty()
        && word
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_');
    is_word.then(|| word.to_owned())
}

/// Puts in `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`.
fn expand(text: &str, defaults: &HashMap<String, String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = text.trim_matches('"');
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, after) = if let Some(inner) = after.strip_prefix('{') {
            inner.split_once('}')?
        } else {
            let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            after.split_at(end.unwrap_or(after.len()))
        };
        let value = if let Some((name, default)) = name.split_once(":-") {
            defaults
                .get(name)
                .filter(|value| !value.is_empty())
                .map_or(default, String::as_str)
        } else if let Some((name, other)) = name.split_once(":+") {
            if defaults.contains_key(name) {
                other
            } else {
                ""
            }
        } else {
            defaults.get(name)?
        };
        expanded.push_str(value);
        if expanded.len() > MAX_NAME {
            return None;
        }
        rest = after;
    }
    expanded.push_str(rest);
    Some(expanded)
}

/// The version of Node.js in the name of an image, and whether the image is the official one.
pub(crate) fn node_version(image: &str) -> Option<(String, bool)> {
    let image = image.split('@').next()?;
    let (path, tag) = match image.rsplit_once(':') {
        // What follows the colon of a port is a path.
        Some((path, tag)) if !tag.contains('/') => (path, tag),
        _ => (image, ""),
    };
    let (place, name) = path.rsplit_once('/').unwrap_or(("", path));
    // Distroless has the version in the name: `gcr.io/distroless/nodejs18-debian12`.
    if let Some(version) = name
        .strip_prefix("nodejs")
        .filter(|_| place.ends_with("distroless"))
    {
        let version = version.split('-').next()?;
        return (!version.is_empty()).then(|| (version.to_owned(), true));
    }
    if name != "node" {
        return None;
    }
    let is_official = matches!(
        place,
        "" | "library" | "docker.io" | "docker.io/library" | "public.ecr.aws/docker/library"
    );
    let tag = tag.strip_prefix("lts-").unwrap_or(tag);
    let version = tag
        .split('-')
        .next()
        .filter(|version| !version.is_empty())?;
    Some((version.to_owned(), is_official))
}
