//! Whether the settings of the cookie guard make sense.

use std::time::{Duration, SystemTime};

use super::CookieGuardConfig;
use super::config::{CookieRule, is_listed};
use crate::Error;

impl CookieGuardConfig {
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
        assert_eq!(seconds("2024-02-29"), Some(1_709_251_200));
        assert_eq!(seconds("2026-12-31"), Some(1_798_761_600));
        for none in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2100-02-29",
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
            let error = config.validate().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{}: ", error.key())));
            error.to_string()
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
            (
                "names.'a b'.seal = true",
                "cookies.names: `a b` names no cookie",
            ),
            ("names.''.seal = true", "cookies.names: `` names no cookie"),
            ("leave = [\"a\"]\nnames.a.seal = true", "is in `leave` too"),
        ] {
            let error = error(text);
            assert!(error.contains(told), "{error}");
        }
        assert!(toml::from_str::<CookieGuardConfig>("secure = false").is_err());
    }
}
