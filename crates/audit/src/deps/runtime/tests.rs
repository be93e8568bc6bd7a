use std::fs;
use std::time::Duration;

use panoply_core::ManualClock;

use super::docker::{last_image, node_version};
use super::*;
use crate::deps::inventory::Inventory;

/// What is said of an app of these files, on a day.
fn said(files: &[(&str, &str)], on: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files.iter().chain(&[("server.js", "")]) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let project = Project::open(dir.path()).unwrap();
    let day: jiff::Timestamp = format!("{on}T12:00:00Z").parse().unwrap();
    let clock = clock(day);
    let mut report = Report::new("app");
    check(&project, &Inventory::read(&project), &clock, &mut report);
    let tell = |finding: &Finding| match &finding.place {
        Place::Code(place) => format!("{place} {}", finding.message),
        _ => unreachable!("all have a place"),
    };
    report.findings.iter().map(tell).collect()
}

/// A clock that begins in 1970 and is moved to a day.
#[derive(Debug)]
struct On(Duration);

impl Clock for On {
    fn monotonic(&self) -> Duration {
        self.0
    }

    fn wall(&self) -> std::time::SystemTime {
        std::time::UNIX_EPOCH + self.0
    }
}

fn clock(day: jiff::Timestamp) -> On {
    On(Duration::from_secs(u64::try_from(day.as_second()).unwrap()))
}

#[test]
fn a_line_ends_on_its_day() {
    let files = [(".nvmrc", "# ours\nv20.11.0\n")];
    assert!(said(&files, "2026-04-30").is_empty());
    assert_eq!(
        said(&files, "2026-05-01"),
        [".nvmrc:2:1 it names Node.js `v20.11.0`: Node.js 20 got its last fixes on 2026-04-30"]
    );
    assert_eq!(
        said(&[(".node-version", "lts/iron")], "2026-11-28").len(),
        1
    );
    assert_eq!(
        said(
            &[(".tool-versions", "ruby 3.2\nnodejs 18.1.0")],
            "2026-11-28"
        )
        .len(),
        1
    );
    for moving in ["lts/*", "node", "latest", "99", "lts"] {
        assert!(
            said(&[(".nvmrc", moving)], "2026-11-28").is_empty(),
            "{moving}"
        );
    }
}

#[test]
fn the_last_stage_counts() {
    let of = |text: &str| said(&[("Dockerfile", text)], "2026-11-28");
    let built = "FROM node:18 AS build\nRUN npm ci\nFROM node:24-slim\nCOPY --from=build /a /a\n";
    assert!(of(built).is_empty());
    let named = "ARG V=18\nFROM --platform=$BUILDPLATFORM node:${V}-alpine AS base\nFROM base AS deps\nFROM base\n";
    assert_eq!(
        of(named),
        [
            "Dockerfile:2:1 the image is built on `node:18-alpine`: Node.js 18 got its last fixes on 2025-04-30"
        ]
    );
    let here = "FROM node:24\nRUN <<EOF\nFROM node:8\nEOF\n";
    assert!(of(here).is_empty());
    let split = "FROM \\\n  node:hydrogen-bookworm\n";
    assert_eq!(of(split).len(), 1);
    assert!(of("FROM node:18 AS build\nFROM nginx:1\n").is_empty());
    assert!(of("ARG IMAGE\nFROM $IMAGE\n").is_empty());
    assert_eq!(of("FROM node:${V:-16}\n").len(), 1);
    assert!(of("RUN x\n").is_empty());
    // Whatever stands before the instruction, its own place is told.
    let image = last_image("\u{3000}\tFROM node:18\n").unwrap();
    assert_eq!(image.span, 4..16);
    assert!(said(&[("Dockerfile.dev", "FROM node:18")], "2026-11-28").is_empty());
    assert!(said(&[("test/Dockerfile", "FROM node:18")], "2026-11-28").is_empty());
}

#[test]
fn images_have_a_version() {
    let of = |image: &str| {
        node_version(image)
            .map(|(version, official)| (lines::line(&version).map(|line| line.major), official))
    };
    assert_eq!(
        of("node:18.20.1-bookworm@sha256:ab"),
        Some((Some(18), true))
    );
    assert_eq!(
        of("docker.io/library/node:lts-iron"),
        Some((Some(20), true))
    );
    assert_eq!(
        of("gcr.io/distroless/nodejs18-debian12:nonroot"),
        Some((Some(18), true))
    );
    assert_eq!(of("local:5000/node:14"), Some((Some(14), false)));
    assert_eq!(of("node:lts-alpine"), Some((None, true)));
    assert_eq!(of("node:alpine3.20"), Some((None, true)));
    assert_eq!(of("node"), None);
    assert_eq!(of("local:5000/node"), None);
    assert_eq!(of("debian:12"), None);
}

#[test]
fn engines_say_what_is_allowed_at_most() {
    let of = |range: &str| {
        let text = format!("{{\"private\": true, \"engines\": {{\"node\": \"{range}\"}}}}");
        said(&[("package.json", &text)], "2026-11-28").len()
    };
    assert_eq!(
        (
            of("18.x"),
            of(">=14 <21"),
            of("^16 || ^18"),
            of("20"),
            of("0.10.x")
        ),
        (1, 1, 1, 1, 1)
    );
    assert_eq!(
        (
            of(">=14"),
            of("^18 || ^22"),
            of("24.x"),
            of("*"),
            of("lts"),
            of("30.x")
        ),
        (0, 0, 0, 0, 0, 0)
    );
    let volta = "{\"scripts\": {\"start\": \"node .\"}, \"volta\": {\"node\": \"16.1.0\"}}";
    assert_eq!(said(&[("package.json", volta)], "2026-11-28").len(), 1);
    // What a library can be used with is not what it is used with.
    let library = "{\"name\": \"x\", \"main\": \"i.js\", \"engines\": {\"node\": \"18.x\"}}";
    assert_eq!(said(&[("package.json", library)], "2026-11-28").len(), 0);
}

#[test]
fn the_newest_line_that_has_settled_is_recommended() {
    let on = |day: &str| lines::recommended(&clock(format!("{day}T00:00:00Z").parse().unwrap()));
    assert_eq!(
        (on("2026-09-01"), on("2026-11-28"), on("2025-06-01")),
        (24, 26, 22)
    );
    // 2030: all that is known here has ended.
    assert_eq!(lines::recommended(&ManualClock::new()), 26);
}

proptest::proptest! {
    #[test]
    fn no_dockerfile_panics(text in "((FROM|ARG|RUN|from) [ -~]{0,20}(\\\\)?\n|[ -~é\n]{0,20}|\\$\\{[a-z:+-]{0,5}\\}?)*") {
        let image = last_image(&text);
        if let Some(image) = image {
            proptest::prop_assert!(image.span.end <= text.len());
            let _ = node_version(&image.name);
        }
    }
}
