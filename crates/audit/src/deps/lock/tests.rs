use proptest::prelude::*;

use super::*;
use crate::deps::graph::Package;

/// The lock files of one package.json, each written by the tool itself.
const ALL: [(&str, Kind, &str); 9] = [
    ("npm 6", Kind::Npm, include_str!("../fixtures/npm-1.json")),
    ("npm 9", Kind::Npm, include_str!("../fixtures/npm-2.json")),
    ("npm 11", Kind::Npm, include_str!("../fixtures/npm-3.json")),
    (
        "yarn 1",
        Kind::Yarn,
        include_str!("../fixtures/yarn-1.lock"),
    ),
    (
        "yarn 4",
        Kind::Yarn,
        include_str!("../fixtures/yarn-4.lock"),
    ),
    (
        "pnpm 7",
        Kind::Pnpm,
        include_str!("../fixtures/pnpm-5.yaml"),
    ),
    (
        "pnpm 8",
        Kind::Pnpm,
        include_str!("../fixtures/pnpm-6.yaml"),
    ),
    (
        "pnpm 9",
        Kind::Pnpm,
        include_str!("../fixtures/pnpm-9.yaml"),
    ),
    ("bun 1.3", Kind::Bun, include_str!("../fixtures/bun.lock")),
];

/// What stands in `bun.lock` has not changed with its version.
#[test]
fn a_lock_of_bun_1_4_says_what_one_of_before_does() {
    let before = include_str!("../fixtures/bun.lock");
    let now = before.replacen("\"lockfileVersion\": 1", "\"lockfileVersion\": 2", 1);
    assert_ne!(now, before);
    assert_eq!(parse(Kind::Bun, &now, &[]), parse(Kind::Bun, before, &[]));
}

/// Those of an app in two parts, with a scope, an alias and a peer.
const MONO: [(&str, Kind, &str); 6] = [
    (
        "npm 11",
        Kind::Npm,
        include_str!("../fixtures/mono/npm-3.json"),
    ),
    (
        "yarn 1",
        Kind::Yarn,
        include_str!("../fixtures/mono/yarn-1.lock"),
    ),
    (
        "yarn 4",
        Kind::Yarn,
        include_str!("../fixtures/mono/yarn-4.lock"),
    ),
    (
        "pnpm 7",
        Kind::Pnpm,
        include_str!("../fixtures/mono/pnpm-5.yaml"),
    ),
    (
        "pnpm 9",
        Kind::Pnpm,
        include_str!("../fixtures/mono/pnpm-9.yaml"),
    ),
    (
        "bun 1.3",
        Kind::Bun,
        include_str!("../fixtures/mono/bun.lock"),
    ),
];

fn manifest(path: &str, text: &str) -> Manifest {
    Manifest::parse(&Source::new(path, text)).unwrap()
}

fn parse(kind: Kind, text: &str, manifests: &[&Manifest]) -> Graph {
    kind.parse(text, manifests, &HashMap::new()).unwrap()
}

fn find<'a>(graph: &'a Graph, name: &str) -> (usize, &'a Package) {
    let mut all = graph.packages.iter().enumerate();
    all.find(|(_, package)| package.name == name).unwrap()
}

#[test]
fn every_format_tells_the_same() {
    let shop = manifest("package.json", include_str!("../fixtures/package.json"));
    for (tool, kind, text) in ALL {
        let graph = parse(kind, text, &[&shop]);
        // Which versions are the newest that fit is each tool's own choice.
        let names: HashSet<&str> = graph.packages.iter().map(|one| &*one.name).collect();
        assert_eq!(names.len(), 52, "{tool}");
        let (_, express) = find(&graph, "express");
        assert_eq!(
            (&*express.version, express.direct, express.dev),
            ("4.17.1", true, false),
            "{tool}"
        );
        assert!(text[express.span.clone()].contains("express"), "{tool}");
        let (at, qs) = find(&graph, "qs");
        assert_eq!(
            (&*qs.version, qs.direct, qs.dev),
            ("6.7.0", false, false),
            "{tool}"
        );
        assert_eq!(graph.chain(at), "express > qs", "{tool}");
        let (at, minimist) = find(&graph, "minimist");
        assert_eq!(
            (&*minimist.version, minimist.direct, minimist.dev),
            ("0.0.8", false, true),
            "{tool}"
        );
        assert_eq!(graph.chain(at), "mkdirp > minimist", "{tool}");
        // Two versions side by side, each with its own way.
        let mut twice = graph
            .packages
            .iter()
            .enumerate()
            .filter(|(_, one)| one.name == "ms");
        let newer = twice.find(|(_, one)| one.version == "2.1.1").unwrap().0;
        assert_eq!(graph.chain(newer), "express > send > ms", "{tool}");
        let alone = graph.packages.iter().filter(|one| one.dev).count();
        assert_eq!(alone, 2, "{tool}");
    }
}

#[test]
fn parts_of_an_app_share_a_lock_file() {
    let root = manifest(
        "package.json",
        include_str!("../fixtures/mono/package.json"),
    );
    let web = manifest(
        "packages/web/package.json",
        include_str!("../fixtures/mono/web.json"),
    );
    for (tool, kind, text) in MONO {
        let graph = parse(kind, text, &[&root, &web]);
        assert_eq!(graph.packages.len(), 12, "{tool}");
        let (_, lodash) = find(&graph, "lodash");
        assert_eq!(
            (&*lodash.version, lodash.direct, lodash.dev),
            ("4.17.11", true, false),
            "{tool}"
        );
        let (_, hoek) = find(&graph, "@hapi/hoek");
        assert_eq!(
            (&*hoek.version, hoek.direct, hoek.dev),
            ("9.0.0", true, false),
            "{tool}"
        );
        let (at, scheduler) = find(&graph, "scheduler");
        assert_eq!(
            (&*scheduler.version, scheduler.direct),
            ("0.15.0", false),
            "{tool}"
        );
        assert_eq!(graph.chain(at), "react-dom > scheduler", "{tool}");
        assert!(find(&graph, "minimist").1.dev, "{tool}");
    }
}

#[test]
fn cargo_is_told_what_is_for_development() {
    let text = include_str!("../fixtures/Cargo.lock.toml");
    let only = HashSet::from(["fastrand".to_owned()]);
    let development = HashMap::from([("shop".to_owned(), only)]);
    let graph = Kind::Cargo.parse(text, &[], &development).unwrap();
    let (at, itoa) = find(&graph, "itoa");
    assert_eq!(graph.chain(at), "http > itoa");
    assert_eq!(&text[itoa.span.clone()], "\"itoa\"");
    assert!(!itoa.dev && !itoa.direct);
    assert!(find(&graph, "fastrand").1.dev);
    assert!(find(&graph, "smallvec").1.direct);
    // The app itself is in no registry.
    assert_eq!(find(&graph, "shop").1.version, "");
}

#[test]
fn what_is_not_understood_is_said() {
    let none = HashMap::new();
    let error = |kind: Kind, text: &str| kind.parse(text, &[], &none).unwrap_err().to_string();
    assert_eq!(
        error(Kind::Npm, "{\n\"packages\": {"),
        "is not valid in line 2"
    );
    assert_eq!(error(Kind::Npm, "{}"), "is not what its name says");
    assert_eq!(
        error(Kind::Pnpm, "lockfileVersion: 4.0\n"),
        "has version `4.0`, which is not known here"
    );
    assert_eq!(
        error(Kind::Bun, "{\"lockfileVersion\": 7}"),
        "has version `7`, which is not known here"
    );
    assert_eq!(
        error(Kind::Yarn, "<<<<<<< HEAD\n"),
        "is not what its name says"
    );
    assert_eq!(
        error(Kind::Yarn, "# yarn lockfile v1\n\n<<<<<<< HEAD\n"),
        "is not valid in line 3"
    );
    assert_eq!(
        error(Kind::Cargo, "version = 4\n[[package]]\nname = 1\n"),
        "is not valid in line 3"
    );
    assert!(error(Kind::BunBinary, "").contains("--save-text-lockfile"));
}

/// A lock file with a part of it cut out, doubled, or overwritten.
fn damaged() -> impl Strategy<Value = (Kind, String)> {
    let texts: Vec<(Kind, &str)> = ALL
        .iter()
        .chain(&MONO)
        .map(|(_, kind, text)| (*kind, *text))
        .collect();
    let cargo = (Kind::Cargo, include_str!("../fixtures/Cargo.lock.toml"));
    let texts = prop::sample::select([texts, vec![cargo]].concat());
    (texts, any::<prop::sample::Index>(), 0..200usize, ".{0,12}").prop_map(
        |((kind, text), at, len, new)| {
            let start = text.floor_char_boundary(at.index(text.len()));
            let end = text.floor_char_boundary((start + len).min(text.len()));
            (kind, format!("{}{new}{}", &text[..start], &text[end..]))
        },
    )
}

proptest! {
    #[test]
    fn nothing_that_is_damaged_panics((kind, text) in damaged()) {
        let _ = kind.parse(&text, &[], &HashMap::new());
    }

    #[test]
    fn no_text_panics(text in ".{0,400}") {
        for (_, kind) in NAMES {
            let _ = kind.parse(&text, &[], &HashMap::new());
        }
    }

    /// A package that is brought in by itself still has a way that ends.
    #[test]
    fn ways_end(edges in prop::collection::vec((0..12usize, 0..12usize), 0..40), roots in prop::collection::vec(0..12usize, 0..4)) {
        let mut graph = Graph::default();
        for at in 0..12 {
            graph.push(Package::new(&format!("p{at}"), "1.0.0", 0..0));
        }
        for (by, what) in edges {
            graph.need(by, what);
        }
        graph.production = roots;
        graph.settle();
        for at in 0..12 {
            let chain = graph.chain(at);
            let last = format!("p{at}");
            prop_assert!(chain.ends_with(&last));
        }
    }
}

#[test]
fn all_documents_of_pnpm_are_read() {
    let manager = "---\nlockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    packageManagerDependencies:\n      pnpm:\n        specifier: 12.0.0\n        version: 12.0.0\n\npackages:\n\n  pnpm@12.0.0:\n    resolution: {integrity: sha512-x}\n\nsnapshots:\n\n  pnpm@12.0.0: {}\n\n---\n";
    let alone = include_str!("../fixtures/pnpm-9.yaml");
    let text = format!("{manager}{alone}");
    let parse = |text: &str| {
        let graph = Kind::Pnpm.parse(text, &[], &HashMap::new()).unwrap();
        graph.packages
    };
    let (alone, all) = (parse(alone), parse(&text));
    assert_eq!(all.len(), alone.len() + 1);
    assert!(all[0].name == "pnpm" && all[0].dev);
    let express = all
        .iter()
        .find(|package| package.name == "express")
        .unwrap();
    assert!(express.direct && !express.dev);
    assert!(text[express.span.clone()].contains("express@4.17.1"));
}
