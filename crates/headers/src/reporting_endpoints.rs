//! `Reporting-Endpoints`: where browsers send reports, by name.
//!
//! Reporting API (W3C) §3.2. The application's endpoints stay; those of ours that it does not name
//! are added.

use std::fmt;

use http::HeaderValue;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::Error;
use crate::error::{check_characters, printable};

/// Endpoints by name.
///
/// ```
/// use panoply_headers::ReportingEndpoints;
///
/// let endpoints = ReportingEndpoints::new().endpoint("main", "https://reports.example/")?;
/// assert_eq!(endpoints.to_string(), "main=\"https://reports.example/\"");
/// # Ok::<(), panoply_headers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportingEndpoints(Vec<(Box<str>, Box<str>)>);

impl ReportingEndpoints {
    /// No endpoints.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an endpoint: a path of this site, or an `https` URL.
    ///
    /// # Errors
    ///
    /// When the name is no key of a structured field (lower-case letters, digits, `_-.*`), or the
    /// URL is none.
    pub fn endpoint(mut self, name: &str, url: &str) -> Result<Self, Error> {
        let key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(&b);
        if !name.starts_with(|c: char| c.is_ascii_lowercase() || c == '*') || !name.bytes().all(key)
        {
            return Err(Error::source(
                format!("`{}` cannot name an endpoint", printable(name)),
                "begin with a lower-case letter, then letters, digits, `_`, `-`, `.` or `*`",
            ));
        }
        check_characters(url, &['"', '\\', ' ']).map_err(|error| error.at(name))?;
        let path = url.starts_with('/') && !url.starts_with("//");
        let secure = url
            .strip_prefix("https://")
            .is_some_and(|host| !host.is_empty());
        if !path && !secure {
            let error = Error::source(
                format!("browsers send no reports to `{}`", printable(url)),
                "write a path such as `/reports`, or an `https` URL",
            );
            return Err(error.at(name));
        }
        self.0.retain(|(one, _)| **one != *name);
        self.0.push((name.into(), url.into()));
        Ok(self)
    }

    pub(crate) fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(one, _)| **one == *name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn value(&self) -> Result<HeaderValue, Error> {
        let value = HeaderValue::try_from(self.to_string());
        value.map_err(|_| Error::form("a header value", "something else"))
    }

    /// Those that the application's own header does not name.
    pub(crate) fn besides<'a>(
        &self,
        app: impl Iterator<Item = &'a HeaderValue>,
    ) -> Option<HeaderValue> {
        let app: Vec<_> = app.filter_map(|value| value.to_str().ok()).collect();
        let said = |name: &str| {
            let members = app.iter().flat_map(|value| value.split(','));
            let mut names = members.filter_map(|member| member.split('=').next());
            names.any(|one| one.trim() == name)
        };
        let rest = self.0.iter().filter(|(name, _)| !said(name)).cloned();
        let rest = Self(rest.collect());
        (!rest.is_empty()).then(|| rest.value().ok()).flatten()
    }
}

impl fmt::Display for ReportingEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, url)) in self.0.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{name}=\"{url}\"")?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ReportingEndpoints {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct EndpointsVisitor;

        impl<'de> Visitor<'de> for EndpointsVisitor {
            type Value = ReportingEndpoints;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of endpoints, such as { main = \"/reports\" }")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<ReportingEndpoints, A::Error> {
                let mut endpoints = ReportingEndpoints::new();
                while let Some((name, url)) = map.next_entry::<String, String>()? {
                    endpoints = endpoints.endpoint(&name, &url).map_err(de::Error::custom)?;
                }
                Ok(endpoints)
            }
        }

        from.deserialize_map(EndpointsVisitor)
    }
}
