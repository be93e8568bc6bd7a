//! `Cargo.lock`.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use toml::Spanned;

use super::LockError;
use crate::deps::doc::Malformed;
use crate::deps::graph::{Graph, Package};

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: Spanned<String>,
    version: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Reads it; `development` says of a crate of the app's own which names it asks for in development alone.
pub(super) fn parse(
    text: &str,
    development: &HashMap<String, HashSet<String>>,
) -> Result<Graph, LockError> {
    let lock: Lock = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        LockError::Malformed(Malformed::Line(before.matches('\n').count() + 1))
    })?;
    let mut graph = Graph::default();
    let mut by: HashMap<&str, Vec<(usize, &Entry)>> = HashMap::new();
    for (at, entry) in lock.package.iter().enumerate() {
        let name = entry.name.get_ref();
        by.entry(name).or_default().push((at, entry));
        graph.push(Package::new(name, &entry.version, entry.name.span()));
    }
    let find = |wanted: &str| {
        // `name`, `name version` or `name version (source)`, as long as it takes to be unique.
        let mut words = wanted.split(' ');
        let of_name = by.get(words.next()?)?;
        let version = words.next();
        let is_it =
            |(_, entry): &&(usize, &Entry)| version.is_none_or(|wanted| wanted == entry.version);
        of_name.iter().find(is_it).copied()
    };
    for (at, entry) in lock.package.iter().enumerate() {
        let none = HashSet::new();
        let dev = development.get(entry.name.get_ref()).unwrap_or(&none);
        for (what, needed) in entry.dependencies.iter().filter_map(|wanted| find(wanted)) {
            match (&entry.source, &needed.source) {
                (None, None) => {}
                (None, Some(_)) if dev.contains(needed.name.get_ref()) => {
                    graph.development.push(what);
                }
                (None, Some(_)) => graph.production.push(what),
                (Some(_), _) => graph.need(at, what),
            }
        }
    }
    graph.settle();
    // Crates of the app's own are in no registry.
    let own = lock.package.iter().map(|entry| entry.source.is_none());
    for (package, own) in graph.packages.iter_mut().zip(own) {
        if own {
            package.version.clear();
        }
    }
    Ok(graph)
}
