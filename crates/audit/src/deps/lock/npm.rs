//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.

use std::collections::HashMap;

use super::LockError;
use crate::deps::doc::{Doc, Map};
use crate::deps::graph::{Graph, Package};
use crate::deps::manifest::Manifest;

/// Longer paths of nested `node_modules` cannot be installed anywhere.
const MAX_PATH: usize = 2048;

pub(super) fn parse(text: &str, manifests: &[&Manifest]) -> Result<Graph, LockError> {
    let doc = Doc::json(text)?;
    let mut tree = Tree::default();
    if let Some(packages) = doc.at("packages").map() {
        tree.flat(packages);
    } else if doc
        .map()
        .is_some_and(|map| map.contains_key("lockfileVersion"))
    {
        if let Some(dependencies) = doc.at("dependencies").map() {
            tree.nested("", dependencies);
        }
        for manifest in manifests {
            let from = manifest.dir();
            let production = manifest.production().map(|(name, ..)| name);
            tree.production
                .extend(production.map(|name| (from.to_owned(), name.to_owned())));
            let development = manifest.development().map(|(name, ..)| name);
            tree.development
                .extend(development.map(|name| (from.to_owned(), name.to_owned())));
        }
    } else {
        return Err(LockError::Unknown);
    }
    Ok(tree.link())
}

/// Packages by the folder they are put in.
#[derive(Default)]
struct Tree {
    graph: Graph,
    at: HashMap<String, usize>,
    /// Package, and the name of what it needs.
    needs: Vec<(usize, String, String)>,
    /// Folder of the part of the app, and the name of what it asks for.
    production: Vec<(String, String)>,
    development: Vec<(String, String)>,
}

impl Tree {
    /// Versions 2 and 3: `node_modules/a/node_modules/b`, and the app's own folders.
    fn flat(&mut self, packages: &Map) {
        for (path, entry) in packages.iter().filter(|(path, _)| path.len() <= MAX_PATH) {
            let doc = &entry.value;
            if doc.at("link").is_true() {
                continue;
            }
            let Some((_, name)) = path.rsplit_once("node_modules/") else {
                let of = |group: &'static str| {
                    doc.texts(group)
                        .map(|(name, _)| (path.clone(), name.to_owned()))
                };
                self.production.extend(of("dependencies"));
                self.production.extend(of("optionalDependencies"));
                self.development.extend(of("devDependencies"));
                continue;
            };
            let Some(version) = doc.at("version").text() else {
                continue;
            };
            let name = doc.at("name").text().unwrap_or(name);
            let mut package = Package::new(name, version, entry.key.clone());
            package.dev = doc.at("dev").is_true();
            let at = self.graph.push(package);
            self.at.insert(path.clone(), at);
            for group in ["dependencies", "optionalDependencies", "peerDependencies"] {
                for (name, _) in doc.texts(group) {
                    self.needs.push((at, path.clone(), name.to_owned()));
                }
            }
        }
    }

    /// Version 1: entries in entries.
    fn nested(&mut self, path: &str, dependencies: &Map) {
        for (name, entry) in dependencies {
            let doc = &entry.value;
            let path = super::under(path, &format!("node_modules/{name}"));
            let Some(version) = doc.at("version").text() else {
                continue;
            };
            if path.len() > MAX_PATH {
                continue;
            }
            let alias = version
                .strip_prefix("npm:")
                .and_then(|real| real.rsplit_once('@'));
            let (name, version) = alias.unwrap_or((name, version));
            let mut package = Package::new(name, version, entry.key.clone());
            package.dev = doc.at("dev").is_true();
            let at = self.graph.push(package);
            for (name, _) in doc.texts("requires") {
                self.needs.push((at, path.clone(), name.to_owned()));
            }
            if let Some(inner) = doc.at("dependencies").map() {
                self.nested(&path, inner);
            }
            self.at.insert(path, at);
        }
    }

    /// What Node finds under a name from a folder.
    fn find(&self, from: &str, name: &str) -> Option<usize> {
        let mut dir = Some(from);
        while let Some(at) = dir {
            let path = super::under(at, &format!("node_modules/{name}"));
            if let Some(found) = self.at.get(&path) {
                return Some(*found);
            }
            dir = (!at.is_empty()).then(|| at.rsplit_once('/').map_or("", |(dir, _)| dir));
        }
        None
    }

    fn link(mut self) -> Graph {
        for (by, from, name) in std::mem::take(&mut self.needs) {
            if let Some(what) = self.find(&from, &name) {
                self.graph.need(by, what);
            }
        }
        let find = |asked: &[(String, String)]| {
            let found = asked
                .iter()
                .filter_map(|(from, name)| self.find(from, name));
            found.collect::<Vec<_>>()
        };
        let (production, development) = (find(&self.production), find(&self.development));
        self.graph.production = production;
        self.graph.development = development;
        self.graph.settle();
        self.graph
    }
}
