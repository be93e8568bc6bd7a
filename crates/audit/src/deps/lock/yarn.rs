//! `yarn.lock`, of yarn 1 and of what came after it.

use std::collections::HashMap;
use std::ops::Range;

use super::LockError;
use crate::deps::doc::{Doc, Malformed};
use crate::deps::graph::{Graph, Package};
use crate::deps::manifest::Manifest;

pub(super) fn parse(text: &str, manifests: &[&Manifest]) -> Result<Graph, LockError> {
    let mut asked = Asked::default();
    if text.contains("\n__metadata:") || text.starts_with("__metadata:") {
        asked.berry(text)?;
    } else if text.contains("# yarn lockfile v1") {
        asked.classic(text)?;
    } else {
        return Err(LockError::Unknown);
    }
    Ok(asked.link(manifests))
}

/// Packages by what was asked for: `qs@6.7.0`, `qs@^6.5.0`.
#[derive(Default)]
struct Asked {
    graph: Graph,
    by: HashMap<String, usize>,
    /// All versions of a name, for what `resolutions` put in place of what was asked for.
    named: HashMap<String, Vec<usize>>,
    needs: Vec<(usize, String, String)>,
}

impl Asked {
    fn add(&mut self, name: &str, version: &str, span: Range<usize>, keys: &[String]) -> usize {
        let at = self.graph.push(Package::new(name, version, span));
        for key in keys {
            if let Some((asked, _)) = split(key) {
                let named = self.named.entry(asked.to_owned()).or_default();
                if named.last() != Some(&at) {
                    named.push(at);
                }
            }
            self.by.insert(key.clone(), at);
        }
        at
    }

    /// Yarn 2 and later write YAML.
    fn berry(&mut self, text: &str) -> Result<(), LockError> {
        let doc = Doc::yaml(text)?;
        for (key, entry) in doc.map().into_iter().flatten() {
            let resolution = entry.value.at("resolution").text().unwrap_or_default();
            let Some((name, from)) = split(resolution) else {
                continue;
            };
            let Some(version) = entry.value.at("version").text() else {
                continue;
            };
            if from.starts_with("workspace:") {
                continue;
            }
            let keys: Vec<String> = key.split(", ").map(str::to_owned).collect();
            let at = self.add(name, version, entry.key.clone(), &keys);
            for (name, range) in entry.value.texts("dependencies") {
                self.needs.push((at, name.to_owned(), range.to_owned()));
            }
        }
        Ok(())
    }

    /// Yarn 1 writes lines of its own: two spaces a level, names and values side by side.
    fn classic(&mut self, text: &str) -> Result<(), LockError> {
        let mut start = 0;
        let mut keys: Vec<String> = Vec::new();
        let mut span = 0..0;
        let mut open: Option<usize> = None;
        let mut is_needs = false;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let at = start;
            start += line.len();
            let line = line.trim_end();
            let inner = line.trim_start_matches(' ');
            let malformed = || LockError::Malformed(Malformed::Line(number + 1));
            if inner.is_empty() || inner.starts_with('#') {
                continue;
            }
            match line.len() - inner.len() {
                0 => {
                    let list = inner.strip_suffix(':').ok_or_else(malformed)?;
                    keys = list
                        .split(", ")
                        .map(|key| unquote(key).to_owned())
                        .collect();
                    span = at..at + line.len();
                    open = None;
                }
                2 => {
                    is_needs = matches!(inner, "dependencies:" | "optionalDependencies:");
                    if let Some(version) = inner.strip_prefix("version ") {
                        let name = keys
                            .first()
                            .and_then(|key| real_name(key))
                            .ok_or_else(malformed)?;
                        let name = name.to_owned();
                        open = Some(self.add(&name, unquote(version), span.clone(), &keys));
                    }
                }
                4 if is_needs => {
                    let (name, range) = inner.split_once(' ').ok_or_else(malformed)?;
                    if let Some(at) = open {
                        self.needs
                            .push((at, unquote(name).to_owned(), unquote(range).to_owned()));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn find(&self, name: &str, range: &str) -> Option<usize> {
        let exact = self.by.get(&format!("{name}@{range}"));
        // Yarn 2 leaves the protocol out of what packages ask for.
        let exact = exact.or_else(|| self.by.get(&format!("{name}@npm:{range}")));
        exact.copied().or_else(|| match self.named.get(name)?[..] {
            [only] => Some(only),
            _ => None,
        })
    }

    fn link(mut self, manifests: &[&Manifest]) -> Graph {
        for (by, name, range) in std::mem::take(&mut self.needs) {
            if let Some(what) = self.find(&name, &range) {
                self.graph.need(by, what);
            }
        }
        for manifest in manifests {
            let production = manifest
                .production()
                .filter_map(|(name, range, _)| self.find(name, range));
            let production: Vec<_> = production.collect();
            let development = manifest
                .development()
                .filter_map(|(name, range, _)| self.find(name, range));
            let development: Vec<_> = development.collect();
            self.graph.production.extend(production);
            self.graph.development.extend(development);
        }
        self.graph.settle();
        self.graph
    }
}

/// Name and range of `@scope/name@range`.
fn split(key: &str) -> Option<(&str, &str)> {
    let at = key.get(1..)?.find('@')? + 1;
    Some((key.get(..at)?, key.get(at + 1..)?))
}

/// The name in the registry: that behind `npm:` for an alias.
fn real_name(key: &str) -> Option<&str> {
    let (name, range) = split(key)?;
    let alias = range.strip_prefix("npm:").and_then(split);
    Some(alias.map_or(name, |(real, _)| real))
}

fn unquote(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}
