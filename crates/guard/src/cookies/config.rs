//! Settings of the cookie guard.

use std::collections::{BTreeMap, BTreeSet};

use panoply_cookies::KeyRing;
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
    pub(super) script_readable: Vec<String>,
    rename: bool,
    pub(super) seal: Vec<String>,
    unsealable: Unsealable,
    pub(super) leave: Vec<String>,
    pub(super) plain_until: Option<String>,
    no_store: bool,
    pub(super) logout: Vec<String>,
    pub(super) names: BTreeMap<String, CookieRule>,
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
    /// The request is refused with 400, and the client told to clear its cookies.
    Block,
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
        let clock = SystemClock::new();
        Ok(CookieGuard::new(
            self.clone(),
            plain_until,
            keys,
            site,
            secret,
            clock,
        ))
    }

    /// Whether anything is done.
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What is weaker than by default, by its key, and why it is.
    pub fn weakenings(&self) -> Vec<(&'static str, &'static str)> {
        if !self.enabled {
            let why = "the app's cookies go out as they are, without `Secure` or `SameSite` too";
            return vec![("enabled", why)];
        }
        let mut found = Vec::new();
        if !self.rename {
            found.push(("rename", "the names of cookies tell the framework"));
        }
        if self.unsealable == Unsealable::Pass {
            found.push(("unsealable", "the app takes values that were never sealed"));
        }
        if self.plain_until.is_some() {
            let why = "until that day the app takes cookies that a neighbouring host can plant";
            found.push(("plain_until", why));
        }
        if !self.no_store {
            let why = "shared caches and the back button may keep the pages of a session";
            found.push(("no_store", why));
        }
        found
    }

    pub(super) const fn sets_no_store(&self) -> bool {
        self.no_store
    }

    pub(super) const fn on_unsealable(&self) -> Unsealable {
        self.unsealable
    }

    pub(super) fn rule(&self, name: &[u8]) -> Option<&CookieRule> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(std::str::from_utf8(name).ok()?)
    }

    pub(super) fn seals(&self) -> &[String] {
        &self.seal
    }

    /// The names whose values somebody has asked to be sealed.
    pub(super) fn sealed_names(&self) -> impl Iterator<Item = &str> {
        let by_rule = self
            .names
            .iter()
            .filter(|(_, rule)| rule.seal == Some(true));
        let by_rule = by_rule.map(|(name, _)| name);
        self.seal.iter().chain(by_rule).map(String::as_str)
    }

    /// Whether there is any such name.
    pub(super) fn seals_any(&self) -> bool {
        self.sealed_names().next().is_some()
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

pub(super) fn is_listed(names: &[String], name: &[u8]) -> bool {
    names.iter().any(|listed| match listed.strip_suffix('*') {
        Some(start) => name.starts_with(start.as_bytes()),
        None => listed.as_bytes() == name,
    })
}
