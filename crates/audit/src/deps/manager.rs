//! Which package manager an app is kept with, so that advice names its commands.

use super::lock::{Kind, NAMES};
use super::manifest::{self, Manifest};
use crate::project::Project;

/// By the nearest folder upwards that says so, by its `packageManager` before its lock file; npm where none does.
pub(crate) fn of(project: &Project, dir: &str) -> Kind {
    let mut at = dir;
    loop {
        if let Some(kind) = of_folder(project, at) {
            return kind;
        }
        if at.is_empty() {
            return Kind::Npm;
        }
        at = manifest::parent(at);
    }
}

fn of_folder(project: &Project, dir: &str) -> Option<Kind> {
    let scripts = || NAMES.iter().filter(|(_, kind)| *kind != Kind::Cargo);
    let package = project.read(&manifest::join(dir, "package.json"));
    let package = package.and_then(|source| Manifest::parse(&source).ok());
    let named = package.and_then(|package| {
        let manager = package.doc().at("packageManager").text()?;
        let manager = manager.split('@').next()?;
        scripts().find(|(_, kind)| kind.is_of(manager))
    });
    let there = || scripts().find(|(name, _)| project.has(&manifest::join(dir, name)));
    named.or_else(there).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_that_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let of = |at: &str| of(&Project::open(dir.path().to_owned()).unwrap(), at);
        write("package.json", "{}");
        assert_eq!(of("api/src"), Kind::Npm);
        write("yarn.lock", "");
        write("web/pnpm-lock.yaml", "");
        assert_eq!(of("api/src"), Kind::Yarn);
        assert_eq!(of("web/src"), Kind::Pnpm);
        // What lies there from before is not what is used.
        write("package.json", r#"{"packageManager": "bun@1.3.0"}"#);
        assert_eq!(of(""), Kind::Bun);
    }

    #[test]
    fn advice_is_in_the_words_of_the_apps_own() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).unwrap();
        write("package.json", r#"{"dependencies": {"express": "^3.0.0"}}"#);
        write(
            "app.js",
            "const app = require('express')();\napp.get('/', (q, s) => s.send('x'));\napp.listen(80);\n",
        );
        let help = |rule: &str| {
            let report = crate::directory(dir.path(), &crate::Options::new()).unwrap();
            let mut found = report.findings.into_iter();
            let found = found.find(|finding| finding.rule.id == rule).unwrap();
            found.help
        };
        let is_of = |manager: &str, add: &str| {
            let package = format!(
                r#"{{"packageManager": "{manager}@1", "dependencies": {{"express": "^3.0.0"}}}}"#
            );
            write("package.json", &package);
            for (rule, words) in [
                ("headers/helmet-missing", format!("`{add} helmet`")),
                ("deps/express-eol", format!("`{add} express@5`")),
                ("deps/no-lockfile", format!("`{manager} install")),
            ] {
                assert!(help(rule).contains(&words), "{rule}: {}", help(rule));
            }
        };
        is_of("npm", "npm install");
        is_of("pnpm", "pnpm add");
        is_of("yarn", "yarn add");
        is_of("bun", "bun add");
    }
}
