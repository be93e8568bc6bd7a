//! Settings of the cross-site guard.

use http::Uri;
use panoply_core::SiteOrigin;
use panoply_core::spelling::{is_path, sent};
use serde::Deserialize;

use super::guard::{CrossSiteGuard, is_odd};
use crate::Error;

/// Which requests that another site causes are let through.
///
/// ```
/// use panoply_guard::CrossSiteConfig;
///
/// let config: CrossSiteConfig = toml::from_str(r#"
///     paths   = ["/webhooks/"]
///     origins = ["https://checkout.example"]
/// "#)?;
/// let guard = config.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CrossSiteConfig {
    enabled: bool,
    paths: Vec<String>,
    origins: Vec<String>,
    without_cookie: bool,
}

impl Default for CrossSiteConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            paths: Vec::new(),
            origins: Vec::new(),
            without_cookie: false,
        }
    }
}

impl CrossSiteConfig {
    /// Requests that carry a cookie, credentials that browsers keep (`Basic` and the like) or a client's
    /// certificate are looked at, with no exceptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether anything is refused.
    #[must_use]
    pub const fn danger_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Paths at which every site may cause requests: one alone, or with a slash at its end all that
    /// lies below.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Origins that may cause requests, such as `https://checkout.example`.
    #[must_use]
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Whether requests are looked at that carry none of these, such as a login that another site sends;
    /// they are not by default, since to an open API every site may speak.
    #[must_use]
    pub const fn without_cookie(mut self, without_cookie: bool) -> Self {
        self.without_cookie = without_cookie;
        self
    }

    /// Whether anything is refused.
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// When a path or an origin is none.
    pub fn build(&self) -> Result<CrossSiteGuard, Error> {
        for path in &self.paths {
            if !is_path(path) || is_odd(&sent(path)) {
                let problem = if is_path(path) {
                    "may be read as another path, so no request is taken to ask for it"
                } else {
                    "is no path"
                };
                return Err(Error::Value {
                    key: "cross_site.paths",
                    problem: format!("`{path}` {problem}"),
                    example: "paths such as `[\"/webhooks/\", \"/caf\u{e9}/pay\"]`: one alone, or with a slash at its end \
                              all that lies below it",
                });
            }
            if path == "/" {
                return Err(Error::Value {
                    key: "cross_site.paths",
                    problem: "`/` is every path, which leaves nothing to guard".to_owned(),
                    example: "the paths that partners call, or `enabled = false`",
                });
            }
        }
        let sources = { self.origins.iter() }.map(|origin| {
            SiteOrigin::parse(origin).ok_or_else(|| Error::Value {
                key: "cross_site.origins",
                problem: format!("`{origin}` is no origin{}", hint(origin)),
                example: "`[\"https://checkout.example\"]`: scheme, host, and the port if it is \
                          another than the usual",
            })
        });
        let sources: Result<Vec<SiteOrigin>, Error> = sources.collect();
        Ok(CrossSiteGuard::new(
            self.enabled,
            self.paths
                .iter()
                .map(|path| sent(path).into_owned())
                .collect(),
            sources?,
            self.without_cookie,
        ))
    }
}

fn hint(origin: &str) -> &'static str {
    let uri = origin.parse::<Uri>().ok();
    let has_path = { uri.as_ref() }.is_some_and(|uri| uri.scheme().is_some() && uri.path() != "/");
    if origin.contains('*') {
        ": each is named by itself"
    } else if has_path || origin.ends_with('/') {
        ": it has no path"
    } else if !origin.contains("://") {
        ": its scheme is missing"
    } else {
        ""
    }
}
