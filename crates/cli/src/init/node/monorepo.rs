//! Packages that nothing starts, and where in a monorepo the app may be instead.

use std::path::Path;

use serde_json::Value;

use super::Package;
use crate::init::app::{App, read_inside};

impl Package<'_> {
    /// Says where the app of a package without a start may be instead.
    pub(super) fn no_start(&self, app: &mut App) {
        let mut notes = vec![
            "Nothing says how the app is started. Write its command here, or type it: \
             `panoply run -- COMMAND`."
                .to_owned(),
        ];
        let others: Vec<_> = ["serve", "server", "prod", "production", "dev"]
            .into_iter()
            .filter(|name| self.script(name).is_some())
            .map(|name| format!("`{} run {name}`", self.manager()))
            .collect();
        if !others.is_empty() {
            notes.push(format!("Its scripts include {}.", others.join(" and ")));
        }
        let members = self.members();
        if !members.is_empty() {
            app.saw(
                "package.json",
                format!("a monorepo; {} can be started", members.join(", ")),
            );
            let inits: Vec<_> = members
                .iter()
                .map(|m| format!("`panoply init {m}`"))
                .collect();
            notes.push(format!(
                "In this monorepo, perhaps you mean {}.",
                inits.join(" or ")
            ));
        }
        app.start_notes.push(notes.join(" "));
    }

    /// The packages of a monorepo that have a start script.
    fn members(&self) -> Vec<String> {
        const MOST: usize = 6;
        // Each may be a folder of hundreds.
        const MOST_GLOBS: usize = 50;
        let listed = self
            .json
            .get("workspaces")
            .map(|w| w.get("packages").unwrap_or(w));
        let globs = listed
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .take(MOST_GLOBS);
        let mut members: Vec<String> = globs
            .flat_map(|glob| match glob.trim_end_matches('/').strip_suffix("/*") {
                Some(parent) => folders(self.dir, parent.trim_start_matches("./")),
                None => vec![glob.to_owned()],
            })
            .filter(|member| {
                let package = read_inside(self.dir, &format!("{member}/package.json"));
                let package = package.and_then(|text| serde_json::from_str::<Value>(&text).ok());
                package.is_some_and(|p| p.pointer("/scripts/start").is_some())
            })
            .collect();
        members.sort();
        members.dedup();
        members.truncate(MOST);
        members
    }
}

/// The folders in `parent`, at most as many as a monorepo has.
fn folders(dir: &Path, parent: &str) -> Vec<String> {
    const MOST: usize = 200;
    let Ok(entries) = std::fs::read_dir(dir.join(parent)) else {
        return Vec::new();
    };
    let names = entries
        .take(MOST)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.map(|name| format!("{parent}/{name}")).collect()
}
