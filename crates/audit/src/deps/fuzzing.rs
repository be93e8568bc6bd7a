//! What must hold for lock files, advisories and Dockerfiles, whatever is in them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails is found"
)]

use std::collections::HashMap;

use super::doc::Doc;
use super::lock::{Kind, NAMES};
use super::{advisory, runtime};

/// A lock file, the kind's number first: each place is in the text, and each chain ends with its package.
pub(crate) fn lockfile(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    // A digit in the files that are kept, so that they can be read.
    let kind = usize::from(kind.wrapping_sub(b'0')) % NAMES.len();
    let (_, kind) = NAMES[kind];
    if matches!(kind, Kind::Npm) {
        json(text);
    }
    let Ok(graph) = kind.parse(text, &[], &HashMap::new()) else {
        return;
    };
    for (at, package) in graph.packages.iter().enumerate().take(50) {
        assert!(
            text.get(package.span.clone()).is_some(),
            "{package:?} is nowhere"
        );
        assert!(package.needs.iter().all(|at| *at < graph.packages.len()));
        assert!(graph.chain(at).ends_with(&package.name));
    }
}

/// What a strict reader of JSON reads, ours reads as well, and the same.
fn json(text: &str) {
    let strict: Result<serde_json::Value, _> = serde_json::from_str(text);
    if let (Ok(strict), Ok(ours)) = (strict, Doc::json(text)) {
        assert!(same(&ours, &strict), "{ours:?} is not {strict:?}");
    }
}

fn same(ours: &Doc, strict: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (ours, strict) {
        (Doc::Nothing, Value::Null) | (Doc::Text(_), Value::Number(_)) => true,
        (Doc::Text(text), Value::String(value)) => text == value,
        (Doc::Text(text), Value::Bool(value)) => *text == value.to_string(),
        (Doc::List(list), Value::Array(values)) => {
            list.len() == values.len() && list.iter().zip(values).all(|(a, b)| same(a, b))
        }
        (Doc::Map(map), Value::Object(values)) => {
            map.len() == values.len() && values.iter().all(|(key, value)| same(ours.at(key), value))
        }
        _ => false,
    }
}

/// A version in the first line, then an advisory: one that affects the version is not fixed by it.
pub(crate) fn advisory(data: &[u8]) {
    let Some((version, text)) = std::str::from_utf8(data)
        .ok()
        .and_then(|text| text.split_once('\n'))
    else {
        return;
    };
    advisory::disk::each(text, |advisory| {
        let affected = advisory.affects(version);
        if let (Some(true), Some(fixed)) = (affected, advisory.fixed(version)) {
            assert_ne!(fixed, version, "{advisory:?}");
            assert_ne!(
                advisory.affects(&fixed),
                Some(true),
                "{advisory:?} by {fixed}"
            );
        }
    });
}

/// A Dockerfile: the image stands in a line of it.
pub(crate) fn dockerfile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(image) = runtime::docker::last_image(text) {
        let line = text.get(image.span).unwrap_or_default();
        assert!(line.to_ascii_lowercase().starts_with("from"), "{line:?}");
        let _ = runtime::docker::node_version(&image.name);
    }
}
