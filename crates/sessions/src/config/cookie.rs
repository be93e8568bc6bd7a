//! The cookie that holds the id.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::Error;

use super::time::{some_time, written};

/// The attributes of the cookie, under express-session's own names.
///
/// ```
/// use panoply_sessions::{CookieConfig, SameSite};
/// use std::time::Duration;
///
/// let cookie = CookieConfig::new()
///     .same_site(SameSite::Strict)
///     .max_age(Duration::from_secs(7 * 86_400));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CookieConfig {
    #[serde(alias = "httpOnly")]
    http_only: bool,
    secure: Secure,
    #[serde(alias = "sameSite")]
    same_site: SameSite,
    path: String,
    domain: Option<String>,
    #[serde(alias = "maxAge", deserialize_with = "some_time")]
    max_age: Option<Duration>,
    partitioned: bool,
    priority: Option<Priority>,
}

/// Whether the cookie goes over HTTPS only (RFC 6265bis §4.1.2.5).
///
/// In a file: `true`, `false` or `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Secure {
    /// Always; a request over plain HTTP is given no cookie, and the log says so. The default.
    #[default]
    Always,
    /// Where the request came over HTTPS. The name may then not begin with `__Host-` or
    /// `__Secure-`, and whoever listens to plain HTTP has the session.
    DangerAuto,
    /// Nowhere.
    DangerNever,
}

/// With which requests from other sites the cookie is sent (RFC 6265bis §4.1.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SameSite {
    /// With links to this site, not with its parts that others embed or post to; the default.
    #[default]
    Lax,
    /// With none: who follows a link from elsewhere comes without a session.
    Strict,
    /// With all. Needs `secure`.
    None,
    /// Says nothing, as express-session does: browsers take it for `Lax`, Chromium for `None` in the
    /// cookie's first two minutes.
    #[serde(skip)]
    DangerAbsent,
}

/// What a browser keeps when there is no room for all cookies (Chromium only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Priority {
    /// Dropped first.
    Low,
    /// As a cookie that says nothing.
    Medium,
    /// Dropped last.
    High,
}

impl<'de> Deserialize<'de> for Secure {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "true, false or \"auto\"")]
        enum Written {
            Flag(bool),
            Word(String),
        }

        match Written::deserialize(from)? {
            Written::Flag(true) => Ok(Self::Always),
            Written::Flag(false) => Ok(Self::DangerNever),
            Written::Word(word) if word == "auto" => Ok(Self::DangerAuto),
            Written::Word(word) => Err(de::Error::invalid_value(
                de::Unexpected::Str(&word),
                &"true, false or \"auto\"",
            )),
        }
    }
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            http_only: true,
            secure: Secure::default(),
            same_site: SameSite::default(),
            path: "/".to_owned(),
            domain: None,
            max_age: None,
            partitioned: false,
            priority: None,
        }
    }
}

impl CookieConfig {
    /// The longest `max_age` that a browser keeps to: 400 days (RFC 6265bis §5.5).
    pub const MOST_MAX_AGE: Duration = Duration::from_hours(400 * 24);

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets page script read the cookie when false; true by default.
    #[must_use]
    pub const fn danger_http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Whether it goes over HTTPS only; always by default.
    #[must_use]
    pub const fn secure(mut self, secure: Secure) -> Self {
        self.secure = secure;
        self
    }

    /// With which requests from other sites it is sent; `Lax` by default.
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Below which path it is sent; `/` by default, and always with a `__Host-` name.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// To which domain and all below it is sent; by default to the very host. Not with a `__Host-`
    /// name.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// How long the browser keeps it; by default until it is closed. Unless `idle` is set, a
    /// session then lasts as long without a request.
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Keeps a jar for each site in which this one is embedded (CHIPS). Needs `secure`.
    #[must_use]
    pub const fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// What the browser keeps when there is no room for all.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// As express-session has it where nothing is said: over plain HTTP too, without `SameSite`. For
    /// sessions that are [shared](crate::SessionConfig::build_express) with an app.
    pub fn express() -> Self {
        Self {
            secure: Secure::DangerNever,
            same_site: SameSite::DangerAbsent,
            ..Self::default()
        }
    }

    pub(crate) const fn is_http_only(&self) -> bool {
        self.http_only
    }

    pub(crate) const fn is_partitioned(&self) -> bool {
        self.partitioned
    }

    pub(crate) const fn the_priority(&self) -> Option<Priority> {
        self.priority
    }

    pub(crate) const fn the_same_site(&self) -> SameSite {
        self.same_site
    }

    pub(crate) fn the_path(&self) -> &str {
        &self.path
    }

    pub(crate) fn the_domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Whether a client that came by `https` or not is to send it by HTTPS only; nothing where it is
    /// not said.
    pub(crate) const fn secure_over(&self, https: bool) -> Option<bool> {
        match self.secure {
            Secure::Always => Some(true),
            Secure::DangerAuto => Some(https),
            Secure::DangerNever => None,
        }
    }

    pub(crate) const fn longest(&self) -> Option<Duration> {
        self.max_age
    }

    pub(super) const fn is_always_secure(&self) -> bool {
        matches!(self.secure, Secure::Always)
    }

    /// The cookie, checked, under this name.
    pub(crate) fn check(self, name: String) -> Result<Cookie, Error> {
        let wrong = |key, problem: String, example| {
            Err(Error::Value {
                key,
                problem,
                example,
            })
        };
        if name.is_empty() || name.len() > 128 || !name.bytes().all(is_token) {
            let problem = format!("is {name:?}, which can be no cookie's name");
            return wrong("name", problem, "letters, digits, `-`, `_` and `.`");
        }
        let attribute = |text: &str| {
            text.len() <= 1024
                && text
                    .bytes()
                    .all(|byte| matches!(byte, 0x20..=0x7e) && byte != b';')
        };
        if !self.path.starts_with('/') || !attribute(&self.path) {
            let problem = format!("is {:?}, which is no path", self.path);
            return wrong(
                "cookie.path",
                problem,
                "a path from the root, such as \"/app\"",
            );
        }
        if let Some(domain) = &self.domain {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            if domain.is_empty() || !domain.bytes().all(letter) || !attribute(domain) {
                let problem = format!("is {domain:?}, which is no domain");
                return wrong("cookie.domain", problem, "a domain such as \"example.com\"");
            }
        }
        let starts = |prefix: &str| {
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let always = self.is_always_secure();
        if starts("__Host-") && (self.domain.is_some() || self.path != "/" || !always) {
            let problem = format!(
                "is \"{name}\", which browsers accept with `cookie.secure`, without `cookie.domain` and with the path \"/\" only"
            );
            return wrong("name", problem, "a name without the prefix, such as \"id\"");
        }
        if starts("__Secure-") && !always {
            let problem = format!("is \"{name}\", which browsers accept with `cookie.secure` only");
            return wrong("name", problem, "a name without the prefix, such as \"id\"");
        }
        if self.same_site == SameSite::None && !always {
            let problem = "is \"none\", which browsers accept with `cookie.secure` only".to_owned();
            return wrong("cookie.same_site", problem, "\"lax\" or \"strict\"");
        }
        if self.partitioned && !always {
            let problem = "is set, which browsers accept with `cookie.secure` only".to_owned();
            return wrong("cookie.partitioned", problem, "`secure = true` beside it");
        }
        let kept = Duration::from_secs(1)..=Self::MOST_MAX_AGE;
        if let Some(max_age) = self.max_age.filter(|max_age| !kept.contains(max_age)) {
            let problem = format!(
                "is {}, and browsers keep a cookie between a second and 400 days",
                written(max_age)
            );
            return wrong("cookie.max_age", problem, "a time such as \"30d\"");
        }
        Ok(self.rendered(name))
    }

    fn rendered(self, name: String) -> Cookie {
        let mut attributes = String::new();
        if let Some(domain) = &self.domain {
            attributes.push_str("; Domain=");
            attributes.push_str(domain);
        }
        attributes.push_str("; Path=");
        attributes.push_str(&self.path);
        let mut flags = String::new();
        if self.http_only {
            flags.push_str("; HttpOnly");
        }
        if self.partitioned {
            flags.push_str("; Partitioned");
        }
        flags.push_str(match self.priority {
            None => "",
            Some(Priority::Low) => "; Priority=Low",
            Some(Priority::Medium) => "; Priority=Medium",
            Some(Priority::High) => "; Priority=High",
        });
        flags.push_str(match self.same_site {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::Strict => "; SameSite=Strict",
            SameSite::None => "; SameSite=None",
            SameSite::DangerAbsent => "",
        });
        Cookie {
            name,
            attributes,
            flags,
            secure: self.secure,
            max_age: self.max_age,
        }
    }
}

/// The cookie, checked and rendered as far as it can be.
#[derive(Debug)]
pub(crate) struct Cookie {
    name: String,
    attributes: String,
    flags: String,
    secure: Secure,
    max_age: Option<Duration>,
}

impl Cookie {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it goes over HTTPS only.
    pub(crate) const fn is_always_secure(&self) -> bool {
        matches!(self.secure, Secure::Always)
    }

    pub(crate) const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// The `Set-Cookie` line for `value`, to be kept for `max_age`.
    pub(crate) fn line(&self, value: &str, max_age: Option<Duration>, https: bool) -> String {
        let max_age = max_age.map(|time| format!("; Max-Age={}", time.as_secs()));
        self.put_together(value, &max_age.unwrap_or_default(), https)
    }

    /// The line by which a browser drops the cookie.
    pub(crate) fn deletion(&self, https: bool) -> String {
        let over = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        self.put_together("", over, https)
    }

    fn put_together(&self, value: &str, time: &str, https: bool) -> String {
        let secure = match self.secure {
            Secure::Always => true,
            Secure::DangerAuto => https,
            Secure::DangerNever => false,
        };
        let secure = if secure { "; Secure" } else { "" };
        let Self {
            name,
            attributes,
            flags,
            ..
        } = self;
        format!("{name}={value}{attributes}{time}{secure}{flags}")
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
