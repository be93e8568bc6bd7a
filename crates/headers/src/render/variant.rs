//! The headers of the site or of one path, made once.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::apart::Apart;
use super::plan::Channel;
use crate::content_security_policy::NonceValue;
use crate::setting::{Checked, Resolved};
use crate::stricter::Verdict;
use crate::{Error, Header};

/// What is sent for the site or for one path, by how the request came.
#[derive(Debug)]
pub(super) struct Scope {
    plain: Variant,
    https: Variant,
    local: Variant,
    local_hsts: bool,
}

#[derive(Debug)]
pub(super) struct Variant {
    pub(super) template: HeaderMap,
    entries: Vec<(HeaderName, Checked)>,
    pub(super) nonces: Vec<(HeaderName, NonceValue)>,
    pub(super) apart: Apart,
}

impl Scope {
    pub(super) fn new(resolved: &Resolved) -> Result<Self, Error> {
        let local_hsts = match resolved.get(Header::StrictTransportSecurity) {
            Some(Checked::Hsts(hsts)) => hsts.is_local(),
            _ => false,
        };
        Ok(Self {
            plain: Variant::new(resolved, Channel::Plain)?,
            https: Variant::new(resolved, Channel::Https)?,
            local: Variant::new(resolved, Channel::Local)?,
            local_hsts,
        })
    }

    pub(super) fn uses_nonce(&self) -> bool {
        !self.https.nonces.is_empty()
    }

    /// HSTS under the local authority was asked for.
    pub(super) const fn has_local_hsts(&self) -> bool {
        self.local_hsts
    }

    pub(super) const fn variant(&self, channel: Channel) -> &Variant {
        match channel {
            Channel::Plain => &self.plain,
            Channel::Https => &self.https,
            Channel::Local => &self.local,
        }
    }
}

impl Variant {
    pub(super) fn new(resolved: &Resolved, channel: Channel) -> Result<Self, Error> {
        let mut variant = Self {
            template: HeaderMap::new(),
            entries: Vec::new(),
            nonces: Vec::new(),
            apart: Apart::new(&HeaderMap::new()),
        };
        for (header, checked) in resolved.iter() {
            let checked = match checked {
                Checked::Csp(csp) if channel == Channel::Plain => {
                    let mut csp = csp.clone();
                    csp.policy = csp.policy.without_upgrade();
                    if csp.policy.is_empty() {
                        continue;
                    }
                    Checked::Csp(csp)
                }
                Checked::Hsts(_) | Checked::Pins(_) if channel == Channel::Plain => continue,
                Checked::Hsts(hsts) if channel == Channel::Local && !hsts.is_local() => continue,
                Checked::Pins(_) if channel == Channel::Local => continue,
                checked => checked.clone(),
            };
            for (name, mut value) in checked.headers(header)? {
                if let Checked::Csp(csp) = &checked
                    && let Some(pieces) = NonceValue::new(&csp.policy)?
                {
                    value = pieces.without_nonce().clone();
                    variant.nonces.push((name.clone(), pieces));
                }
                variant.template.append(name.clone(), value);
                variant.entries.push((name, checked.clone()));
            }
        }
        variant.apart = Apart::new(&variant.template);
        // The template's index is copied with each response; with room in it the application's
        // headers find place without its being made anew.
        variant.template.reserve(ROOM);
        Ok(variant)
    }

    /// Settles a header that both have set; ours is in `headers`.
    pub(super) fn settle(&self, name: HeaderName, app: Vec<HeaderValue>, headers: &mut HeaderMap) {
        let entry = self.entries.iter().find(|(one, _)| *one == name);
        match entry.map_or(Verdict::App, |(_, checked)| checked.settle(&app)) {
            Verdict::Ours => {}
            Verdict::Joined(value) => {
                headers.insert(name, value);
            }
            Verdict::App => replace(headers, &name, app),
            Verdict::Both(value) => {
                replace(headers, &name, app);
                headers.append(name, value);
            }
        }
    }
}

impl Variant {
    /// Makes `headers` as strict as these would be; what is stricter already stays.
    pub(super) fn tighten(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.template {
            let there: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
            if there.contains(value) {
                continue;
            }
            if *name == CONTENT_SECURITY_POLICY || *name == CONTENT_SECURITY_POLICY_REPORT_ONLY {
                // Of several policies all hold.
                headers.append(name, value.clone());
                continue;
            }
            headers.insert(name, value.clone());
            if !there.is_empty() {
                self.settle(name.clone(), there, headers);
            }
        }
    }
}

fn replace(headers: &mut HeaderMap, name: &HeaderName, values: Vec<HeaderValue>) {
    headers.remove(name);
    for value in values {
        headers.append(name, value);
    }
}

/// As many headers as applications commonly send.
const ROOM: usize = 12;
