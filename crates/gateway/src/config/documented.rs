//! Each setting stands in a document that those read who run a gateway.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::{Table, Value};

use super::Config;
use super::env::SETTINGS;

/// Tables of which there may be several.
const LISTS: [&str; 6] = [
    "access",
    "limit",
    "limits.path",
    "login",
    "route",
    "tls.certificates",
];

/// A table of a name that is somebody's to choose, and what it is called here.
const NAMED: &str = "cookies.names.NAME";

/// The keys that may stand below a path, if it is that of a table.
fn keys(path: &str) -> Option<Vec<String>> {
    let mut value = Value::from(1);
    let whole = format!("{path}.zzz");
    let mut rest = whole.trim_start_matches('.');
    loop {
        let (above, key) = rest.rsplit_once('.').unwrap_or(("", rest));
        value = Value::Table([(key.to_owned(), value)].into_iter().collect());
        if LISTS.contains(&above) {
            value = Value::Array(vec![value]);
        }
        if above.is_empty() {
            break;
        }
        rest = above;
    }
    let error = Config::deserialize(value).err()?;
    let known = error.message().strip_prefix("unknown field `zzz`")?;
    let known = known.split('`').skip(1).step_by(2);
    Some(known.map(str::to_owned).collect())
}

fn leaves(path: &str, found: &mut BTreeSet<String>) {
    match keys(path) {
        None => drop(found.insert(path.to_owned())),
        Some(keys) => {
            for key in keys {
                leaves(format!("{path}.{key}").trim_start_matches('.'), found);
            }
        }
    }
}

fn documents(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The dotted paths of what is written in an example.
fn written(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let named = NAMED.strip_suffix(".NAME") == Some(path);
                let key = if named { "NAME" } else { key };
                written(
                    format!("{path}.{key}").trim_start_matches('.'),
                    value,
                    found,
                );
            }
        }
        Value::Array(all) => all.iter().for_each(|value| {
            if value.is_table() {
                written(path, value, found);
            }
        }),
        _ => {}
    }
}

/// Whether `word` stands in the text by itself.
fn has(text: &str, word: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let behind = text
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(|c| goes_on(c) || c == '.') && !behind.is_some_and(goes_on)
    })
}

#[test]
fn each_setting_stands_in_a_document() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut texts = Vec::new();
    documents(&root.join("docs"), &mut texts);
    for name in ["README.md", "SECURITY.md"] {
        texts.push(fs::read_to_string(root.join(name)).unwrap());
    }
    let mut examples = BTreeSet::new();
    for text in &texts {
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            // What is left out in an example stands in it, too.
            let all = block.replace("\n#", "\n");
            for block in [block, &all] {
                if let Ok(table) = block.parse::<Table>() {
                    written("", &Value::Table(table), &mut examples);
                }
            }
        }
    }
    let mut settings = BTreeSet::new();
    leaves("", &mut settings);
    leaves(NAMED, &mut settings);
    settings.remove("headers");
    settings.extend(SETTINGS.iter().map(|path| (*path).to_owned()));
    assert!(settings.len() > 150, "{settings:?}");
    // By its dotted path, or in a line with its table.
    let is_told = |path: &str| {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        let table = format!("[{table}]");
        let beside = |line: &str| line.contains(&table) && has(line, key);
        texts
            .iter()
            .any(|text| has(text, path) || text.lines().any(beside))
    };
    settings.retain(|path| !examples.contains(path) && !is_told(path));
    assert!(
        settings.is_empty(),
        "in no document, such as docs/defaults.md: {settings:#?}"
    );
}
