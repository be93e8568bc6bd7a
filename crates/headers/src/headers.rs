//! A checked configuration of headers.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use panoply_core::Nonce;

use crate::content_security_policy::Name;
use crate::error::check_characters;
use crate::removal::Removal;
use crate::render::Rendered;
use crate::scope::Prefix;
use crate::setting::{Checked, Resolved, Value};
use crate::weakening::weakenings;
use crate::{
    ClearSiteData, Directive, Error, Header, HeadersConfig, HeadersLayer, Override, Preset,
    ReportingEndpoints, Source, Weakening,
};

/// Headers that have been checked and rendered: what a [`HeadersLayer`] sends. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Headers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rendered: Arc<Rendered>,
    in_force: Vec<HeaderInForce>,
    weakenings: Vec<Weakening>,
    nonce_placeholder: Option<Box<str>>,
}

/// One header as it is sent over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderInForce {
    /// The prefix of the paths with which it is sent; `/` is the site.
    pub path: String,
    /// The header's name.
    pub name: HeaderName,
    /// Its value; `'nonce'` stands for the nonce of the request.
    pub value: String,
}

impl fmt::Display for HeaderInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.path, self.name, self.value)
    }
}

impl Headers {
    /// Begins with the preset `helmet`.
    pub fn helmet() -> HeadersConfig {
        HeadersConfig::new(Preset::Helmet)
    }

    /// Begins with the preset `strict`, for applications that write our nonce into their scripts.
    pub fn strict() -> HeadersConfig {
        HeadersConfig::new(Preset::Strict)
    }

    /// Begins with the preset `api`, for answers that no browser shows as a page.
    pub fn api() -> HeadersConfig {
        HeadersConfig::new(Preset::Api)
    }

    /// Begins with the preset `legacy`, what Helmet 3 sent besides.
    pub fn legacy() -> HeadersConfig {
        HeadersConfig::new(Preset::Legacy)
    }

    pub(crate) fn new(config: &HeadersConfig) -> Result<Self, Error> {
        let preset = config.preset.resolved();
        let mut site = config.settings.resolve(&preset, &preset)?;
        let mut paths = Vec::new();
        let mut seen = HashSet::new();
        for (number, (prefix, settings)) in config.paths.iter().enumerate() {
            let at = |error: Error| error.at(&format!("path.{number}"));
            let prefix = Prefix::new(prefix).map_err(|error| at(error.at("prefix")))?;
            if !seen.insert(prefix.clone()) {
                let error = Error::Twice {
                    key: "prefix".to_owned(),
                    found: prefix.as_str().to_owned(),
                    other: None,
                };
                return Err(at(error));
            }
            paths.push((prefix, settings.resolve(&site, &preset).map_err(at)?));
        }
        one_report_only(&site)?;
        for (number, (_, path)) in paths.iter().enumerate() {
            one_report_only(path).map_err(|error| error.at(&format!("path.{number}")))?;
        }
        if let Some(path) = &config.reports_to {
            let at = |error: Error| error.at("reports_to");
            report_to(&mut site, path).map_err(at)?;
            for (_, path_policies) in &mut paths {
                report_to(path_policies, path).map_err(at)?;
            }
        }
        let clear = config
            .clear_site_data
            .as_deref()
            .unwrap_or(ClearSiteData::DEFAULT);
        if clear.is_empty() {
            let error = Error::missing("a kind of site data", "write `[\"cookies\"]`");
            return Err(error.at("clear_site_data"));
        }
        let mut clear_on = Vec::new();
        for (number, path) in config.clear_site_data_on.iter().enumerate() {
            let key = format!("clear_site_data_on.{number}");
            clear_on.push(Prefix::new(path).map_err(|error| error.at(&key))?);
        }
        let no_store = config
            .no_store_with_cookie
            .unwrap_or(config.preset.no_store_with_cookie());
        let in_force = in_force(&site, &paths)?;
        let weakenings = weakenings(config, &site, &paths);
        for weakening in weakenings.iter().filter(|one| one.is_loud()) {
            tracing::warn!(key = weakening.key, "{}", weakening.why);
        }
        let rendered = Rendered::new(&site, &paths, removal(config)?)?
            .over(config.over == Override::Always)
            .no_store_with_cookie(no_store)
            .clear(clear_on, ClearSiteData::value(clear));
        let placeholder = config.nonce_placeholder.as_deref();
        let placeholder = placeholder.map(check_placeholder).transpose()?;
        Ok(Self(Arc::new(Inner {
            rendered: Arc::new(rendered),
            in_force,
            weakenings,
            nonce_placeholder: placeholder,
        })))
    }

    /// The layer that sends them.
    pub fn layer(&self) -> HeadersLayer {
        HeadersLayer::new(self)
    }

    /// Every header as it is sent over HTTPS, first those of the site, then those of each path.
    pub fn describe(&self) -> &[HeaderInForce] {
        &self.0.in_force
    }

    /// Whatever is weaker than the preset `helmet`, with the key that makes it so.
    pub fn weakenings(&self) -> &[Weakening] {
        &self.0.weakenings
    }

    /// What the application writes where the nonce belongs.
    pub fn nonce_placeholder(&self) -> Option<&str> {
        self.0.nonce_placeholder.as_deref()
    }

    /// Whether any policy, of the site or of a path, asks for a nonce.
    pub fn uses_nonce(&self) -> bool {
        self.0.rendered.uses_nonce()
    }

    /// Whether a header of this name is taken off every answer, since it tells what the site is made of.
    pub fn removes(&self, name: &HeaderName) -> bool {
        self.0.rendered.removes(name)
    }

    pub(crate) fn rendered(&self) -> &Arc<Rendered> {
        &self.0.rendered
    }
}

/// A policy that is only reported and a second one that only reports would share one header.
fn one_report_only(resolved: &Resolved) -> Result<(), Error> {
    let second = Header::ContentSecurityPolicyReportOnly;
    match resolved.get(Header::ContentSecurityPolicy) {
        Some(Checked::Csp(csp)) if csp.report_only && resolved.get(second).is_some() => {
            let error = Error::Twice {
                key: "report_only".to_owned(),
                found: second.to_string(),
                other: Some(second.to_string()),
            };
            Err(error.at(Header::ContentSecurityPolicy.as_str()))
        }
        _ => Ok(()),
    }
}

fn in_force(site: &Resolved, paths: &[(Prefix, Resolved)]) -> Result<Vec<HeaderInForce>, Error> {
    let mut all = Vec::new();
    let paths = paths
        .iter()
        .map(|(prefix, resolved)| (prefix.as_str(), resolved));
    for (path, resolved) in std::iter::once(("/", site)).chain(paths) {
        for (header, checked) in resolved.iter() {
            for (name, value) in checked.headers(header)? {
                all.push(HeaderInForce {
                    path: path.to_owned(),
                    name,
                    value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
                });
            }
        }
    }
    Ok(all)
}

/// Names `path` in every policy that says nothing of reports, and as the endpoint `panoply`.
fn report_to(resolved: &mut Resolved, path: &str) -> Result<(), Error> {
    const ENDPOINT: &str = "panoply";
    check_characters(path, &[';', ',', ' '])?;
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(Error::form(
            "a path such as \"/reports\"",
            format!("{path:?}"),
        ));
    }
    let named = match resolved.get(Header::ReportingEndpoints) {
        Some(Checked::Value(Value::Reporting(endpoints))) => endpoints.clone(),
        _ => ReportingEndpoints::new(),
    };
    let mut asked = false;
    for (_, checked) in resolved.iter_mut() {
        let Checked::Csp(csp) = checked else { continue };
        let policy = &mut csp.policy;
        let says = |directive| policy.sources(directive).is_some();
        if !says(Directive::ReportUri) && !says(Directive::ReportTo) {
            policy.set(
                Name::Known(Directive::ReportUri),
                Source::words(path).collect(),
            );
            policy.set(
                Name::Known(Directive::ReportTo),
                Source::words(ENDPOINT).collect(),
            );
            asked = true;
        }
    }
    if asked && !named.names(ENDPOINT) {
        let endpoints = named.endpoint(ENDPOINT, path)?;
        let value = Checked::Value(Value::Reporting(endpoints));
        resolved.set(Header::ReportingEndpoints, value);
    }
    Ok(())
}

fn removal(config: &HeadersConfig) -> Result<Removal, Error> {
    for (key, names) in [("remove", &config.remove), ("keep", &config.keep)] {
        for name in names {
            if HeaderName::try_from(name.as_str()).is_err() {
                let error = Error::form("the name of a header", format!("{name:?}"));
                return Err(error.at(key));
            }
        }
    }
    let kept = |name: &&str| {
        !config
            .keep
            .iter()
            .any(|keep| keep.eq_ignore_ascii_case(name))
    };
    let listed = config.stripped.names().iter().copied().filter(kept);
    Ok(Removal::new(
        listed.chain(config.remove.iter().map(String::as_str)),
    ))
}

fn check_placeholder(placeholder: &str) -> Result<Box<str>, Error> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if placeholder.len() == Nonce::LEN && placeholder.bytes().all(letter) {
        return Ok(placeholder.into());
    }
    let found = format!("{} of them", placeholder.chars().count());
    let found = if placeholder.bytes().all(letter) {
        found
    } else {
        format!("{placeholder:?}")
    };
    Err(Error::form("24 characters of A-Z, a-z, 0-9, `-` and `_`", found).at("nonce_placeholder"))
}
