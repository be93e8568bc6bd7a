//! Which crates are services, and their source.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::deps::manifest::{join, name, parent};
use crate::project::{Project, is_sample};
use crate::report::Report;
use crate::rules::headers::HELMET_MISSING;
use crate::source::Source;

/// A crate that is, or is part of, a service.
#[derive(Debug)]
pub(super) struct Service {
    dir: String,
    dependencies: BTreeSet<String>,
}

/// What makes a crate one.
const SIGNS: [&str; 15] = [
    "axum",
    "axum-extra",
    "axum-core",
    "actix-web",
    "actix-session",
    "actix-governor",
    "tower-sessions",
    "tower-cookies",
    "tower_governor",
    "tower-http",
    "panoply",
    "panoply-gateway",
    "panoply-sessions",
    "panoply-limits",
    "panoply-headers",
];

/// The crates whose manifests ask for one of them.
pub(super) fn services(project: &Project) -> Vec<Service> {
    let manifests = project.paths().filter(|path| name(path) == "Cargo.toml");
    let services = manifests
        .filter(|path| !is_sample(path))
        .filter_map(|path| {
            let dependencies = dependencies(project, path)?;
            let dir = parent(path).to_owned();
            SIGNS
                .iter()
                .any(|sign| dependencies.contains(*sign))
                .then_some(Service { dir, dependencies })
        });
    services.collect()
}

/// What the package of a `Cargo.toml` asks for.
pub(super) fn dependencies(project: &Project, path: &str) -> Option<BTreeSet<String>> {
    let table: toml::Table = project.read(path)?.text().parse().ok()?;
    table.get("package")?;
    // `axum.workspace = true` asks for it as well as a version does.
    let mut dependencies = BTreeSet::new();
    for (name, wanted) in table.get("dependencies")?.as_table()? {
        let real = wanted.get("package").and_then(toml::Value::as_str);
        dependencies.insert(real.unwrap_or(name).to_owned());
    }
    Some(dependencies)
}

/// A file of a service.
pub(super) struct File {
    pub(super) source: Arc<Source>,
    pub(super) ast: syn::File,
    /// What its crate asks for.
    dependencies: BTreeSet<String>,
    /// Whether its crate can be started.
    pub(super) is_program: bool,
}

impl File {
    pub(super) fn uses(&self, dependency: &str) -> bool {
        self.dependencies.contains(dependency)
    }
}

/// All files of all services.
pub(super) struct Files {
    pub(super) files: Vec<File>,
}

/// Brackets in brackets beyond it are no code that a person wrote.
const MAX_DEPTH: usize = 120;
/// Signs in a row beyond it neither; lines of them in comments are shorter.
const MAX_SIGNS: usize = 4096;

impl Files {
    pub(super) fn read(project: &Project, services: &[Service], report: &mut Report) -> Self {
        let dirs: HashSet<&str> = services
            .iter()
            .map(|service| service.dir.as_str())
            .collect();
        let mut files = Vec::new();
        for path in project
            .paths()
            .filter(|path| path.strip_suffix(".rs").is_some() && !is_sample(path))
        {
            let Some(dir) = crate_of(project, path).filter(|dir| dirs.contains(dir)) else {
                continue;
            };
            let inside = path
                .get(dir.len()..)
                .unwrap_or(path)
                .trim_start_matches('/');
            if !inside.starts_with("src/") {
                continue;
            }
            let service = services.iter().find(|service| service.dir == dir);
            let (Some(source), Some(service)) = (project.read(path), service) else {
                continue;
            };
            report.files += 1;
            if is_beyond(source.text()) {
                report.not_checked(
                    &HELMET_MISSING,
                    format!("`{path}` is nested deeper than it can be read"),
                );
                continue;
            }
            match syn::parse_file(source.text()) {
                Ok(ast) => files.push(File {
                    source,
                    ast,
                    dependencies: service.dependencies.clone(),
                    is_program: is_program(project, dir),
                }),
                Err(error) => {
                    let line = error.span().start().line;
                    report.not_checked(
                        &HELMET_MISSING,
                        format!("`{path}` is not valid Rust in line {line}: {error}"),
                    );
                }
            }
        }
        Self { files }
    }
}

/// Whether a crate can be started.
pub(super) fn is_program(project: &Project, dir: &str) -> bool {
    let bin = join(dir, "src/bin/");
    project.has(&join(dir, "src/main.rs")) || project.paths().any(|path| path.starts_with(&bin))
}

/// The folder of the nearest `Cargo.toml`.
fn crate_of<'a>(project: &Project, path: &'a str) -> Option<&'a str> {
    let mut dir = parent(path);
    loop {
        if project.has(&join(dir, "Cargo.toml")) {
            return Some(dir);
        }
        if dir.is_empty() {
            return None;
        }
        dir = parent(dir);
    }
}

/// Whether the parser, which calls itself for what is inside, would need more stack than it has.
fn is_beyond(text: &str) -> bool {
    let (mut depth, mut deepest, mut row, mut longest) = (0_usize, 0, 0, 0);
    let mut before = ' ';
    for letter in text.chars() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_sign = matches!(letter, '!' | '&' | '*' | '-' | '<' | '|');
        row = if is_sign && letter == before {
            row + 1
        } else {
            0
        };
        before = letter;
        deepest = deepest.max(depth);
        longest = longest.max(row);
    }
    deepest > MAX_DEPTH || longest > MAX_SIGNS
}
