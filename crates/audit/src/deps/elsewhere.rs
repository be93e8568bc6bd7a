//! Lock files of other languages: nothing here compares them with advisories, and who does is said.

use std::collections::BTreeMap;

use super::manifest;
use crate::project::{Project, is_sample};
use crate::report::Report;
use crate::rules::deps::VULNERABLE;

/// What lies there, and what to do with it.
const OTHERS: [(&str, &str); 10] = [
    ("Pipfile.lock", PYTHON),
    ("pdm.lock", PYTHON),
    ("poetry.lock", PYTHON),
    ("uv.lock", PYTHON),
    ("Gemfile.lock", "run `bundle audit check --update`"),
    ("composer.lock", "run `composer audit`"),
    ("go.sum", "run `govulncheck ./...`"),
    ("mix.lock", "run `mix deps.audit`, of the package mix_audit"),
    (
        "packages.lock.json",
        "run `dotnet list package --vulnerable --include-transitive`",
    ),
    ("gradle.lockfile", "run `osv-scanner scan` on it"),
];

const PYTHON: &str = "run `pip-audit` in the app's environment";

pub(super) fn check(project: &Project, report: &mut Report) {
    let mut found: BTreeMap<&str, (&str, &str, usize)> = BTreeMap::new();
    for path in project.paths().filter(|path| !is_sample(path)) {
        let name = manifest::name(path);
        if let Some((name, what)) = OTHERS.iter().find(|(known, _)| *known == name) {
            found.entry(name).or_insert((path, what, 0)).2 += 1;
        }
    }
    for (name, (first, what, count)) in found {
        let more = match count - 1 {
            0 => String::new(),
            more => format!(" (and {more} more {name})"),
        };
        let reason = format!(
            "`{first}`{more} is not compared with advisories, which are read for npm and Cargo alone: {what}"
        );
        report.not_checked(&VULNERABLE, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_lock_is_told_of_once_each() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "package.json",
            "api/poetry.lock",
            "jobs/poetry.lock",
            "go.sum",
            "test/fixtures/Gemfile.lock",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}").unwrap();
        }
        let mut report = Report::new("app");
        check(&Project::open(dir.path().to_owned()).unwrap(), &mut report);
        let told = report.not_checked.iter().map(|entry| {
            assert_eq!(entry.rule.id, "deps/vulnerable");
            entry.reason.as_str()
        });
        let told: Vec<&str> = told.collect();
        assert!(
            matches!(told[..], [go, poetry] if go.contains("`govulncheck ./...`")
                && poetry.starts_with("`api/poetry.lock` (and 1 more poetry.lock)")
                && poetry.contains("`pip-audit`")),
            "{told:#?}"
        );
    }
}
