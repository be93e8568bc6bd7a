//! `pnpm-lock.yaml`, versions 5.x, 6 and 9.

use std::collections::HashMap;

use super::LockError;
use crate::deps::doc::Doc;
use crate::deps::graph::{Graph, Package};

pub(super) fn parse(text: &str) -> Result<Graph, LockError> {
    let mut graph = Graph::default();
    // Since 12 one of its own stands in front, with the package manager that is asked for.
    let documents = Doc::documents(text)?;
    if documents.is_empty() {
        return Err(LockError::Version(String::new()));
    }
    for doc in &documents {
        document(doc, &mut graph)?;
    }
    graph.settle();
    Ok(graph)
}

fn document(doc: &Doc, graph: &mut Graph) -> Result<(), LockError> {
    let version = doc.at("lockfileVersion").text().unwrap_or_default();
    let form = match version.split('.').next() {
        Some("5") => Form::Five,
        Some("6") => Form::Six,
        Some("9") => Form::Nine,
        _ => return Err(LockError::Version(version.to_owned())),
    };
    let mut by: HashMap<&str, usize> = HashMap::new();
    // Since 9 `snapshots` says once for each set of peers what `packages` says once.
    let entries = if form == Form::Nine {
        "snapshots"
    } else {
        "packages"
    };
    for (key, entry) in doc.entries(entries) {
        let Some((name, version)) = form.split(key) else {
            continue;
        };
        let known = doc.at("packages").map().and_then(|map| map.get(bare(key)));
        let span = known.map_or(&entry.key, |entry| &entry.key).clone();
        // A tarball or a repository has its name and version inside.
        let of = |field: &str| known.and_then(|entry| entry.value.at(field).text());
        let mut package = Package::new(
            of("name").unwrap_or(name),
            of("version").unwrap_or(version),
            span,
        );
        package.dev = entry.value.at("dev").is_true();
        by.insert(key, graph.push(package));
    }
    let find = |name: &str, wanted: &str| {
        let of_name = form.key(name, wanted);
        by.get(of_name.as_str()).or_else(|| by.get(wanted)).copied()
    };
    for (key, entry) in doc.entries(entries) {
        let Some(at) = by.get(key).copied() else {
            continue;
        };
        for group in ["dependencies", "optionalDependencies"] {
            for (name, wanted) in entry.value.texts(group) {
                if let Some(what) = find(name, wanted) {
                    graph.need(at, what);
                }
            }
        }
    }
    let importers = doc.entries("importers").map(|(_, entry)| &entry.value);
    for importer in importers.chain(std::iter::once(doc)) {
        for (group, dev) in [
            ("dependencies", false),
            ("optionalDependencies", false),
            ("devDependencies", true),
            ("packageManagerDependencies", true),
        ] {
            for (name, entry) in importer.entries(group) {
                // 5 writes the version itself, later ones a map with the range beside it.
                let wanted = entry
                    .value
                    .text()
                    .or_else(|| entry.value.at("version").text());
                let Some(what) = wanted.and_then(|wanted| find(name, wanted)) else {
                    continue;
                };
                let roots = if dev {
                    &mut graph.development
                } else {
                    &mut graph.production
                };
                roots.push(what);
            }
        }
    }
    Ok(())
}

/// How keys are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `/qs/6.7.0`, `/@scope/name/1.0.0_peers`
    Five,
    /// `/qs@6.7.0(peer@1)`
    Six,
    /// `qs@6.7.0(peer@1)`
    Nine,
}

impl Form {
    /// Name and version of a key.
    fn split(self, key: &str) -> Option<(&str, &str)> {
        match self {
            Self::Five => {
                let (name, version) = key.strip_prefix('/')?.rsplit_once('/')?;
                let version = version
                    .split_once('_')
                    .map_or(version, |(version, _)| version);
                Some((name, version))
            }
            Self::Six | Self::Nine => {
                let key = bare(key);
                let key = key.strip_prefix('/').unwrap_or(key);
                let at = key.get(1..)?.find('@')? + 1;
                Some((key.get(..at)?, key.get(at + 1..)?))
            }
        }
    }

    fn key(self, name: &str, version: &str) -> String {
        match self {
            Self::Five => format!("/{name}/{version}"),
            Self::Six => format!("/{name}@{version}"),
            Self::Nine => format!("{name}@{version}"),
        }
    }
}

/// A key without the peers it was resolved with.
fn bare(key: &str) -> &str {
    key.split_once('(').map_or(key, |(key, _)| key)
}
