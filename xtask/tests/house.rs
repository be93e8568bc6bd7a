//! The rules of the house that the compiler does not know.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .unwrap()
}

/// The files that git knows below the root, without those of other kinds than `ending`.
fn files(ending: &str) -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed
        .lines()
        .filter(|file| file.ends_with(ending))
        .map(|file| root().join(file))
        .collect()
}

#[test]
fn a_crate_depends_on_lower_ranks_only() {
    let metadata = metadata();
    let packages = || {
        metadata
            .packages
            .iter()
            .filter(|package| package.name.as_str() != "xtask")
    };
    let ranks: BTreeMap<&str, u64> = packages()
        .map(|package| {
            let rank = package.metadata["panoply"]["rank"].as_u64();
            (
                package.name.as_str(),
                rank.unwrap_or_else(|| panic!("{} has no rank", package.name)),
            )
        })
        .collect();
    assert!(ranks.len() >= 7);
    for package in packages() {
        let own = ranks[package.name.as_str()];
        for dependency in &package.dependencies {
            if let Some(other) = ranks.get(dependency.name.as_str()) {
                let arrow = format!("{} ({own}) -> {} ({other})", package.name, dependency.name);
                // The suite that stores are tested with is of their own rank.
                let test = dependency.kind == DependencyKind::Development && *other == own;
                assert!(*other < own || test, "an arrow points up: {arrow}");
            }
        }
    }
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    for package in metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{}",
            package.manifest_path
        );
    }
}

#[test]
fn files_stay_of_a_size_that_can_be_read() {
    for file in files(".rs") {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let lines = text.lines().count();
        let excused = text
            .lines()
            .take(6)
            .any(|line| line.starts_with("//! Long because"));
        assert!(
            lines <= 600,
            "{} has {lines} lines; split it",
            file.display()
        );
        assert!(
            lines <= 400 || excused || is_test(&file),
            "{} has {lines} lines: split it, or say `//! Long because …` in its first lines",
            file.display()
        );
    }
}

/// Whether a file holds tests alone, which need not be read to understand the code.
fn is_test(file: &Path) -> bool {
    file.iter()
        .any(|part| part == "tests" || part == "tests.rs")
}

#[test]
fn nothing_points_out_of_the_repository() {
    // Put together here, or this file would find itself.
    let places = ["../|shared", "/wo|rk/", "/tmp/w|/", "/ro|ot/"];
    let places = places.map(|place| place.replace('|', ""));
    let mut command = Command::new("git");
    command.args(["grep", "-nIF"]);
    for place in &places {
        command.args(["-e", place]);
    }
    let found = command
        .args(["--", "."])
        .current_dir(root())
        .output()
        .unwrap();
    // 1: looked, and found nothing. Anything above: could not look.
    assert_eq!(
        found.status.code(),
        Some(1),
        "{}{}",
        String::from_utf8_lossy(&found.stdout),
        String::from_utf8_lossy(&found.stderr)
    );
}

/// GitHub and crates.io know nothing of a link to an item, which rustdoc resolves: they show a link that leads nowhere,
/// or brackets. An item is named in code.
#[test]
fn the_links_of_a_readme_lead_somewhere_wherever_it_is_read() {
    let mut faults = Vec::new();
    let readmes = files("/README.md");
    let readmes = readmes
        .iter()
        .filter(|file| file.starts_with(root().join("crates")));
    let mut count = 0;
    for file in readmes {
        count += 1;
        let text = std::fs::read_to_string(file).unwrap();
        // What is between fences is code.
        let prose: String = text.split("\n```").step_by(2).collect();
        let leads = |target: &str| {
            let path = target.split('#').next().unwrap_or_default();
            let is_elsewhere = ["https://", "http://", "#"]
                .iter()
                .any(|start| target.starts_with(start));
            is_elsewhere || file.parent().unwrap().join(path).exists()
        };
        let links = prose.split("](").skip(1);
        let targets = links
            .filter_map(|rest| rest.split_once(')'))
            .map(|(target, _)| target);
        faults.extend(
            { targets.filter(|target| !leads(target)) }
                .map(|target| format!("{}: {target}", file.display())),
        );
        let names = prose
            .split("[`")
            .skip(1)
            .filter_map(|rest| rest.split_once("`]"));
        let alone = names.filter(|(name, after)| {
            let is_defined = prose.contains(&format!("\n[`{name}`]: http"));
            !after.starts_with('(') && !is_defined && !name.contains('`')
        });
        faults.extend(alone.map(|(name, _)| format!("{}: [`{name}`]", file.display())));
    }
    assert!(count > 15, "{count} of them");
    assert!(
        faults.is_empty(),
        "name these in code, without a link: {faults:#?}"
    );
}

#[test]
fn a_fuzz_target_is_built_described_and_taken_over_its_corpus() {
    let fuzz = root().join("fuzz");
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let (manifest, readme) = (read(fuzz.join("Cargo.toml")), read(fuzz.join("README.md")));
    let mut faults = Vec::new();
    let targets = files(".rs");
    let targets = targets
        .iter()
        .filter(|file| file.starts_with(fuzz.join("fuzz_targets")));
    let mut count = 0;
    for file in targets {
        count += 1;
        let name = file.file_stem().unwrap().to_string_lossy();
        let text = read(file.clone());
        let (_, called) = text.split_once("| panoply_").unwrap();
        let (package, called) = called.split_once("::fuzzing::").unwrap();
        let package = package.replace('_', "-");
        let replayed = read(root().join(format!("crates/{package}/src/fuzzing.rs")));
        for (holds, fault) in [
            (
                called.starts_with(&format!("{name}(")),
                "calls another target",
            ),
            (
                manifest.contains(&format!("name = \"{name}\"")),
                "is not in fuzz/Cargo.toml",
            ),
            (
                readme.contains(&format!("`{name}`")),
                "is not in fuzz/README.md",
            ),
            (
                replayed.contains(&format!("(\"{name}\", {name})")),
                "is not taken over its corpus",
            ),
        ] {
            if !holds {
                faults.push(format!("{name} {fault}"));
            }
        }
    }
    assert!(count > 30, "{count} fuzz targets");
    assert!(faults.is_empty(), "{faults:#?}");
}
