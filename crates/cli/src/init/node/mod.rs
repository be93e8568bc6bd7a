//! Apps with a `package.json`.

mod advice;
mod frameworks;
mod monorepo;
mod port;

use std::path::Path;

use serde_json::{Map, Value};

use self::frameworks::{FRAMEWORKS, TO_BUILD};
use super::{
    InitError,
    app::{App, read, read_inside},
    source,
};

/// Where an app's first lines usually are.
const USUAL: [&str; 16] = [
    "server.js",
    "app.js",
    "index.js",
    "main.js",
    "server.mjs",
    "index.mjs",
    "server.ts",
    "app.ts",
    "index.ts",
    "src/server.js",
    "src/app.js",
    "src/index.js",
    "src/main.ts",
    "src/server.ts",
    "src/app.ts",
    "src/index.ts",
];

/// The app that `package.json` in `dir` describes.
pub(super) fn look(dir: &Path) -> Result<Option<App>, InitError> {
    let Some(text) = read(dir, "package.json")? else {
        return Ok(None);
    };
    let path = || dir.join("package.json");
    let package: Value = serde_json::from_str(&text).map_err(|source| InitError::Json {
        path: path(),
        source,
    })?;
    let Value::Object(package) = package else {
        return Err(InitError::NoObject(path()));
    };
    let among = |list, all: &'static [frameworks::Framework]| {
        all.iter()
            .find_map(|(name, label)| Some((*label, version_in(&package, list, name)?)))
    };
    let framework =
        among("dependencies", &FRAMEWORKS).or_else(|| among("devDependencies", &TO_BUILD));
    let mut app = App::new(framework.map_or("a Node app".into(), |(label, version)| {
        format!("{label} {version}").trim_end().to_owned()
    }));
    app.name = text_at(&package, "name").map(str::to_owned);
    let label = framework.map_or("", |(label, _)| label);
    Package {
        dir,
        json: &package,
        label,
    }
    .describe(&mut app);
    Ok(Some(app))
}

struct Package<'a> {
    dir: &'a Path,
    json: &'a Map<String, Value>,
    label: &'a str,
}

impl Package<'_> {
    fn describe(&self, app: &mut App) {
        let script = self.script("start");
        let main = self.main();
        let mut is_told = false;
        let command = if let Some(script) = script {
            app.saw("package.json", format!("start script `{script}`"));
            Some(self.start(script))
        } else if let Some(main) = &main {
            app.saw(
                "package.json",
                format!("no start script; `{main}` is its main file"),
            );
            Some(vec!["node".into(), main.clone()])
        } else if let Some((command, note)) = self.built() {
            app.saw("package.json", "no start script");
            app.start_notes.push(note.into());
            is_told = true;
            Some(command)
        } else {
            app.saw("package.json", "no start script, and no main file");
            self.no_start(app);
            None
        };
        if let Some(engine) = self
            .json
            .get("engines")
            .and_then(|e| e.get("node")?.as_str())
        {
            app.saw("package.json", format!("wants Node {engine}"));
        }
        let sources = self.sources(script.unwrap_or_default(), main.as_deref());
        let port = self.port(app, script, &sources);
        if port.is_none() && command.is_some() && !is_told {
            app.start_notes.push(
                "The app must listen on the port in the variable PORT. Nothing was seen that says \
                 it does; if not, use `upstream` instead."
                    .into(),
            );
        }
        app.starts_with(command, port);
        app.takes_http = self.takes_http();
        self.proxies(app, &sources);
        self.headers(app);
    }

    /// The start script, on loopback where it would be on every address and takes a word about it.
    fn start(&self, script: &str) -> Vec<String> {
        let manager = self.manager();
        let mut command = vec![manager, "start"];
        if script.trim() == "next start" {
            // The others hand on what stands behind a script's name as it is.
            command.extend((manager == "npm").then_some("--"));
            command.extend(["-H", "127.0.0.1"]);
        }
        command.into_iter().map(str::to_owned).collect()
    }

    fn script(&self, name: &str) -> Option<&str> {
        let script = self.json.get("scripts")?.get(name)?.as_str()?;
        (!script.trim().is_empty()).then_some(script)
    }

    /// The file that `node` would be given.
    fn main(&self) -> Option<String> {
        let named = text_at(self.json, "main").map(|main| main.trim_start_matches("./"));
        let usual = USUAL.iter().copied().filter(|name| !name.contains('/'));
        named
            .into_iter()
            .chain(usual)
            .find(|name| !name.ends_with("ts") && read_inside(self.dir, name).is_some())
            .map(str::to_owned)
    }

    fn manager(&self) -> &'static str {
        const LOCKS: [(&str, &str); 4] = [
            ("pnpm-lock.yaml", "pnpm"),
            ("yarn.lock", "yarn"),
            ("bun.lock", "bun"),
            ("bun.lockb", "bun"),
        ];
        let named = text_at(self.json, "packageManager").unwrap_or_default();
        ["pnpm", "yarn", "bun", "npm"]
            .into_iter()
            .find(|manager| named.starts_with(&format!("{manager}@")))
            .or_else(|| {
                let lock = LOCKS.iter().find(|(lock, _)| self.dir.join(lock).is_file());
                lock.map(|(_, manager)| *manager)
            })
            .unwrap_or("npm")
    }

    /// The app's sources that are worth a look, without their comments.
    fn sources(&self, script: &str, main: Option<&str>) -> Sources {
        let words = script.split(|c: char| c.is_whitespace() || "'\"&;|".contains(c));
        let mentioned = words.filter(|word| !word.is_empty() && !word.starts_with('-'));
        let mut names: Vec<String> = Vec::new();
        for word in mentioned.chain(main) {
            let word = word.trim_start_matches("./");
            names.push(word.to_owned());
            // What is built cannot be read yet, or not well: look at what it is built from.
            if let Some(built) = word.strip_prefix("dist/").or(word.strip_prefix("build/")) {
                names.push(format!("src/{}", built.replace(".js", ".ts")));
            }
        }
        names.extend(USUAL.map(str::to_owned));
        names.extend(["bin/www".to_owned(), "app/server.js".to_owned()]);
        let mut sources: Sources = Vec::new();
        for name in names {
            if sources.iter().all(|(seen, _)| *seen != name)
                && let Some(text) = read_inside(self.dir, &name)
            {
                sources.push((name, source::code_only(&text)));
            }
        }
        sources
    }
}

type Sources = Vec<(String, String)>;

/// The version of `name` as it is asked for, without its range.
fn version<'a>(package: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    version_in(package, "dependencies", name)
}

fn version_in<'a>(package: &'a Map<String, Value>, list: &str, name: &str) -> Option<&'a str> {
    let version = package.get(list)?.get(name)?.as_str()?;
    let plain = version.trim_start_matches(['^', '~', '=', 'v', '>', ' ']);
    Some(if plain.starts_with(|c: char| c.is_ascii_digit()) {
        plain
    } else {
        ""
    })
}

fn text_at<'a>(package: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    package
        .get(key)?
        .as_str()
        .filter(|text| !text.trim().is_empty())
}
