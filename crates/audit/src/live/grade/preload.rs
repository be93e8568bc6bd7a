//! Which hosts browsers know to be HTTPS alone, without being told.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;

/// The hosts that browsers know to be HTTPS alone.
///
/// The whole list has a hundred thousand names and changes every day; here are the top-level domains that
/// are on it as a whole. A file may add to them.
#[derive(Debug, Clone)]
pub(crate) struct Preload(HashMap<String, Entry>);

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    #[serde(default)]
    mode: String,
    #[serde(default, rename = "includeSubDomains")]
    with_subdomains: bool,
}

const TOP_LEVEL: [&str; 14] = [
    "app",
    "bank",
    "boo",
    "dad",
    "day",
    "dev",
    "esq",
    "foo",
    "insurance",
    "mov",
    "new",
    "page",
    "phd",
    "zip",
];

impl Preload {
    /// What is known without a file, and what a file adds.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Error> {
        let entry = Entry {
            mode: "force-https".to_owned(),
            with_subdomains: true,
        };
        let known = TOP_LEVEL
            .iter()
            .map(|name| ((*name).to_owned(), entry.clone()));
        let mut all: HashMap<String, Entry> = known.collect();
        if let Some(path) = path {
            let path = path.to_owned();
            let text = fs::read_to_string(&path);
            let text = text.map_err(|source| Error::Unreadable {
                path: path.clone(),
                source,
            })?;
            let read: HashMap<String, Entry> =
                serde_json::from_str(&text).map_err(|source| Error::NotPreload { path, source })?;
            all.extend(read);
        }
        Ok(Self(all))
    }

    /// Whether a host is one of them, or below one.
    pub(crate) fn has(&self, host: &str) -> bool {
        let entry = |name: &str| self.0.get(name).filter(|entry| entry.mode == "force-https");
        let mut rest = host;
        if entry(host).is_some() {
            return true;
        }
        while let Some((_, parent)) = rest.split_once('.') {
            rest = parent;
            if entry(rest).is_some_and(|entry| entry.with_subdomains) {
                return true;
            }
        }
        false
    }
}
