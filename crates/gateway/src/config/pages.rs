//! `[pages]`: what refusals look like.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::StatusCode;
use panoply::pages::Pages;
use serde::Deserialize;

/// `[pages]`: files in place of the answers that the gateway gives itself, by their status.
///
/// In a file `{detail}`, `{retry_after}`, `{request_id}` and `{status}` stand for what they say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PagesConfig {
    /// Pages for browsers: `html = { 429 = "pages/429.html" }`.
    pub html: BTreeMap<String, PathBuf>,
    /// Problem documents (RFC 9457) for programs: `problem = { 429 = "pages/429.json" }`.
    pub problem: BTreeMap<String, PathBuf>,
    /// What becomes of error pages that the app's framework has by itself, which tell what runs and,
    /// in development, show its stack: `framework_errors = "pass"` leaves them.
    pub framework_errors: FrameworkErrors,
}

/// What becomes of the error pages that Express has by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FrameworkErrors {
    /// A page as refusals have it takes their place, with the same status.
    #[default]
    Replace,
    /// They go out as they are.
    Pass,
}

/// Nobody's page is larger, and each is kept in memory.
const MOST: u64 = 256 << 10;

impl PagesConfig {
    /// Reads the files; the error has the key and what is wrong with it.
    pub(crate) fn read(&self) -> Result<Pages, (String, String)> {
        let mut pages = Pages::new();
        for (status, path) in &self.html {
            let at = |problem| (format!("pages.html.{status}"), problem);
            let (status, text) = page(status, path).map_err(at)?;
            pages = pages.html(status, text);
        }
        for (status, path) in &self.problem {
            let at = |problem| (format!("pages.problem.{status}"), problem);
            let (status, text) = page(status, path).map_err(at)?;
            let mut filled = text.clone();
            for place in ["{detail}", "{retry_after}", "{request_id}", "{status}"] {
                filled = filled.replace(place, "0");
            }
            if let Err(error) = serde_json::from_str::<serde_json::Value>(&filled) {
                return Err(at(format!("{} is not JSON: {error}", path.display())));
            }
            pages = pages.problem(status, text);
        }
        Ok(pages)
    }
}

fn page(status: &str, path: &Path) -> Result<(StatusCode, String), String> {
    let code = status
        .parse::<u16>()
        .ok()
        .filter(|code| (400..600).contains(code));
    let code = code.and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.ok_or_else(|| format!("`{status}` is no status of a refusal: write `429`"))?;
    let cannot = |error| format!("{} cannot be read: {error}", path.display());
    let size = std::fs::metadata(path).map_err(cannot)?.len();
    if size > MOST {
        return Err(format!(
            "{} has {size} bytes; 256 KiB is the most",
            path.display()
        ));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    Ok((code, text))
}
