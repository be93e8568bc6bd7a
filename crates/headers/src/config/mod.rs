//! What is said of headers, before it is checked.

use crate::removal::OWASP;
use crate::setting::{Setting, Settings, Value};
use crate::{
    CacheControl, ClearSiteData, CrossOriginEmbedderPolicy, CrossOriginOpenerPolicy,
    CrossOriginResourcePolicy, CspConfig, Error, Header, Headers, HstsConfig, IntegrityPolicy,
    OriginAgentCluster, PermissionsPolicy, Preset, PublicKeyPinsConfig, ReferrerPolicy,
    ReportingEndpoints, XDnsPrefetchControl, XFrameOptions, XPermittedCrossDomainPolicies,
    XXssProtection,
};

mod read;
mod setters;

use crate::keyword::keywords;
use setters::policy_setters;

keywords! {
    /// Which of two holds when the application has set a header itself. Default: the stricter.
    #[derive(Default)]
    pub enum Override, "a rule for what the application sets" {
        /// The stricter of the application's and ours; each header's module says which that is.
        #[default]
        Stricter = "stricter",
        /// Ours, as with Helmet.
        Always = "always",
    }
}

/// The table `[headers]`: a preset and what is different from it.
///
/// ```
/// use panoply_headers::{Directive, HeadersConfig, Preset, XFrameOptions};
///
/// let headers = HeadersConfig::new(Preset::Helmet)
///     .csp(|policy| policy.append(Directive::ScriptSrc, "https://js.stripe.com"))
///     .path("/embed", |embed| {
///         embed
///             .without(panoply_headers::Header::XFrameOptions)
///             .csp(|policy| policy.replace(Directive::FrameAncestors, "https://partner.example"))
///     })
///     .build()?;
/// assert!(headers.weakenings().iter().any(|one| one.key == "path.0.x-frame-options"));
/// # Ok::<(), panoply_headers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeadersConfig {
    pub(crate) preset: Preset,
    pub(crate) over: Override,
    pub(crate) settings: Settings,
    pub(crate) paths: Vec<(String, Settings)>,
    /// What is different under some names.
    pub(crate) domains: Vec<(Vec<String>, Settings)>,
    pub(crate) stripped: Stripped,
    pub(crate) remove: Vec<String>,
    pub(crate) keep: Vec<String>,
    pub(crate) clear_site_data_on: Vec<String>,
    pub(crate) clear_site_data: Option<Vec<ClearSiteData>>,
    pub(crate) no_store_with_cookie: Option<bool>,
    pub(crate) nonce_placeholder: Option<String>,
    pub(crate) reports_to: Option<String>,
}

/// The list of leaking headers to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stripped {
    #[default]
    Owasp,
    PoweredBy,
    Nothing,
}

impl Stripped {
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Owasp => OWASP,
            Self::PoweredBy => &["x-powered-by"],
            Self::Nothing => &[],
        }
    }
}

/// What is different for the paths below a prefix, or under some names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathConfig {
    settings: Settings,
}

impl HeadersConfig {
    /// Begins with a preset.
    pub fn new(preset: Preset) -> Self {
        Self {
            preset,
            ..Self::default()
        }
    }

    /// Takes an options object of Helmet 8 as it stands in an Express app.
    ///
    /// What Helmet answers is answered, except that the value the application has set itself stays
    /// when it is stricter; [`override_app`](Self::override_app) changes that. Only `X-Powered-By`
    /// is taken off, as Helmet does. Directives and sources that browsers ignore are taken too, and
    /// [`Headers::weakenings`] lists them.
    ///
    /// ```
    /// use panoply_headers::HeadersConfig;
    ///
    /// let options = serde_json::json!({ "frameguard": { "action": "deny" }, "hsts": false });
    /// let headers = HeadersConfig::from_helmet(&options)?.build()?;
    /// assert!(headers.describe().iter().any(|one| one.value == "DENY"));
    /// # Ok::<(), panoply_headers::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What Helmet refuses, options that it does not know and would ignore, and values that cannot
    /// be sent. The key begins with `helmet`.
    pub fn from_helmet(options: &serde_json::Value) -> Result<Self, Error> {
        crate::helmet::read(options).map_err(|error| error.at("helmet"))
    }

    /// Takes one middleware of Helmet 3 with its options, such as `noCache` or `hpkp`, and sends
    /// nothing else. Without options: `serde_json::Value::Null`.
    ///
    /// # Errors
    ///
    /// What Helmet 3 refuses, middlewares that set headers which browsers no longer know at all
    /// (`expectCt`, `featurePolicy`), and `hidePoweredBy` with `setTo`: the header is taken off, not
    /// made up.
    pub fn from_helmet3(middleware: &str, options: &serde_json::Value) -> Result<Self, Error> {
        crate::helmet::legacy::read(middleware, options)
            .map_err(|error| error.at(middleware).at("helmet"))
    }

    /// Says which holds when the application has set a header itself.
    #[must_use]
    pub fn override_app(mut self, rule: Override) -> Self {
        self.over = rule;
        self
    }

    /// What is different for `prefix` and the paths below it: `/embed` is for `/embed` and
    /// `/embed/a`, not for `/embedded`. The longest prefix that fits is followed.
    ///
    /// A path that an application could read as one below the prefix, because of its case or because
    /// `..`, `//`, `;`, a backslash, or an encoded slash or dot is in it, gets the site's own
    /// headers, and those of the prefix where they are stricter.
    #[must_use]
    pub fn path(mut self, prefix: &str, change: impl FnOnce(PathConfig) -> PathConfig) -> Self {
        let path = change(PathConfig::default());
        self.paths.push((prefix.to_owned(), path.settings));
        self
    }

    /// What is different under these names of the site, such as `docs.shop.example` or `*.shop.example`: of an
    /// application that has a name of its own. What is different below a path is so under these names, too. A name
    /// itself says more than a wildcard.
    ///
    /// ```
    /// use panoply_headers::{Directive, Headers};
    ///
    /// let headers = Headers::helmet().domain(["docs.shop.example"], |docs| {
    ///     docs.csp(|policy| policy.append(Directive::ScriptSrc, "https://search.example"))
    /// });
    /// let headers = headers.build()?;
    /// assert_eq!(headers.describe_domains()[0].0, ["docs.shop.example"]);
    /// # Ok::<(), panoply_headers::Error>(())
    /// ```
    #[must_use]
    pub fn domain<T: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = T>,
        change: impl FnOnce(PathConfig) -> PathConfig,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        let domain = change(PathConfig::default());
        self.domains.push((names, domain.settings));
        self
    }

    /// The names under which something is different, a list for each table.
    pub fn domain_names(&self) -> impl Iterator<Item = &[String]> {
        self.domains.iter().map(|(names, _)| &**names)
    }

    /// Takes these headers of the application's off too.
    #[must_use]
    pub fn remove<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.remove.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// Leaves these headers of the application's on, although they are on the list.
    #[must_use]
    pub fn keep<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.keep.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// Sends `Clear-Site-Data` with answers from this path that are no errors.
    #[must_use]
    pub fn clear_site_data_on(mut self, path: &str) -> Self {
        self.clear_site_data_on.push(path.to_owned());
        self
    }

    /// What is cleared there: cookies and storage by default.
    #[must_use]
    pub fn clear_site_data(mut self, kinds: &[ClearSiteData]) -> Self {
        self.clear_site_data = Some(kinds.to_vec());
        self
    }

    /// Whether `Cache-Control: no-store` goes on answers to requests with `Cookie` or
    /// `Authorization` when the application has said nothing of caching. On in `strict` and `api`.
    #[must_use]
    pub fn no_store_with_cookie(mut self, on: bool) -> Self {
        self.no_store_with_cookie = Some(on);
        self
    }

    /// What the application writes where the nonce belongs; the gateway puts the nonce there. It has
    /// 24 characters of `A-Za-z0-9_-`, so that lengths stay as they are, and should be random, so
    /// that nobody else writes it by chance.
    #[must_use]
    pub fn nonce_placeholder(mut self, placeholder: &str) -> Self {
        self.nonce_placeholder = Some(placeholder.to_owned());
        self
    }

    /// Has violations reported to `path`, unless the policy says already where to report.
    #[must_use]
    pub fn reports_to(mut self, path: &str) -> Self {
        self.reports_to = Some(path.to_owned());
        self
    }

    /// Checks everything and renders it once.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its key.
    pub fn build(&self) -> Result<Headers, Error> {
        Headers::new(self)
    }

    policy_setters!();
}

impl PathConfig {
    policy_setters!();
}

#[cfg(test)]
mod tests;
