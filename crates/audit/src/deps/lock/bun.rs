//! `bun.lock`, the one that is text.

use std::collections::HashMap;

use super::LockError;
use crate::deps::doc::Doc;
use crate::deps::graph::{Graph, Package};

pub(super) fn parse(text: &str) -> Result<Graph, LockError> {
    let doc = Doc::json(text)?;
    let version = doc.at("lockfileVersion").text().unwrap_or_default();
    if !matches!(version, "0" | "1" | "2") {
        return Err(LockError::Version(version.to_owned()));
    }
    let mut graph = Graph::default();
    let mut by: HashMap<&str, usize> = HashMap::new();
    for (path, entry) in doc.entries("packages") {
        let resolved = entry
            .value
            .list()
            .first()
            .and_then(Doc::text)
            .unwrap_or_default();
        let at = resolved
            .get(1..)
            .and_then(|rest| rest.find('@'))
            .map(|at| at + 1);
        let Some((name, version)) = at.and_then(|at| resolved.split_at_checked(at)) else {
            continue;
        };
        let version = version.trim_start_matches('@');
        if !version.starts_with("workspace:") {
            let package = Package::new(name, version, entry.key.clone());
            by.insert(path, graph.push(package));
        }
    }
    for (path, entry) in doc.entries("packages") {
        let Some(at) = by.get(path).copied() else {
            continue;
        };
        for about in entry.value.list() {
            for group in ["dependencies", "optionalDependencies", "peerDependencies"] {
                for (name, _) in about.texts(group) {
                    if let Some(what) = find(&by, path, name) {
                        graph.need(at, what);
                    }
                }
            }
        }
    }
    for (_, workspace) in doc.entries("workspaces") {
        // Versions of its own stand under the workspace's name.
        let from = workspace.value.at("name").text().unwrap_or_default();
        let of = |group: &'static str| {
            let names = workspace.value.texts(group);
            names
                .filter_map(|(name, _)| find(&by, from, name))
                .collect::<Vec<_>>()
        };
        let (production, optional) = (of("dependencies"), of("optionalDependencies"));
        let development = of("devDependencies");
        graph
            .production
            .extend(production.into_iter().chain(optional));
        graph.development.extend(development);
    }
    graph.settle();
    Ok(graph)
}

/// What a package at `a/b` gets for a name: `a/b/name`, `a/name` or `name`.
fn find(by: &HashMap<&str, usize>, from: &str, name: &str) -> Option<usize> {
    let mut dir = Some(from);
    // No tree is nested deeper.
    for _ in 0..64 {
        let at = dir?;
        if let Some(found) = by.get(super::under(at, name).as_str()) {
            return Some(*found);
        }
        dir = (!at.is_empty()).then(|| at.rsplit_once('/').map_or("", |(dir, _)| dir));
    }
    by.get(name).copied()
}
