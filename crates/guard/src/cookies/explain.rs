//! What becomes of which cookie, in words.

use std::fmt;

use panoply_cookies::SameSite;

use super::CookieGuard;
use crate::names::{Kind, is_signature, known};

/// What becomes of the cookies of a name, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CookieFate {
    /// The name that the app gives; `*` stands for anything.
    pub name: String,
    /// What it is called outside where its path is `/` and there is no domain, if that is another.
    pub alias: Option<String>,
    /// What the name is known for.
    pub kind: Option<Kind>,
    left: bool,
    sealed: bool,
    http_only: bool,
    same_site: Option<SameSite>,
}

impl CookieGuard {
    /// What becomes of each name that is configured or known and told by itself, and of `*`, all
    /// others.
    ///
    /// Names that a pattern knows, such as Laravel's `*_session`, are treated as others are, and
    /// kept out of caches.
    pub fn explain(&self) -> Vec<CookieFate> {
        let config = self.config();
        if !config.is_enabled() {
            return Vec::new();
        }
        let mut all: Vec<String> = config
            .names_in_it()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let table: Vec<String> = known()
            .filter(|name| !all.iter().any(|own| own == name) && !is_signature(name))
            .map(str::to_owned)
            .collect();
        all.extend(table);
        all.push("*".to_owned());
        all.iter().map(|name| self.fate(name)).collect()
    }

    fn fate(&self, name: &str) -> CookieFate {
        let treatment = self.treatment(name.as_bytes());
        CookieFate {
            name: name.to_owned(),
            alias: treatment
                .outside
                .map(|names| String::from_utf8_lossy(&names.host).into_owned()),
            kind: treatment.kind,
            left: treatment.left,
            sealed: treatment.sealed,
            http_only: treatment.http_only,
            same_site: treatment.same_site,
        }
    }
}

impl fmt::Display for CookieFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.left {
            return f.write_str("left as it is");
        }
        if self.alias.is_some() {
            f.write_str("another name, ")?;
        }
        if self.sealed {
            f.write_str("sealed, ")?;
        }
        f.write_str("Secure")?;
        if self.http_only {
            f.write_str(", HttpOnly")?;
        }
        let mode = match self.same_site {
            Some(SameSite::None) => "None",
            Some(SameSite::Strict) => "Strict",
            _ => "Lax",
        };
        write!(f, ", SameSite={mode}")?;
        if !self.http_only {
            f.write_str(" (page script reads it)")?;
        }
        Ok(())
    }
}
