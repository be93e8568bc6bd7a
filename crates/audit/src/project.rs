//! The files of an app.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::WalkBuilder;

use crate::error::Error;
use crate::source::Source;

/// The files of an app: what its makers wrote, without what was installed, built or ignored.
#[derive(Debug)]
pub struct Project {
    root: PathBuf,
    /// Relative to the root, with `/`, sorted.
    paths: Vec<String>,
    /// Those that cannot be read or are beyond a bound, and why.
    left_out: Vec<(String, &'static str)>,
}

/// No source that a person wrote is larger; bundles are.
const MAX_BYTES: u64 = 2 << 20;
/// No app has more files of its own.
const MAX_FILES: usize = 50_000;
/// Manifests that are looked at for what they start.
const MAX_MANIFESTS: usize = 200;
/// Folders that a tool fills.
const BUILT: [&str; 2] = ["dist", "build"];
/// Folders of what others wrote or a tool made.
const NOT_OURS: [&str; 20] = [
    "node_modules",
    "bower_components",
    "target",
    "dist",
    "build",
    "coverage",
    "vendor",
    ".git",
    ".next",
    ".nuxt",
    ".output",
    ".svelte-kit",
    ".astro",
    ".react-router",
    ".vercel",
    ".netlify",
    ".venv",
    "venv",
    ".yarn",
    ".cache",
];

impl Project {
    /// Looks through a folder.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no folder, or holds nothing that is understood.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        let unreadable = |source| Error::Unreadable {
            path: root.clone(),
            source,
        };
        if !fs::metadata(&root).map_err(unreadable)?.is_dir() {
            return Err(Error::NotAFolder { path: root });
        }
        let mut project = Self {
            root,
            paths: Vec::new(),
            left_out: Vec::new(),
        };
        let root = project.root.clone();
        project.walk(&root);
        for built in project.only_as_built() {
            project.walk(&root.join(built));
        }
        project.paths.sort_unstable();
        project.paths.dedup();
        if project.paths.iter().any(|path| is_understood(path)) {
            Ok(project)
        } else {
            Err(Error::NothingThere { path: project.root })
        }
    }

    fn walk(&mut self, from: &Path) {
        let walker = WalkBuilder::new(from)
            .hidden(false)
            .require_git(false)
            .follow_links(false)
            .filter_entry(|entry| {
                let name = entry.file_name().to_str().unwrap_or_default();
                let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
                entry.depth() == 0 || !(is_dir && NOT_OURS.contains(&name))
            })
            .build();
        for entry in walker {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.left_out.push((error.to_string(), "it cannot be read"));
                    continue;
                }
            };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let Ok(path) = entry.path().strip_prefix(&self.root) else {
                continue;
            };
            let parts = path.iter().map(|part| part.to_string_lossy());
            let path = parts.collect::<Vec<_>>().join("/");
            if self.paths.len() >= MAX_FILES {
                self.left_out
                    .push((path, "there are more than 50,000 files"));
                break;
            }
            self.paths.push(path);
        }
    }

    /// Folders that a tool has filled and that are started from there, where what they were made of is
    /// not at hand, as in most packages that are published.
    fn only_as_built(&self) -> Vec<String> {
        let manifests = self.paths.iter().filter(|path| {
            let name = path.strip_suffix("package.json");
            name.is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
        });
        let mut found = Vec::new();
        for manifest in manifests.take(MAX_MANIFESTS) {
            let folder = manifest.strip_suffix("package.json").unwrap_or_default();
            let Some(started) = self.read(manifest).and_then(|text| started(text.text())) else {
                continue;
            };
            let starts_in = |built: &&&str| {
                let inside = format!("{built}/");
                started.iter().any(|path| path.starts_with(&inside))
            };
            let built: Vec<&&str> = BUILT.iter().filter(starts_in).collect();
            if built.is_empty() || self.serves(folder) {
                continue;
            }
            found.extend(built.iter().map(|name| format!("{folder}{name}")));
        }
        found
    }

    /// Whether a script in a folder makes a server of its own.
    fn serves(&self, folder: &str) -> bool {
        let scripts = self
            .paths
            .iter()
            .filter(|path| path.starts_with(folder) && is_script(path) && !is_sample(path));
        scripts
            .filter_map(|path| self.read(path))
            .any(|source| source.text().contains("express"))
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All files, relative to the root, with `/`, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// Whether there is such a file, also one that git ignores.
    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).is_file()
    }

    /// The text of a file, if it is text and of a size that a person writes.
    pub fn read(&self, path: &str) -> Option<Arc<Source>> {
        self.read_up_to(path, MAX_BYTES)
    }

    /// The text of a file that may be large, such as a lock file.
    pub fn read_up_to(&self, path: &str, bytes: u64) -> Option<Arc<Source>> {
        let file = self.root.join(path);
        if fs::metadata(&file).ok()?.len() > bytes {
            return None;
        }
        let text = fs::read_to_string(&file).ok()?;
        let text = text
            .strip_prefix('\u{feff}')
            .map(str::to_owned)
            .unwrap_or(text);
        Some(Source::new(path, text))
    }

    /// Why a file is not read; nothing where it is none any more.
    pub(crate) fn why_not(&self, path: &str) -> Option<String> {
        let file = self.root.join(path);
        if fs::metadata(&file).ok()?.len() > MAX_BYTES {
            return Some(format!("it is larger than {} MiB", MAX_BYTES >> 20));
        }
        let error = fs::read_to_string(&file).err()?;
        Some(match error.kind() {
            io::ErrorKind::InvalidData => "it is no text in UTF-8".to_owned(),
            _ => error.to_string(),
        })
    }

    /// What cannot be read or is beyond a bound, and why it was left out.
    pub fn left_out(&self) -> &[(String, &'static str)] {
        &self.left_out
    }
}

/// Whether a file makes a folder an app.
fn is_understood(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    is_script(path) || matches!(name, "package.json" | "Cargo.toml")
}

/// Whether it is JavaScript or TypeScript.
fn is_script(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(
        ending,
        "js" | "cjs" | "mjs" | "jsx" | "ts" | "cts" | "mts" | "tsx"
    )
}

/// The paths that a package.json names as what runs: `main`, `bin`, `exports` and `npm start`.
fn started(manifest: &str) -> Option<Vec<String>> {
    fn all(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => into.extend(
                text.split_whitespace()
                    .map(|word| word.trim_start_matches("./").to_owned()),
            ),
            serde_json::Value::Object(map) => map.values().for_each(|value| all(value, into)),
            serde_json::Value::Array(list) => list.iter().for_each(|value| all(value, into)),
            _ => {}
        }
    }
    let manifest: serde_json::Value = serde_json::from_str(manifest).ok()?;
    let mut paths = Vec::new();
    let start = manifest
        .get("scripts")
        .and_then(|scripts| scripts.get("start"));
    let others = ["main", "bin", "exports"].map(|key| manifest.get(key));
    for value in others.into_iter().chain([start]).flatten() {
        all(value, &mut paths);
    }
    Some(paths)
}

/// Whether what stands in a file never runs in production: tests, samples, fixtures.
pub fn is_sample(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let mut parts = lower.split('/');
    let name = parts.next_back().unwrap_or_default();
    let dir = |part: &str| {
        matches!(
            part,
            "test"
                | "tests"
                | "__tests__"
                | "__mocks__"
                | "spec"
                | "specs"
                | "fixtures"
                | "example"
                | "examples"
                | "sample"
                | "samples"
                | "e2e"
                | "cypress"
                | "benchmark"
                | "benchmarks"
        )
    };
    parts.any(dir)
        || [
            ".test.",
            ".spec.",
            ".sample.",
            ".example.",
            ".mock.",
            ".stories.",
        ]
        .iter()
        .any(|part| name.contains(part))
        || name.starts_with("test.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_left_out() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        for path in [
            "app.js",
            "node_modules/x/i.js",
            "src/dist.js",
            "dist/a.js",
            ".output/server/index.mjs",
            ".svelte-kit/a.js",
            "venv/lib/a.js",
            "logs/a.txt",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap())?;
            fs::write(path, "\u{feff}1")?;
        }
        fs::write(dir.path().join(".gitignore"), "logs/\n")?;
        let project = Project::open(dir.path())?;
        let paths: Vec<&str> = project.paths().collect();
        assert_eq!(paths, [".gitignore", "app.js", "src/dist.js"]);
        assert_eq!(
            project
                .read("app.js")
                .map(|source| source.text().to_owned()),
            Some("1".into())
        );
        Ok(())
    }

    #[test]
    fn what_is_there_as_built_alone_is_read_where_it_is_started() {
        let paths = |files: &[(&str, &str)]| -> Vec<String> {
            let dir = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = dir.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let project = Project::open(dir.path()).unwrap();
            project.paths().map(str::to_owned).collect()
        };
        let built = ("dist/server.js", "require('express')()");
        let manifest = (
            "package.json",
            r#"{"scripts":{"start":"node ./dist/server.js"}}"#,
        );
        assert_eq!(
            paths(&[built, manifest]),
            ["dist/server.js", "package.json"]
        );
        let source = ("src/server.ts", "import express from 'express'");
        assert_eq!(
            paths(&[built, manifest, source]),
            ["package.json", "src/server.ts"]
        );
        let other = ("package.json", r#"{"main":"index.js"}"#);
        assert_eq!(paths(&[built, other]), ["package.json"]);
    }

    #[test]
    fn a_folder_without_an_app_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Project::open(dir.path()).unwrap_err();
        assert!(matches!(error, Error::NothingThere { .. }));
        assert!(matches!(
            Project::open(dir.path().join("no")).unwrap_err(),
            Error::Unreadable { .. }
        ));
    }

    #[test]
    fn samples_are_told_apart() {
        assert!(is_sample("test/app.js"));
        assert!(is_sample("src/login.spec.ts"));
        assert!(!is_sample("src/latest/contest.js"));
        assert!(!is_sample("src/tester.js"));
    }
}
