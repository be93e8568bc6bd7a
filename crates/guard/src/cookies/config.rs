//! Settings of the cookie guard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use panoply_cookies::{KeyRing, Sealer};
use panoply_core::{CounterKeys, SystemClock};
use serde::Deserialize;

use super::guard::CookieGuard;
use crate::Error;
use crate::names::renamed;

/// What becomes of an app's cookies.
///
/// ```
/// use panoply_guard::CookieGuardConfig;
///
/// let config: CookieGuardConfig = toml::from_str(r#"
///     script_readable = ["theme"]
///     seal = ["basket"]
///     logout = ["/logout"]
///     names.legacy = { rename = false, same_site = "none" }
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CookieGuardConfig {
    enabled: bool,
    script_readable: Vec<String>,
    rename: bool,
    seal: Vec<String>,
    unsealable: Unsealable,
    leave: Vec<String>,
    plain_until: Option<String>,
    no_store: bool,
    logout: Vec<String>,
    names: BTreeMap<String, CookieRule>,
}

/// What becomes of the cookie of one name, where that is to be other than by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CookieRule {
    /// Whether `HttpOnly` is added.
    pub http_only: Option<bool>,
    /// `lax`, `strict` or `none`, in place of what the app says unless that is stricter.
    pub same_site: Option<SameSiteWord>,
    /// Whether it goes by another name outside.
    pub rename: Option<bool>,
    /// Whether its value is sealed.
    pub seal: Option<bool>,
}

/// A word of `SameSite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SameSiteWord {
    /// With every request.
    None,
    /// With links from other sites, not with forms.
    Lax,
    /// Never from other sites.
    Strict,
}

/// What becomes of a cookie that should be sealed and does not open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Unsealable {
    /// The app does not get it, as if it had ended.
    #[default]
    Strip,
    /// The app gets it as it came.
    Pass,
}

impl Default for CookieGuardConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            script_readable: Vec::new(),
            rename: true,
            seal: Vec::new(),
            unsealable: Unsealable::Strip,
            leave: Vec::new(),
            plain_until: None,
            no_store: true,
            logout: Vec::new(),
            names: BTreeMap::new(),
        }
    }
}

impl CookieGuardConfig {
    /// Everything on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether anything is done; without it not even flags are set.
    #[must_use]
    pub const fn danger_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Cookies that page script reads, which get no `HttpOnly`; a `*` at the end stands for anything.
    #[must_use]
    pub fn script_readable(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.script_readable = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether names that tell the framework are replaced; they are by default.
    #[must_use]
    pub const fn rename(mut self, rename: bool) -> Self {
        self.rename = rename;
        self
    }

    /// Cookies to seal beside those that are known to hold a whole session.
    #[must_use]
    pub fn seal(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.seal = names.into_iter().map(Into::into).collect();
        self
    }

    /// What becomes of what does not open; it is stripped by default.
    #[must_use]
    pub const fn unsealable(mut self, unsealable: Unsealable) -> Self {
        self.unsealable = unsealable;
        self
    }

    /// Cookies that are passed as they are, both ways; a `*` at the end stands for anything.
    #[must_use]
    pub fn leave(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.leave = names.into_iter().map(Into::into).collect();
        self
    }

    /// Until when (`2027-01-31`, the end of that day in UTC) a cookie is taken under its plain name
    /// and unsealed, so that nobody is logged out when the guard is first put up.
    #[must_use]
    pub fn plain_until(mut self, day: impl Into<String>) -> Self {
        self.plain_until = Some(day.into());
        self
    }

    /// Whether answers with a session get `no-store` where the app says nothing; they do by default.
    #[must_use]
    pub const fn no_store(mut self, no_store: bool) -> Self {
        self.no_store = no_store;
        self
    }

    /// Paths at which an answer other than an error gets `Clear-Site-Data`, none by default.
    #[must_use]
    pub fn logout(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.logout = paths.into_iter().map(Into::into).collect();
        self
    }

    /// What becomes of the cookie of one name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>, rule: CookieRule) -> Self {
        self.names.insert(name.into(), rule);
        self
    }

    /// Checks everything. Values are sealed with `keys` for `site`; other names are made under
    /// `secret`, which must stay the same, or everybody is logged out.
    ///
    /// # Errors
    ///
    /// When a name, path or day is none, or a cookie is to be left and changed.
    pub fn build(
        &self,
        keys: &KeyRing,
        secret: &CounterKeys,
        site: &str,
    ) -> Result<CookieGuard, Error> {
        let plain_until = self.validate()?;
        let sealer = Sealer::new(keys, site);
        Ok(CookieGuard::new(
            self.clone(),
            plain_until,
            sealer,
            secret,
            SystemClock::new(),
        ))
    }

    /// Checks what can be checked without keys; the moment until which plain names are taken.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build).
    pub fn validate(&self) -> Result<Option<SystemTime>, Error> {
        let wrong = |key, problem, example| Error::Value {
            key,
            problem,
            example,
        };
        let lists = [
            ("cookies.script_readable", &self.script_readable),
            ("cookies.seal", &self.seal),
            ("cookies.leave", &self.leave),
        ];
        for (key, names) in lists {
            for name in names {
                let whole = if key == "cookies.seal" {
                    name
                } else {
                    name.trim_end_matches('*')
                };
                if whole.is_empty() || whole.contains(|c: char| !is_token(c)) {
                    let problem = format!("`{name}` names no cookie");
                    return Err(wrong(key, problem, "`[\"theme\", \"ab_*\"]`"));
                }
            }
        }
        for (name, rule) in &self.names {
            if name.is_empty() || name.contains(|c: char| !is_token(c)) {
                let problem = format!("`{name}` names no cookie");
                return Err(wrong(
                    "cookies.names",
                    problem,
                    "`names.theme = { http_only = false }`",
                ));
            }
            if is_listed(&self.leave, name.as_bytes()) {
                let problem = format!("`{name}` is in `leave` too, which changes nothing of it");
                return Err(wrong("cookies.names", problem, "it in one of the two"));
            }
            if *rule == CookieRule::default() {
                let problem = format!("`{name}` says nothing");
                return Err(wrong(
                    "cookies.names",
                    problem,
                    "`names.theme = { http_only = false }`",
                ));
            }
        }
        for path in &self.logout {
            if !path.starts_with('/') {
                let problem = format!("`{path}` is no path");
                return Err(wrong("cookies.logout", problem, "`[\"/logout\"]`"));
            }
        }
        let Some(day) = &self.plain_until else {
            return Ok(None);
        };
        let end = end_of_day(day).ok_or_else(|| {
            wrong(
                "cookies.plain_until",
                format!("`{day}` is no day"),
                "`\"2027-01-31\"`",
            )
        })?;
        Ok(Some(end))
    }

    /// Whether anything is done.
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) const fn sets_no_store(&self) -> bool {
        self.no_store
    }

    pub(super) const fn on_unsealable(&self) -> Unsealable {
        self.unsealable
    }

    pub(super) fn rule(&self, name: &[u8]) -> Option<&CookieRule> {
        self.names.get(std::str::from_utf8(name).ok()?)
    }

    pub(super) fn seals(&self) -> &[String] {
        &self.seal
    }

    pub(super) fn leaves(&self, name: &[u8]) -> bool {
        is_listed(&self.leave, name)
    }

    pub(super) fn is_script_readable(&self, name: &[u8]) -> bool {
        is_listed(&self.script_readable, name)
    }

    /// Whether page script is to read it, as far as is said here.
    pub(super) fn is_for_script(&self, name: &[u8]) -> bool {
        let says = self.rule(name).and_then(|rule| rule.http_only);
        says.map_or_else(|| self.is_script_readable(name), |http_only| !http_only)
    }

    /// The names that are others outside.
    pub(super) fn renamed(&self) -> Vec<String> {
        let asked = |name: &str| self.rule(name.as_bytes()).and_then(|rule| rule.rename);
        let stays = |name: &str| {
            asked(name) == Some(false)
                || self.leaves(name.as_bytes())
                || self.is_for_script(name.as_bytes())
        };
        let mut names: Vec<String> = Vec::new();
        if self.rename {
            names.extend(renamed().filter(|name| !stays(name)).map(str::to_owned));
        }
        let own = self
            .names
            .iter()
            .filter(|(_, rule)| rule.rename == Some(true));
        names.extend(own.map(|(name, _)| name.clone()));
        names
    }

    /// The names of which something is said.
    pub(super) fn names_in_it(&self) -> Vec<&str> {
        let lists = [&self.script_readable, &self.seal, &self.leave]
            .into_iter()
            .flatten();
        let all: BTreeSet<&str> = lists.chain(self.names.keys()).map(String::as_str).collect();
        all.into_iter().collect()
    }

    pub(super) fn is_logout(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.logout
            .iter()
            .any(|own| own.trim_end_matches('/') == path)
    }
}

fn is_listed(names: &[String], name: &[u8]) -> bool {
    names.iter().any(|listed| match listed.strip_suffix('*') {
        Some(start) => name.starts_with(start.as_bytes()),
        None => listed.as_bytes() == name,
    })
}

fn is_token(c: char) -> bool {
    c.is_ascii_graphic() && !"()<>@,;\\\"/[]?={}*".contains(c)
}

/// The end of a day in UTC.
fn end_of_day(day: &str) -> Option<SystemTime> {
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let place = usize::try_from(month.checked_sub(1)?).ok()?;
    if !(1970..=9999).contains(&year) || day == 0 || day > *lengths.get(place)? {
        return None;
    }
    let years = year - 1970;
    // The 29ths of February between 1970 and the year.
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let before: u64 = lengths.iter().take(place).sum();
    let days = years * 365 + leaps(year - 1) - leaps(1969) + before + day;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(days * 24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        let seconds = |day| {
            let end = end_of_day(day)?;
            Some(
                end.duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap()
                    .as_secs(),
            )
        };
        assert_eq!(seconds("1970-01-01"), Some(86_400));
        assert_eq!(seconds("2000-02-29"), Some(951_868_800));
        assert_eq!(seconds("2026-12-31"), Some(1_798_761_600));
        for none in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-00-01",
            "tomorrow",
            "2026-1-0",
        ] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }

    #[test]
    fn errors_teach() {
        let error = |text: &str| {
            let config: CookieGuardConfig = toml::from_str(text).unwrap();
            config.validate().unwrap_err().to_string()
        };
        for (text, told) in [
            (
                "leave = [\"a b\"]",
                "cookies.leave: `a b` names no cookie; write `[\"theme\"",
            ),
            ("seal = [\"a*\"]", "cookies.seal: `a*` names no cookie"),
            (
                "logout = [\"logout\"]",
                "cookies.logout: `logout` is no path; write `[\"/logout\"]`",
            ),
            (
                "plain_until = \"soon\"",
                "cookies.plain_until: `soon` is no day; write",
            ),
            ("names.a = {}", "cookies.names: `a` says nothing"),
            ("leave = [\"a\"]\nnames.a.seal = true", "is in `leave` too"),
        ] {
            let error = error(text);
            assert!(error.contains(told), "{error}");
        }
        assert!(toml::from_str::<CookieGuardConfig>("secure = false").is_err());
    }
}
