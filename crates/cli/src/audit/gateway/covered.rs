//! What one line of the file covers, and what of a finding can stand in one.

use std::collections::BTreeMap;

use panoply_audit::{Finding, Place, Report};
use toml_edit::{Array, Value};

use super::super::is_url;

/// Findings that one line covers.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// Places by rule.
    pub(super) places: BTreeMap<&'static str, Vec<String>>,
    /// Paths of the app that they are about.
    pub(super) paths: Vec<String>,
}

impl Covered {
    pub(super) fn add(&mut self, report: &Report, finding: &Finding) {
        let place = match &finding.place {
            Place::Code(at) => at.to_string(),
            Place::Url(url) => url.clone(),
            _ => report.target.clone(),
        };
        let place = one_line(&place);
        let places = self.places.entry(finding.rule.id).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
        let path = match &finding.place {
            Place::Url(url) => host(url).map(|(_, path)| path),
            _ => path(&finding.message),
        };
        self.paths
            .extend(path.filter(|path| is_path(path) && !self.paths.contains(path)));
    }
}

/// The path that a message names: `POST /login`, in backticks.
pub(super) fn path(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    quoted.find_map(|quoted| {
        let mut words = quoted.split([' ', '\'', '"']);
        words.find(|word| word.starts_with('/')).map(str::to_owned)
    })
}

/// A path that can be written as one: no parameters, no patterns.
pub(super) fn is_path(path: &str) -> bool {
    path.len() > 1
        && path.starts_with('/')
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/-_.~".contains(c))
}

/// Host and path of an address.
pub(super) fn host(url: &str) -> Option<(String, String)> {
    if !is_url(url) {
        return None;
    }
    let (_, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let host = match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => authority.get(..at).unwrap_or(authority),
        _ => authority,
    };
    let path = path.split(['?', '#']).next().unwrap_or(path);
    Some((host.to_ascii_lowercase(), path.to_owned()))
}

/// Whether a host is a name that a certificate can be for.
pub(super) fn is_name(host: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && host.chars().all(letters) && last.chars().any(|c| c.is_ascii_alphabetic())
}

pub(super) fn array(words: &[String]) -> String {
    Value::from(words.iter().collect::<Array>()).to_string()
}

/// A text that cannot leave its comment.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
