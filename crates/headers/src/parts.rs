//! What is sent for the site, or under some of its names, and below which paths it is different.

use std::collections::HashSet;

use panoply_core::HostNames;

use crate::alike::Alike;
use crate::content_security_policy::Name;
use crate::error::check_characters;
use crate::scope::Prefix;
use crate::setting::{Checked, Resolved, Value};
use crate::{Directive, Error, Header, HeaderInForce, HeadersConfig, ReportingEndpoints, Source};

/// A whole, and what is different below paths.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) site: Resolved,
    /// What is sent below paths, each once, however many send it.
    pub(crate) policies: Vec<Resolved>,
    /// By the number of what is sent there.
    pub(crate) paths: Vec<(Prefix, usize)>,
}

impl Parts {
    /// What the paths of `config` make of `site`.
    pub(crate) fn new(config: &HeadersConfig, mut site: Resolved) -> Result<Self, Error> {
        let preset = config.preset.resolved();
        let mut paths = Vec::new();
        let mut policies = Vec::new();
        // The first path of each.
        let mut firsts = Vec::new();
        let mut alike = Alike::default();
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
            let (policy, is_new) = alike.number(settings);
            if is_new {
                policies.push(settings.resolve(&site, &preset).map_err(at)?);
                firsts.push(number);
            }
            paths.push((prefix, policy));
        }
        one_report_only(&site)?;
        for (number, policy) in firsts.iter().zip(&policies) {
            one_report_only(policy).map_err(|error| error.at(&format!("path.{number}")))?;
        }
        if let Some(path) = &config.reports_to {
            let at = |error: Error| error.at("reports_to");
            report_to(&mut site, path).map_err(at)?;
            for policies in &mut policies {
                report_to(policies, path).map_err(at)?;
            }
        }
        Ok(Self {
            site,
            policies,
            paths,
        })
    }

    /// All that is sent, first that of the whole.
    pub(crate) fn in_force(&self) -> Result<Vec<HeaderInForce>, Error> {
        let mut all = in_force("/", &self.site)?;
        let policies: Result<Vec<_>, Error> = { self.policies.iter() }
            .map(|policy| in_force("", policy))
            .collect();
        let policies = policies?;
        for (prefix, policy) in &self.paths {
            let headers = policies.get(*policy).into_iter().flatten();
            all.extend(headers.map(|header| HeaderInForce {
                path: prefix.as_str().to_owned(),
                ..header.clone()
            }));
        }
        Ok(all)
    }
}

/// The names that a table speaks of.
pub(crate) fn host_names(names: &[String]) -> Result<HostNames, Error> {
    const FORM: &str = "names of the site such as [\"docs.shop.example\"]";
    let mut all = HostNames::default();
    for name in names {
        let added = all.add(name);
        added.map_err(|_| Error::form(FORM, format!("{name:?}")).at("domains"))?;
    }
    if all.is_empty() {
        return Err(Error::form(FORM, "an empty list").at("domains"));
    }
    Ok(all)
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

fn in_force(path: &str, resolved: &Resolved) -> Result<Vec<HeaderInForce>, Error> {
    let mut all = Vec::new();
    for (header, checked) in resolved.iter() {
        for (name, value) in checked.headers(header)? {
            all.push(HeaderInForce {
                path: path.to_owned(),
                name,
                value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            });
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
