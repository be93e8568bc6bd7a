//! Which lock files and manifests there are, and which of them go together.

use std::collections::{HashMap, HashSet};

use super::graph::Ecosystem;
use super::lock::{self, Kind, Lock};
use super::manifest::{self, Manifest};
use crate::project::{Project, is_sample};

/// All that says what is installed.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) manifests: Vec<Manifest>,
    /// Folders of crates that are programs.
    pub(crate) programs: Vec<String>,
    pub(crate) locks: Vec<Lock>,
    /// Lock files that are not understood, and why.
    pub(crate) unread: Vec<(String, Kind, String)>,
    /// Folders with a lock file, understood or not.
    locked: HashSet<(Ecosystem, String)>,
}

impl Inventory {
    pub(crate) fn read(project: &Project) -> Self {
        let mut inventory = Self::default();
        let mut crates = Crates::default();
        let mut dirs: Vec<&str> = vec![""];
        for path in project.paths().filter(|path| !is_sample(path)) {
            match manifest::name(path) {
                "package.json" => inventory.package(project, path),
                "Cargo.toml" => crates.read(project, path),
                name if Kind::of(name).is_some() => {}
                _ => continue,
            }
            dirs.push(manifest::parent(path));
        }
        dirs.sort_unstable();
        dirs.dedup();
        inventory.programs = crates.programs;
        let mut found = Vec::new();
        for dir in dirs {
            found.extend(inventory.in_folder(project, dir));
        }
        for (_, kind, dir) in &found {
            inventory.locked.insert((kind.ecosystem(), dir.clone()));
        }
        for (path, kind, dir) in found {
            inventory.lock(project, path, kind, &dir, &crates.development);
        }
        inventory
    }

    fn package(&mut self, project: &Project, path: &str) {
        let parsed = project.read(path).map(|source| Manifest::parse(&source));
        if let Some(Ok(manifest)) = parsed {
            self.manifests.push(manifest);
        }
    }

    /// The lock files of a folder that count: one for JavaScript, one for Rust.
    fn in_folder(&self, project: &Project, dir: &str) -> Vec<(String, Kind, String)> {
        let manifest = self.manifests.iter().find(|manifest| manifest.dir() == dir);
        let manager = manifest.and_then(|manifest| manifest.doc().at("packageManager").text());
        let manager = manager
            .and_then(|manager| manager.split('@').next())
            .unwrap_or_default();
        let there = lock::NAMES.iter().filter_map(|(name, kind)| {
            let path = manifest::join(dir, name);
            project.has(&path).then(|| (path, *kind, dir.to_owned()))
        });
        let (cargo, mut scripts): (Vec<_>, Vec<_>) =
            there.partition(|(_, kind, _)| *kind == Kind::Cargo);
        scripts.sort_by_key(|(_, kind, _)| !kind.is_of(manager));
        scripts.truncate(1);
        scripts.into_iter().chain(cargo).collect()
    }

    fn lock(
        &mut self,
        project: &Project,
        path: String,
        kind: Kind,
        dir: &str,
        development: &HashMap<String, HashSet<String>>,
    ) {
        if kind == Kind::BunBinary {
            let reason = lock::LockError::Binary.to_string();
            self.unread.push((path, kind, reason));
            return;
        }
        let Some(source) = project.read_up_to(&path, lock::MAX_BYTES) else {
            let reason = "is no text, or longer than 64 MiB".to_owned();
            self.unread.push((path, kind, reason));
            return;
        };
        let manifests: Vec<&Manifest> = self.manifests.iter().collect();
        let governed: Vec<&Manifest> = manifests
            .into_iter()
            .filter(|manifest| self.lock_dir(manifest.dir()) == Some(dir))
            .collect();
        match kind.parse(source.text(), &governed, development) {
            Ok(graph) => self.locks.push(Lock {
                kind,
                source,
                graph,
            }),
            Err(error) => self.unread.push((path, kind, error.to_string())),
        }
    }

    /// The nearest folder upwards that has a lock file for JavaScript.
    pub(crate) fn lock_dir<'a>(&self, dir: &'a str) -> Option<&'a str> {
        self.nearest(Ecosystem::Npm, dir)
    }

    /// The nearest folder upwards that has a lock file.
    pub(crate) fn nearest<'a>(&self, ecosystem: Ecosystem, dir: &'a str) -> Option<&'a str> {
        let mut at = dir;
        loop {
            if self.locked.contains(&(ecosystem, at.to_owned())) {
                return Some(at);
            }
            if at.is_empty() {
                return None;
            }
            at = manifest::parent(at);
        }
    }

    /// The lock file of a folder, if it was understood.
    pub(crate) fn lock_of(&self, dir: &str) -> Option<&Lock> {
        let dir = self.lock_dir(dir)?;
        let mut scripts = self.locks.iter().filter(|lock| lock.kind != Kind::Cargo);
        scripts.find(|lock| manifest::parent(lock.source.path()) == dir)
    }
}

/// What `Cargo.toml` files say that the lock file does not.
#[derive(Default)]
struct Crates {
    programs: Vec<String>,
    /// By crate, what it asks for in development alone.
    development: HashMap<String, HashSet<String>>,
}

impl Crates {
    fn read(&mut self, project: &Project, path: &str) {
        let Some(table) = project
            .read(path)
            .and_then(|source| source.text().parse::<toml::Table>().ok())
        else {
            return;
        };
        let name = table
            .get("package")
            .and_then(|package| package.get("name")?.as_str());
        let Some(name) = name else { return };
        let dir = manifest::parent(path);
        if table.contains_key("bin") || project.has(&manifest::join(dir, "src/main.rs")) {
            self.programs.push(dir.to_owned());
        }
        let mut sections = vec![&table];
        let targets = table.get("target").and_then(toml::Value::as_table);
        sections.extend(
            targets
                .into_iter()
                .flat_map(|targets| targets.values())
                .filter_map(toml::Value::as_table),
        );
        let all = |groups: &[&str]| -> HashSet<String> {
            let tables = sections
                .iter()
                .flat_map(|section| groups.iter().filter_map(|group| section.get(*group)));
            let entries = tables.filter_map(toml::Value::as_table).flatten();
            let real = entries.map(|(name, wanted)| {
                wanted
                    .get("package")
                    .and_then(toml::Value::as_str)
                    .unwrap_or(name)
            });
            real.map(str::to_owned).collect()
        };
        let used = all(&["dependencies", "build-dependencies", "build_dependencies"]);
        let mut development = all(&["dev-dependencies", "dev_dependencies"]);
        development.retain(|name| !used.contains(name));
        self.development.insert(name.to_owned(), development);
    }
}
