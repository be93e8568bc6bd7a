//! `cookie/*` and `session/default-name`: every line that sets a cookie.

use panoply_cookies::{Prefix, SameSite, SetCookie};
use panoply_guard::{Kind, kind_of};

use super::super::client::Answer;
use super::super::domain::registered;
use super::super::jar::is_gone;
use super::super::scene::Scene;
use super::place;
use crate::finding::{Confidence, Finding};
use crate::report::Report;
use crate::rule::{Rule, Severity};
use crate::rules::cookie::{BROAD_DOMAIN, NO_HTTP_ONLY, NO_SAME_SITE, NO_SECURE, RELATIVE_PATH};
use crate::rules::session::DEFAULT_NAME;

/// How much hangs on a cookie, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// Nothing that is known.
    Unknown,
    /// A token that page script has to read.
    Token,
    /// A session, by the sound of it.
    Sounds,
    /// A session of a stack that is known.
    Session,
}

/// A cookie that an answer sets.
struct Seen<'a> {
    answer: &'a Answer,
    line: &'a [u8],
    cookie: SetCookie<'a>,
    name: String,
    worth: Worth,
}

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    let mut names: Vec<String> = Vec::new();
    for answer in scene.answers() {
        for value in answer.headers.get_all(http::header::SET_COOKIE) {
            let line = value.as_bytes();
            let Some(cookie) = SetCookie::parse(line).filter(|_| !is_gone(line)) else {
                continue;
            };
            let name = String::from_utf8_lossy(cookie.name()).into_owned();
            // Each page sets the same ones again.
            if names.contains(&name) {
                continue;
            }
            names.push(name.clone());
            let worth = worth(&name);
            Seen {
                answer,
                line,
                cookie,
                name,
                worth,
            }
            .check(report);
        }
    }
}

fn worth(name: &str) -> Worth {
    // What browsers hold to is no part of the name.
    let bare = ["__Host-", "__Secure-"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    let bare = bare.unwrap_or(name);
    let kind = kind_of(name.as_bytes()).or_else(|| kind_of(bare.as_bytes()));
    match kind {
        Some(Kind::Session | Kind::Auth | Kind::Remember) => return Worth::Session,
        Some(Kind::ScriptToken) => return Worth::Token,
        Some(Kind::Balancer) => return Worth::Unknown,
        _ => {}
    }
    let lower = bare.to_ascii_lowercase();
    if lower.contains("csrf") || lower.contains("xsrf") {
        return Worth::Token;
    }
    let part = ["sess", "auth", "login", "jwt", "remember"]
        .iter()
        .any(|part| lower.contains(part));
    let word = { lower.split(['-', '_', '.']) }.any(|word| matches!(word, "sid" | "token" | "id"));
    if part || (word && !lower.contains("client") && !lower.contains("visitor")) {
        Worth::Sounds
    } else {
        Worth::Unknown
    }
}

impl Seen<'_> {
    fn check(&self, report: &mut Report) {
        self.secure(report);
        self.http_only(report);
        self.same_site(report);
        self.path(report);
        self.domain(report);
        if self.name == "connect.sid" {
            let message = "the session cookie is called `connect.sid`, as express-session calls it";
            report.push(self.finding(&DEFAULT_NAME, message));
        }
    }

    fn finding(&self, rule: &'static Rule, message: impl Into<String>) -> Finding {
        Finding::new(rule, place(self.answer), message)
    }

    /// The same with a severity by how much hangs on it, and a confidence by how sure that is.
    fn weighed(&self, rule: &'static Rule, message: String) -> Finding {
        let finding = self.finding(rule, message);
        match self.worth {
            Worth::Session => finding,
            Worth::Sounds => finding.confidence(Confidence::Likely),
            Worth::Token | Worth::Unknown => finding.severity(Severity::Low),
        }
    }

    fn secure(&self, report: &mut Report) {
        if self.cookie.is_secure() {
            return;
        }
        let name = &self.name;
        if self.cookie.prefix().is_some() {
            let message = format!(
                "`{name}` has no `Secure`, without which browsers throw away what begins so"
            );
            report.push(self.finding(&NO_SECURE, message));
        } else if self.cookie.same_site_mode() == Some(SameSite::None) {
            let message = format!(
                "`{name}` has `SameSite=None` without `Secure`, and browsers throw it away"
            );
            report.push(self.finding(&NO_SECURE, message).severity(Severity::Medium));
        } else {
            let message = format!("`{name}` is set without `Secure`");
            report.push(self.weighed(&NO_SECURE, message));
        }
    }

    fn http_only(&self, report: &mut Report) {
        if self.worth >= Worth::Sounds && !self.cookie.is_http_only() {
            let message = format!(
                "`{}` is set without `HttpOnly`: page script can read it",
                self.name
            );
            report.push(self.weighed(&NO_HTTP_ONLY, message));
        }
    }

    fn same_site(&self, report: &mut Report) {
        let name = &self.name;
        let written = attribute(self.line, "samesite");
        match self.cookie.same_site_mode() {
            Some(SameSite::None) if self.worth >= Worth::Sounds => {
                let message = format!(
                    "`{name}` has `SameSite=None`: it is sent with whatever other sites cause"
                );
                report.push(self.weighed(&NO_SAME_SITE, message));
            }
            Some(_) => {}
            None => {
                let message = match written {
                    Some(word) => format!(
                        "`{name}` has `SameSite={word}`, which no browser knows: `Strict`, `Lax` and `None` are"
                    ),
                    None => format!("`{name}` is set without `SameSite`"),
                };
                report.push(self.weighed(&NO_SAME_SITE, message));
            }
        }
    }

    fn path(&self, report: &mut Report) {
        let name = &self.name;
        let path = attribute(self.line, "path").unwrap_or_default();
        if self.cookie.prefix() == Some(Prefix::Host) && path != "/" {
            let message = format!(
                "`{name}` has no `Path=/`, without which browsers throw away what begins with `__Host-`"
            );
            report.push(self.finding(&RELATIVE_PATH, message).help("`Path=/`"));
        } else if !path.is_empty() && !path.starts_with('/') {
            let message = format!(
                "`{name}` has `Path={path}`, which browsers ignore: it does not begin with `/`"
            );
            report.push(self.finding(&RELATIVE_PATH, message));
        }
    }

    fn domain(&self, report: &mut Report) {
        let Some(domain) = self.cookie.domain_attribute() else {
            return;
        };
        let name = &self.name;
        let written = String::from_utf8_lossy(domain).into_owned();
        let domain = written.trim_start_matches('.').to_ascii_lowercase();
        let host = self.answer.url.host_str().unwrap_or_default();
        let below = host
            .strip_suffix(&*domain)
            .is_some_and(|rest| rest.ends_with('.'));
        if self.cookie.prefix() == Some(Prefix::Host) {
            let message = format!(
                "`{name}` has `Domain={written}`, with which browsers throw away what begins with `__Host-`"
            );
            report.push(self.finding(&BROAD_DOMAIN, message));
        } else if domain != host && !below {
            let message = format!(
                "`{name}` has `Domain={written}`, which is not of {host}: browsers throw it away"
            );
            report.push(self.finding(&BROAD_DOMAIN, message));
        } else if below && registered(&domain).is_none() && registered(host).is_some() {
            let message = format!(
                "`{name}` has `Domain={written}`, below which anybody has names: browsers throw it away"
            );
            report.push(self.finding(&BROAD_DOMAIN, message));
        } else if self.worth >= Worth::Sounds {
            let message =
                format!("`{name}` has `Domain={written}`: every host below {domain} gets it");
            report.push(self.finding(&BROAD_DOMAIN, message));
        } else if below {
            let message =
                format!("`{name}` has `Domain={written}`: every host below {domain} gets it");
            report.push(
                self.finding(&BROAD_DOMAIN, message)
                    .severity(Severity::Info),
            );
        }
    }
}

/// An attribute as it is written; of several the last, as in browsers.
fn attribute(line: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(line).into_owned();
    let (_, attributes) = text.split_once(';')?;
    attributes.rsplit(';').find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_cookie_is_worth() {
        for (name, expected) in [
            ("connect.sid", Worth::Session),
            ("__Host-connect.sid", Worth::Session),
            ("PHPSESSID", Worth::Session),
            ("my_session", Worth::Session),
            ("user-auth", Worth::Sounds),
            ("sid", Worth::Sounds),
            ("access_token", Worth::Sounds),
            ("XSRF-TOKEN", Worth::Token),
            ("my-csrf", Worth::Token),
            ("theme", Worth::Unknown),
            ("grid", Worth::Unknown),
            ("AWSALB", Worth::Unknown),
            ("client_id", Worth::Unknown),
        ] {
            assert_eq!(worth(name), expected, "{name}");
        }
    }

    #[test]
    fn the_last_attribute_counts() {
        let line = b"path=/x; Path=a; PATH = /b ; samesite";
        assert_eq!(attribute(line, "path").as_deref(), Some("/b"));
        assert_eq!(attribute(line, "samesite").as_deref(), Some(""));
        assert_eq!(attribute(line, "domain"), None);
    }
}
