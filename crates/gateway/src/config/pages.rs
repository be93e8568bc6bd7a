//! `[pages]`: what refusals look like.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use http::StatusCode;
use panoply::ChallengeConfig;
use panoply::limits::Error;
use panoply::pages::Pages;
use serde::Deserialize;

/// `[pages]`: files in place of the answers that the gateway gives itself, by their status.
///
/// In a file `{detail}`, `{retry_after}`, `{request_id}` and `{status}` stand for what they say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PagesConfig {
    /// Pages for browsers: `html = { 429 = "pages/429.html" }`; `challenge` is that of the task of `[challenge]`.
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

/// The statuses that refusals of the gateway have, beside 404 and 401 where there is an `[[access]]` that hides, or asks
/// for a password.
const REFUSED: [u16; 13] = [
    400, 403, 405, 408, 413, 414, 415, 421, 429, 431, 502, 503, 504,
];

/// Stands among the statuses for the page of work.
const CHALLENGE: &str = "challenge";

/// Nobody's page is larger, and each is kept in memory.
const MOST: u64 = 256 << 10;

impl PagesConfig {
    /// The pages that no refusal shows, as the key and why; `more` are statuses that some have because of `[[access]]`.
    pub(crate) fn unused(&self, more: &[u16]) -> Vec<(String, String)> {
        let refuses = |status: u16| REFUSED.contains(&status) || more.contains(&status);
        let all: Vec<String> = { 400..600 }
            .filter(|status| refuses(*status))
            .map(|status| status.to_string())
            .collect();
        let all = all.join(", ");
        let but = match self.framework_errors {
            FrameworkErrors::Replace => {
                "so it is shown in place of error pages that Express has by itself, and of nothing else"
            }
            FrameworkErrors::Pass => "so it is never shown",
        };
        let of = |table: &str, pages: &BTreeMap<String, PathBuf>| {
            let unused = pages
                .keys()
                .filter(|status| status.parse().is_ok_and(|status| !refuses(status)));
            let told = unused.map(|status| {
                let why = format!(
                    "the gateway refuses nothing with {status}, {but}: what the app answers is the app's. Refusals \
                     have {all}"
                );
                (format!("pages.{table}.{status}"), why)
            });
            told.collect::<Vec<_>>()
        };
        [of("html", &self.html), of("problem", &self.problem)].concat()
    }

    /// Reads the files; the error has the key and what is wrong with it.
    pub(crate) fn read(&self) -> Result<Pages, (String, String)> {
        let mut pages = Pages::new();
        for (status, path) in self.html.iter().filter(|(name, _)| *name != CHALLENGE) {
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

    /// Has browsers be given their task by the site's own page, if there is one; the error has the key and what is wrong
    /// with it.
    pub(crate) fn dress(
        &self,
        challenge: ChallengeConfig,
    ) -> Result<ChallengeConfig, (String, String)> {
        let Some(path) = self.html.get(CHALLENGE) else {
            return Ok(challenge);
        };
        let at = |problem| (format!("pages.html.{CHALLENGE}"), problem);
        let text = read(path).map_err(at)?;
        let only = ChallengeConfig::new().page(text.clone());
        only.validate().map_err(|error| match error {
            Error::Value {
                problem, example, ..
            } => at(format!("{} {problem}: write {example}", path.display())),
            error => at(error.to_string()),
        })?;
        Ok(challenge.page(text))
    }
}

fn page(status: &str, path: &Path) -> Result<(StatusCode, String), String> {
    let code = status
        .parse::<u16>()
        .ok()
        .filter(|code| (400..600).contains(code));
    let code = code.and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.ok_or_else(|| format!("`{status}` is no status of a refusal: write `429`"))?;
    Ok((code, read(path)?))
}

fn read(path: &Path) -> Result<String, String> {
    panoply_core::read_text_file(path, MOST).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            format!(
                "{} is larger than 256 KiB, which is the most",
                path.display()
            )
        }
        _ => format!("{} cannot be read: {error}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_no_page_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("429.html");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let long = folder.path().join("503.html");
        std::fs::write(&long, "x".repeat((256 << 10) + 1)).unwrap();
        for (page, said) in [(&pipe, "it is no file"), (&long, "larger than 256 KiB")] {
            let error = page_of(page).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        std::fs::write(&long, "x".repeat(256 << 10)).unwrap();
        assert!(page_of(&long).is_ok());
    }

    fn page_of(path: &Path) -> Result<(StatusCode, String), String> {
        page("429", path)
    }

    #[test]
    fn a_page_that_no_refusal_shows_is_told_of() {
        let config: PagesConfig = toml::from_str(
            "html = { 404 = \"a\", 500 = \"a\", 429 = \"b\", 502 = \"c\" }\nproblem = { 418 = \"d\" }\n",
        )
        .unwrap();
        let told = |config: &PagesConfig, more: &[u16]| {
            let unused = config.unused(more).into_iter();
            unused.map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&config, &[]),
            ["pages.html.404", "pages.html.500", "pages.problem.418"]
        );
        assert_eq!(
            told(&config, &[404]),
            ["pages.html.500", "pages.problem.418"]
        );
        let [(_, why), ..] = &config.unused(&[])[..] else {
            panic!("three")
        };
        assert!(
            why.contains("in place of error pages that Express"),
            "{why}"
        );
        assert!(why.contains("415, 421, 429, 431"), "{why}");
        let config = PagesConfig {
            framework_errors: FrameworkErrors::Pass,
            ..config
        };
        assert!(config.unused(&[])[0].1.contains("so it is never shown"));
    }

    #[test]
    fn the_page_of_work_is_a_file_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work.html");
        let text = format!("html = {{ challenge = {path:?} }}");
        let config: PagesConfig = toml::from_str(&text).unwrap();
        let dressed = || config.dress(ChallengeConfig::new());
        let (key, problem) = dressed().unwrap_err();
        assert_eq!(key, "pages.html.challenge");
        assert!(problem.contains("cannot be read"), "{problem}");
        std::fs::write(&path, "<p>Moment").unwrap();
        let (_, problem) = dressed().unwrap_err();
        assert!(problem.contains("work.html has no `{task}`"), "{problem}");
        std::fs::write(&path, "<p>Moment{task}").unwrap();
        let page = ChallengeConfig::new().page("<p>Moment{task}");
        assert_eq!(dressed(), Ok(page));
        // It is no status of which something would have to be said.
        assert!(config.unused(&[]).is_empty() && config.read().is_ok());
        let none = PagesConfig::default();
        assert_eq!(
            none.dress(ChallengeConfig::new()),
            Ok(ChallengeConfig::new())
        );
    }

    /// What stands behind `Refusal::new(` in the code of those that refuse for the gateway.
    #[test]
    fn the_statuses_are_those_that_refusals_have() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders: Vec<PathBuf> = ["gateway", "guard", "limits"]
            .map(|name| crates.join(name).join("src"))
            .into();
        let mut found = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                // Whoever asks the admin listener is no client.
                if path.ends_with("tests.rs") || path.to_string_lossy().contains("/admin/") {
                    continue;
                }
                for refusal in code.split("Refusal::new(").skip(1) {
                    let next: String = refusal.chars().take(60).collect();
                    if let Some((_, rest)) = next.split_once("StatusCode::") {
                        let ends = |c: char| !c.is_ascii_uppercase() && c != '_';
                        found.insert(rest.split(ends).next().unwrap().to_owned());
                    }
                }
            }
        }
        assert!(found.len() > 8, "{found:?}");
        // To whom a login cannot be counted, since nobody knows who calls: that is a service's, not the gateway's.
        found.remove("INTERNAL_SERVER_ERROR");
        let known: BTreeSet<String> = { REFUSED.into_iter().chain([401, 404]) }
            .map(|status| {
                let status = StatusCode::from_u16(status).unwrap();
                let reason = status.canonical_reason().unwrap().to_uppercase();
                reason.replace([' ', '-'], "_")
            })
            .collect();
        for name in found {
            assert!(known.contains(&name), "{name} is not among REFUSED");
        }
    }
}
