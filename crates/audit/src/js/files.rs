//! The project's scripts: parsed, and found by what other scripts ask for.
//!
//! Long because the ways to name a file are tried one after the other.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use oxc_resolver::{ResolveOptions, Resolver, TsconfigDiscovery};
use serde_json::Value as Json;

use super::ir::Module;
use super::parse;
use crate::project::Project;
use crate::source::Source;

/// Each parser's stack; it is only touched as deep as a file nests.
const STACK: usize = 128 << 20;
/// Endings that may be left out, in the order in which they are tried.
const ENDINGS: [&str; 9] = ["js", "ts", "json", "cjs", "mjs", "tsx", "jsx", "cts", "mts"];

/// A file that can be asked for.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) source: Arc<Source>,
    pub(crate) content: Content,
}

/// What a file holds.
#[derive(Debug)]
pub(crate) enum Content {
    Script(Module),
    Json(Json),
    /// It could not be read.
    Broken(String),
}

/// A `package.json`.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its folder; empty for the root.
    pub(crate) dir: String,
    pub(crate) json: Json,
}

/// All scripts of a project.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) all: Vec<File>,
    pub(crate) packages: Vec<Package>,
    by_path: HashMap<String, u32>,
    /// Every path of the project, with its folders.
    entries: HashMap<String, Vec<String>>,
    root: PathBuf,
    resolver: Resolver,
    /// What some `package.json` depends on.
    dependencies: HashSet<String>,
    aliases: Vec<(String, String)>,
}

impl Files {
    /// Reads and parses them.
    pub(crate) fn load(project: &Project) -> Self {
        let paths: Vec<&str> = project.paths().filter(|path| is_ours(path)).collect();
        let files = parse_all(project, &paths);
        let by_path = (0_u32..).zip(&files);
        let by_path = by_path.map(|(at, file)| (file.source.path().to_owned(), at));
        let by_path = by_path.collect();
        let packages: Vec<Package> = files.iter().filter_map(package).collect();
        let dependencies = packages.iter().flat_map(depends).collect();
        let aliases = packages.iter().flat_map(aliases).collect();
        let root = project.root().canonicalize();
        let root = root.unwrap_or_else(|_| project.root().to_path_buf());
        Self {
            by_path,
            packages,
            dependencies,
            aliases,
            entries: entries(project),
            root,
            resolver: resolver(),
            all: files,
        }
    }

    /// A file.
    pub(crate) fn get(&self, at: u32) -> Option<&File> {
        self.all.get(at as usize)
    }

    /// A file by its path.
    pub(crate) fn by_path(&self, path: &str) -> Option<u32> {
        self.by_path.get(path).copied()
    }

    /// Names in a folder, sorted.
    pub(crate) fn names_in(&self, dir: &str) -> Option<&[String]> {
        self.entries.get(dir).map(Vec::as_slice)
    }

    /// The folder of the `package.json` that a file belongs to.
    pub(crate) fn package_dir(&self, path: &str) -> &str {
        let inside = |dir: &str| dir.is_empty() || path.starts_with(&format!("{dir}/"));
        let dirs = self.packages.iter().map(|package| package.dir.as_str());
        let dirs = dirs.filter(|dir| inside(dir));
        dirs.max_by_key(|dir| dir.len()).unwrap_or_default()
    }

    /// Whether some `package.json` depends on a package.
    pub(crate) fn depends_on(&self, package: &str) -> bool {
        self.dependencies.contains(package)
    }

    /// The file that `wanted` means in another; nothing where that is not the project's.
    pub(crate) fn resolve(&self, from: u32, wanted: &str) -> Option<u32> {
        let path = self.get(from)?.source.path();
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        if let Some(absolute) = wanted.strip_prefix('/') {
            return self.file_or_folder(&normal(absolute));
        }
        if wanted.starts_with('.') {
            let path = normal(&format!("{dir}/{wanted}"));
            return self.file_or_folder(&path);
        }
        let package = package_name(wanted);
        if self.dependencies.contains(package) && !self.is_own_package(package) {
            return None;
        }
        self.by_alias(wanted)
            .or_else(|| self.by_resolver(path, wanted))
            .or_else(|| self.by_root(path, wanted))
    }

    fn is_own_package(&self, name: &str) -> bool {
        let named =
            |package: &Package| package.json.get("name").and_then(Json::as_str) == Some(name);
        self.packages.iter().any(named)
    }

    fn by_alias(&self, wanted: &str) -> Option<u32> {
        if let Some(package) = self.packages.iter().find(|package| {
            let name = package.json.get("name").and_then(Json::as_str);
            !package.dir.is_empty() && name == Some(package_name(wanted))
        }) {
            let rest = wanted.get(package_name(wanted).len()..).unwrap_or_default();
            let path = normal(&format!("{}/{rest}", package.dir));
            return self
                .file_or_folder(&path)
                .or_else(|| self.file_or_folder(&format!("{path}/src")));
        }
        self.aliases.iter().find_map(|(alias, to)| {
            let rest = wanted.strip_prefix(alias.as_str())?;
            (rest.is_empty() || rest.starts_with('/') || alias.ends_with('/'))
                .then(|| self.file_or_folder(&normal(&format!("{to}/{rest}"))))?
        })
    }

    /// What tsconfig's `paths` or package.json's `imports` say.
    fn by_resolver(&self, path: &str, wanted: &str) -> Option<u32> {
        if is_builtin(wanted) {
            return None;
        }
        let found = self
            .resolver
            .resolve_file(self.root.join(path), wanted)
            .ok()?;
        let found = found.path().strip_prefix(&self.root).ok()?;
        let parts = found.iter().map(|part| part.to_string_lossy());
        self.by_path(&parts.collect::<Vec<_>>().join("/"))
    }

    /// `NODE_PATH`, `baseUrl` and their like: from the package's own folder, or its sources.
    fn by_root(&self, path: &str, wanted: &str) -> Option<u32> {
        if is_builtin(wanted)
            || !wanted.contains('/')
            || wanted.starts_with('@') && !wanted.starts_with("@/")
        {
            return None;
        }
        let wanted = wanted
            .trim_start_matches(['@', '~'])
            .trim_start_matches('/');
        let dir = self.package_dir(path);
        ["", "src", "app", "server", "lib"]
            .iter()
            .find_map(|base| self.file_or_folder(&normal(&format!("{dir}/{base}/{wanted}"))))
    }

    /// A file, also without its ending, or a folder's main file.
    pub(crate) fn file_or_folder(&self, path: &str) -> Option<u32> {
        self.file(path).or_else(|| {
            let main = self
                .packages
                .iter()
                .find(|package| package.dir == path && !path.is_empty());
            let main = main.and_then(|package| package.json.get("main")?.as_str());
            let main = main.and_then(|main| self.built_from(path, main));
            main.or_else(|| self.file(&normal(&format!("{path}/index"))))
        })
    }

    fn file(&self, path: &str) -> Option<u32> {
        if let Some(at) = self.by_path(path) {
            return Some(at);
        }
        let with = |ending: &&str| self.by_path(&format!("{path}.{ending}"));
        ENDINGS.iter().find_map(with).or_else(|| {
            // TypeScript names the file that it will be compiled to.
            let (stem, ending) = path.rsplit_once('.')?;
            let from: &[&str] = match ending {
                "js" => &["ts", "tsx"],
                "mjs" => &["mts"],
                "cjs" => &["cts"],
                "jsx" => &["tsx"],
                _ => return None,
            };
            from.iter()
                .find_map(|ending| self.by_path(&format!("{stem}.{ending}")))
        })
    }

    /// The source of what `package.json` starts, which may be the built file.
    pub(crate) fn built_from(&self, dir: &str, main: &str) -> Option<u32> {
        let path = normal(&format!("{dir}/{main}"));
        if let Some(at) = self
            .file(&path)
            .or_else(|| self.file(&normal(&format!("{path}/index"))))
        {
            return Some(at);
        }
        let main = normal(main);
        let (out, rest) = main.split_once('/')?;
        let rest = if matches!(out, "dist" | "build" | "out" | "lib" | "bin" | ".build") {
            rest
        } else {
            return None;
        };
        let direct = rest.strip_prefix("src/").unwrap_or(rest);
        ["src", "", "server", "app"].iter().find_map(|base| {
            self.file(&normal(&format!("{dir}/{base}/{direct}")))
                .or_else(|| self.file(&normal(&format!("{dir}/{rest}"))))
        })
    }
}

fn parse_all(project: &Project, paths: &[&str]) -> Vec<File> {
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(16);
    let share = paths.len().div_ceil(threads).max(1);
    // Neighbours are alike in size; every n-th file to each thread spreads the large ones.
    let shares: Vec<Vec<&str>> = (0..threads)
        .map(|first| paths.iter().skip(first).step_by(threads).copied().collect())
        .collect();
    let mut files = Vec::with_capacity(share * threads);
    thread::scope(|scope| {
        let mut running = Vec::new();
        for share in &shares {
            let work = move || {
                share
                    .iter()
                    .filter_map(|path| read(project, path))
                    .collect()
            };
            let builder = thread::Builder::new().stack_size(STACK);
            running.extend(builder.spawn_scoped(scope, work));
        }
        for thread in running {
            let read: Vec<File> = thread.join().unwrap_or_default();
            files.extend(read);
        }
    });
    files.sort_by(|a, b| a.source.path().cmp(b.source.path()));
    files
}

fn read(project: &Project, path: &str) -> Option<File> {
    let Some(source) = project.read(path) else {
        return Some(File {
            source: Source::new(path, String::new()),
            content: Content::Broken(project.why_not(path)?),
        });
    };
    let content = if path.ends_with(".json") {
        serde_json::from_str(source.text())
            .map_or_else(|error| Content::Broken(error.to_string()), Content::Json)
    } else {
        parse::parse(&source).map_or_else(Content::Broken, Content::Script)
    };
    Some(File { source, content })
}

/// Whether a file is a script, or something that a script may ask for.
fn is_ours(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.contains(".min.") || name.ends_with(".d.ts") || name == "package-lock.json" {
        return false;
    }
    if !name.contains('.') {
        return path.starts_with("bin/") || path.contains("/bin/");
    }
    let ending = name.rsplit('.').next().unwrap_or_default();
    ENDINGS.contains(&ending)
}

fn package(file: &File) -> Option<Package> {
    let dir = file.source.path().strip_suffix("package.json")?;
    let Content::Json(json) = &file.content else {
        return None;
    };
    Some(Package {
        dir: dir.trim_end_matches('/').to_owned(),
        json: json.clone(),
    })
}

fn depends(package: &Package) -> Vec<String> {
    let lists = [
        "dependencies",
        "devDependencies",
        "peerDependencies",
        "optionalDependencies",
    ];
    let lists = lists
        .iter()
        .filter_map(|list| package.json.get(list)?.as_object());
    lists.flat_map(|list| list.keys().cloned()).collect()
}

/// What the package `module-alias` is told.
fn aliases(package: &Package) -> Vec<(String, String)> {
    let Some(aliases) = package.json.get("_moduleAliases").and_then(Json::as_object) else {
        return Vec::new();
    };
    let to = |to: &Json| Some(normal(&format!("{}/{}", package.dir, to.as_str()?)));
    let aliases = aliases.iter();
    aliases
        .filter_map(|(alias, path)| Some((alias.clone(), to(path)?)))
        .collect()
}

fn resolver() -> Resolver {
    let extensions = ENDINGS.iter().map(|ending| format!(".{ending}")).collect();
    let alias = |from: &str, to: &[&str]| {
        let to = to.iter().map(|&to| to.to_owned()).collect();
        (from.to_owned(), to)
    };
    Resolver::new(ResolveOptions {
        tsconfig: Some(TsconfigDiscovery::Auto),
        extensions,
        extension_alias: vec![
            alias(".js", &[".ts", ".tsx", ".js"]),
            alias(".mjs", &[".mts", ".mjs"]),
            alias(".cjs", &[".cts", ".cjs"]),
        ],
        condition_names: ["node", "import", "require", "default"]
            .map(str::to_owned)
            .into(),
        ..ResolveOptions::default()
    })
}

/// Each folder's names.
fn entries(project: &Project) -> HashMap<String, Vec<String>> {
    let mut entries: HashMap<String, Vec<String>> = HashMap::new();
    for path in project.paths() {
        let mut below = path;
        loop {
            let (dir, name) = below.rsplit_once('/').unwrap_or(("", below));
            let names = entries.entry(dir.to_owned()).or_default();
            // Paths are sorted, so that a folder's name comes up again only right after itself.
            if names.last().is_some_and(|last| last == name) {
                break;
            }
            if !names.iter().any(|have| have == name) {
                names.push(name.to_owned());
            }
            if dir.is_empty() {
                break;
            }
            below = dir;
        }
    }
    entries
}

/// A path without `.`, `..` and doubled slashes; nothing leads out of the project.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The package that is asked for: without a path inside it.
pub(crate) fn package_name(wanted: &str) -> &str {
    let slash = usize::from(wanted.starts_with('@'));
    let end = wanted.match_indices('/').nth(slash);
    end.and_then(|(at, _)| wanted.get(..at)).unwrap_or(wanted)
}

/// Whether it is a module of Node's own.
pub(crate) fn is_builtin(wanted: &str) -> bool {
    wanted.starts_with("node:")
        || matches!(
            wanted,
            "assert"
                | "async_hooks"
                | "buffer"
                | "child_process"
                | "cluster"
                | "console"
                | "constants"
                | "crypto"
                | "dgram"
                | "dns"
                | "domain"
                | "events"
                | "fs"
                | "fs/promises"
                | "http"
                | "http2"
                | "https"
                | "module"
                | "net"
                | "os"
                | "path"
                | "perf_hooks"
                | "process"
                | "punycode"
                | "querystring"
                | "readline"
                | "repl"
                | "stream"
                | "string_decoder"
                | "sys"
                | "timers"
                | "tls"
                | "tty"
                | "url"
                | "util"
                | "v8"
                | "vm"
                | "worker_threads"
                | "zlib"
        )
}

/// A project's own absolute path, as its programs see it.
pub(crate) fn dirname(source: &Source) -> String {
    let dir = Path::new(source.path()).parent();
    let dir = dir.map(|dir| dir.to_string_lossy().into_owned());
    format!("/{}", dir.unwrap_or_default())
}
