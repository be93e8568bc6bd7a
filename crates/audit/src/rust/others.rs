//! Services on something else than axum or actix-web: it is said that they are not read.

use super::crates::{dependencies, is_program};
use crate::deps::manifest::{name, parent};
use crate::project::{Project, is_sample};
use crate::report::Report;
use crate::rules;

/// What makes a crate a service of another kind.
const OTHERS: [&str; 17] = [
    "rocket",
    "warp",
    "poem",
    "salvo",
    "tide",
    "ntex",
    "gotham",
    "iron",
    "nickel",
    "rouille",
    "thruster",
    "viz",
    "trillium",
    "dropshot",
    "tiny_http",
    "hyper",
    "may_minihttp",
];
/// What is read.
const READ: [&str; 5] = ["axum", "axum-core", "actix-web", "loco-rs", "panoply"];

/// Says which crates are not read; `any`: whether some are.
pub(super) fn check(project: &Project, any: bool, report: &mut Report) {
    let manifests = project.paths().filter(|path| name(path) == "Cargo.toml");
    let manifests: Vec<&str> = manifests.filter(|path| !is_sample(path)).collect();
    let mut said = false;
    for path in &manifests {
        let Some(dependencies) = dependencies(project, path) else {
            continue;
        };
        let has = |name: &&str| dependencies.contains(*name);
        // Who is no program asks for `hyper` as a client, or for others.
        let serves = |name: &&&str| **name != "hyper" || is_program(project, parent(path));
        let other = OTHERS.iter().filter(serves).find(|name| has(name));
        if let (Some(other), false) = (other, READ.iter().any(has)) {
            tell(
                &format!(
                    "`{path}` asks for {other}; of services in Rust, those on axum and actix-web are read"
                ),
                report,
            );
            said = true;
        }
    }
    // With an app in JavaScript it is likely a part of that.
    let alone = !project.paths().any(|path| name(path) == "package.json");
    if !any && !said && alone && !manifests.is_empty() {
        tell(
            "no service on axum or actix-web is there; in Rust, only such are read",
            report,
        );
    }
}

fn tell(reason: &str, report: &mut Report) {
    for rule in [
        &rules::headers::HELMET_MISSING,
        &rules::session::MEMORY_STORE,
        &rules::cookie::NO_SECURE,
        &rules::auth::NO_RATE_LIMIT,
        &rules::redirect::OPEN,
    ] {
        report.not_checked(rule, reason);
    }
}
