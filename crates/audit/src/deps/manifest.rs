//! A `package.json`.

use std::ops::Range;
use std::sync::Arc;

use super::doc::{Doc, Malformed};
use crate::source::{Location, Source};

/// What a `package.json` says, with its places.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) source: Arc<Source>,
    doc: Doc,
}

/// What makes a package a server rather than a part of one.
const FRAMEWORKS: [&str; 9] = [
    "express",
    "koa",
    "fastify",
    "@nestjs/core",
    "@hapi/hapi",
    "restify",
    "next",
    "sails",
    "@feathersjs/express",
];

impl Manifest {
    pub(crate) fn parse(source: &Arc<Source>) -> Result<Self, Malformed> {
        let doc = Doc::json(source.text())?;
        let source = Arc::clone(source);
        Ok(Self { source, doc })
    }

    /// Its folder, relative to the target, without a slash at the end.
    pub(crate) fn dir(&self) -> &str {
        parent(self.source.path())
    }

    pub(crate) fn doc(&self) -> &Doc {
        &self.doc
    }

    /// What it asks for in production: name, range, and where that stands.
    pub(crate) fn production(&self) -> impl Iterator<Item = (&str, &str, Range<usize>)> {
        ["dependencies", "optionalDependencies"]
            .into_iter()
            .flat_map(|group| self.group(group))
    }

    /// What it asks for while it is worked on.
    pub(crate) fn development(&self) -> impl Iterator<Item = (&str, &str, Range<usize>)> {
        self.group("devDependencies")
    }

    fn group(&self, group: &str) -> impl Iterator<Item = (&str, &str, Range<usize>)> {
        self.doc
            .entries(group)
            .filter_map(|(name, entry)| Some((name, entry.value.text()?, entry.key.clone())))
    }

    /// Where a dependency is asked for.
    pub(crate) fn place(&self, name: &str) -> Option<Location> {
        let mut all = self.production().chain(self.development());
        let (.., span) = all.find(|(asked, ..)| *asked == name)?;
        Some(Location::new(&self.source, span))
    }

    pub(crate) fn has_workspaces(&self) -> bool {
        *self.doc.at("workspaces") != Doc::Nothing
    }

    /// Whether it is run as it lies there, and not installed into something else.
    pub(crate) fn is_app(&self) -> bool {
        let is_private = self.doc.at("private").is_true();
        let starts = self.doc.at("scripts").at("start").text().is_some();
        let serves = self
            .production()
            .any(|(name, ..)| FRAMEWORKS.contains(&name));
        let is_library = ["main", "module", "exports", "types", "bin", "files"]
            .iter()
            .filter(|key| *self.doc.at(key) != Doc::Nothing)
            .count()
            > 1;
        is_private || starts || (serves && !is_library)
    }
}

/// The folder of a path, without a slash at the end.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path in a folder.
pub(crate) fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}
