//! What is said of each header, and what is left of it once it is checked.

use http::{HeaderName, HeaderValue};

use crate::content_security_policy::Csp;
use crate::{
    CacheControl, CrossOriginEmbedderPolicy, CrossOriginOpenerPolicy, CrossOriginResourcePolicy,
    CspConfig, Error, Header, Hsts, HstsConfig, IntegrityPolicy, OriginAgentCluster,
    PermissionsPolicy, PublicKeyPins, PublicKeyPinsConfig, ReferrerPolicy, ReportingEndpoints,
    XContentTypeOptions, XDnsPrefetchControl, XDownloadOptions, XFrameOptions,
    XPermittedCrossDomainPolicies, XXssProtection,
};

/// What a configuration says of one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// It is not sent.
    Off,
    Csp(CspConfig),
    Hsts(HstsConfig),
    Pins(PublicKeyPinsConfig),
    Value(Value),
}

/// What is sent of one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checked {
    Csp(Csp),
    Hsts(Hsts),
    Pins(PublicKeyPins),
    Value(Value),
}

/// The policies that need no checking beyond having been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Embedder(CrossOriginEmbedderPolicy),
    Opener(CrossOriginOpenerPolicy),
    Resource(CrossOriginResourcePolicy),
    AgentCluster(OriginAgentCluster),
    Referrer(ReferrerPolicy),
    ContentType(XContentTypeOptions),
    DnsPrefetch(XDnsPrefetchControl),
    Download(XDownloadOptions),
    Frame(XFrameOptions),
    CrossDomain(XPermittedCrossDomainPolicies),
    Xss(XXssProtection),
    Permissions(PermissionsPolicy),
    Reporting(ReportingEndpoints),
    Cache(CacheControl),
    Integrity(IntegrityPolicy),
}

/// What a configuration says of all headers: one setting each, in the order of [`Header`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings(Vec<(Header, Setting)>);

/// What is sent of all headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Resolved(Vec<(Header, Checked)>);

impl Settings {
    pub(crate) fn get(&self, header: Header) -> Option<&Setting> {
        let found = self.0.iter().find(|(one, _)| *one == header);
        found.map(|(_, setting)| setting)
    }

    pub(crate) fn set(&mut self, header: Header, setting: Setting) {
        match self.0.iter_mut().find(|(one, _)| *one == header) {
            Some((_, there)) => *there = setting,
            None => self.0.push((header, setting)),
        }
        self.0.sort_by_key(|(header, _)| *header);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Header, &Setting)> {
        self.0.iter().map(|(header, setting)| (*header, setting))
    }

    /// Changes a policy: what was said of it before, or nothing yet.
    pub(crate) fn csp(&mut self, header: Header, change: impl FnOnce(CspConfig) -> CspConfig) {
        let before = match self.get(header) {
            Some(Setting::Csp(config)) => config.clone(),
            _ => CspConfig::new(),
        };
        self.set(header, Setting::Csp(change(before)));
    }

    pub(crate) fn hsts(&mut self, change: impl FnOnce(HstsConfig) -> HstsConfig) {
        let before = match self.get(Header::StrictTransportSecurity) {
            Some(Setting::Hsts(config)) => config.clone(),
            _ => HstsConfig::new(),
        };
        self.set(
            Header::StrictTransportSecurity,
            Setting::Hsts(change(before)),
        );
    }

    /// What these settings make of `base`. A policy that `base` does not send is built on the
    /// preset's.
    pub(crate) fn resolve(&self, base: &Resolved, preset: &Resolved) -> Result<Resolved, Error> {
        let mut resolved = base.clone();
        for (header, setting) in self.iter() {
            let below = base.get(header).or_else(|| preset.get(header));
            let checked = setting.resolve(header, below);
            match checked.map_err(|error| error.at(header.as_str()))? {
                Some(checked) => resolved.set(header, checked),
                None => resolved.remove(header),
            }
        }
        Ok(resolved)
    }
}

impl Setting {
    fn resolve(&self, header: Header, base: Option<&Checked>) -> Result<Option<Checked>, Error> {
        let checked = match (self, base) {
            (Self::Off, _) => return Ok(None),
            (Self::Csp(config), base) => {
                let helmet = Csp::of(crate::preset::helmet_csp());
                let base = match base {
                    Some(Checked::Csp(csp)) => csp,
                    _ => &helmet,
                };
                let mut csp = config.resolve(Some(base))?;
                csp.report_only |= header == Header::ContentSecurityPolicyReportOnly;
                Checked::Csp(csp)
            }
            (Self::Hsts(config), Some(Checked::Hsts(base))) => {
                Checked::Hsts(config.resolve(Some(base))?)
            }
            (Self::Hsts(config), _) => Checked::Hsts(config.resolve(None)?),
            (Self::Pins(config), _) => Checked::Pins(config.build()?),
            (
                Self::Value(Value::Permissions(change)),
                Some(Checked::Value(Value::Permissions(base))),
            ) => Checked::Value(Value::Permissions(base.clone().with(change))),
            (Self::Value(value), _) => Checked::Value(value.clone()),
        };
        // Rendered here too, so that what cannot be sent is refused under its own key.
        checked.headers(header)?;
        Ok(Some(checked))
    }
}

impl Resolved {
    pub(crate) fn of(checked: Vec<(Header, Checked)>) -> Self {
        Self(checked)
    }

    pub(crate) fn get(&self, header: Header) -> Option<&Checked> {
        let found = self.0.iter().find(|(one, _)| *one == header);
        found.map(|(_, checked)| checked)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Header, &Checked)> {
        self.0.iter().map(|(header, checked)| (*header, checked))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Header, &mut Checked)> {
        self.0
            .iter_mut()
            .map(|(header, checked)| (*header, checked))
    }

    pub(crate) fn set(&mut self, header: Header, checked: Checked) {
        match self.0.iter_mut().find(|(one, _)| *one == header) {
            Some((_, there)) => *there = checked,
            None => self.0.push((header, checked)),
        }
        self.0.sort_by_key(|(header, _)| *header);
    }

    fn remove(&mut self, header: Header) {
        self.0.retain(|(one, _)| *one != header);
    }
}

impl Checked {
    /// The headers in which it is sent over HTTPS; most are one.
    pub(crate) fn headers(&self, header: Header) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let value = match self {
            Self::Csp(csp) => {
                let name = if csp.report_only {
                    Header::ContentSecurityPolicyReportOnly.name()
                } else {
                    header.name()
                };
                return Ok(vec![(name, csp.policy.value()?)]);
            }
            Self::Pins(pins) => return Ok(vec![(pins.name(), pins.value()?)]),
            Self::Value(Value::Cache(cache)) => return Ok(cache.headers()),
            Self::Value(Value::Permissions(policy)) if policy.is_empty() => return Ok(Vec::new()),
            Self::Value(Value::Reporting(endpoints)) if endpoints.is_empty() => {
                return Ok(Vec::new());
            }
            Self::Hsts(hsts) => hsts.value(),
            Self::Value(value) => value.render()?,
        };
        Ok(vec![(header.name(), value)])
    }
}

impl Value {
    fn render(&self) -> Result<HeaderValue, Error> {
        Ok(HeaderValue::from_static(match self {
            Self::Embedder(value) => value.as_str(),
            Self::Opener(value) => value.as_str(),
            Self::Resource(value) => value.as_str(),
            Self::AgentCluster(value) => value.as_str(),
            Self::ContentType(value) => value.as_str(),
            Self::DnsPrefetch(value) => value.as_str(),
            Self::Download(value) => value.as_str(),
            Self::Frame(value) => value.as_str(),
            Self::CrossDomain(value) => value.as_str(),
            Self::Xss(value) => value.as_str(),
            Self::Cache(value) => value.as_str(),
            Self::Referrer(value) => return Ok(value.value()),
            Self::Permissions(value) => return value.value(),
            Self::Reporting(value) => return value.value(),
            Self::Integrity(value) => return value.value(),
        }))
    }
}
