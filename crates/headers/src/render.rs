//! What does not vary between responses, made once.

use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, EXPIRES, PRAGMA};
use http::header::{Entry, STRICT_TRANSPORT_SECURITY};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use panoply_core::{CertificateSource, ClientAddress, Connection, Nonce};

use crate::content_security_policy::NonceValue;
use crate::removal::Removal;
use crate::scope::{Prefix, is_ambiguous};
use crate::setting::{Checked, Resolved};
use crate::stricter::Verdict;
use crate::{Error, Header};

/// Everything that is sent, for the site and for each path.
#[derive(Debug)]
pub(crate) struct Rendered {
    site: Scope,
    /// The longest prefix first.
    paths: Vec<(Prefix, Scope)>,
    removal: Removal,
    always: bool,
    no_store_with_cookie: bool,
    clear_on: Vec<Prefix>,
    clear: HeaderValue,
}

/// What is sent for the site or for one path, by how the request came.
#[derive(Debug)]
struct Scope {
    plain: Variant,
    https: Variant,
    local: Variant,
    /// HSTS under the local authority was asked for.
    local_hsts: bool,
}

#[derive(Debug)]
struct Variant {
    template: HeaderMap,
    entries: Vec<(HeaderName, Checked)>,
    nonces: Vec<(HeaderName, NonceValue)>,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Plain,
    Https,
    /// HTTPS under a certificate of the local authority.
    Local,
}

/// What the response to one request gets.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Which of the paths, or the site.
    path: Option<usize>,
    channel: Channel,
    nonce: Option<Nonce>,
    authenticated: bool,
    clear: bool,
}

impl Rendered {
    pub(crate) fn new(
        site: &Resolved,
        paths: &[(Prefix, Resolved)],
        removal: Removal,
    ) -> Result<Self, Error> {
        let scope = |(prefix, path): &(Prefix, Resolved)| Ok((prefix.clone(), Scope::new(path)?));
        let mut paths = paths.iter().map(scope).collect::<Result<Vec<_>, Error>>()?;
        paths.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self {
            site: Scope::new(site)?,
            paths,
            removal,
            always: false,
            no_store_with_cookie: false,
            clear_on: Vec::new(),
            clear: HeaderValue::from_static("\"*\""),
        })
    }

    pub(crate) fn over(mut self, always: bool) -> Self {
        self.always = always;
        self
    }

    pub(crate) fn no_store_with_cookie(mut self, on: bool) -> Self {
        self.no_store_with_cookie = on;
        self
    }

    pub(crate) fn clear(mut self, on: Vec<Prefix>, value: HeaderValue) -> Self {
        self.clear_on = on;
        self.clear = value;
        self
    }

    pub(crate) fn uses_nonce(&self) -> bool {
        let scopes = self.paths.iter().map(|(_, scope)| scope);
        scopes
            .chain([&self.site])
            .any(|scope| !scope.https.nonces.is_empty())
    }

    /// Decides what the answer to `request` gets, and puts a nonce into it when one is asked for.
    pub(crate) fn plan<B>(&self, request: &mut Request<B>) -> Plan {
        let path = request.uri().path();
        let known = |(prefix, _): &(Prefix, Scope)| prefix.holds(path);
        let number = if self.paths.is_empty() || is_ambiguous(path) {
            None
        } else {
            self.paths.iter().position(known)
        };
        let clear = self.clear_on.iter().any(|one| one.is(path));
        let channel = Channel::of(request);
        let headers = request.headers();
        let authenticated = self.no_store_with_cookie
            && (headers.contains_key(COOKIE) || headers.contains_key(AUTHORIZATION));
        let variant = self.scope(number).variant(channel);
        let nonce = if variant.nonces.is_empty() {
            None
        } else {
            nonce_of(request)
        };
        Plan {
            path: number,
            channel,
            nonce,
            authenticated,
            clear,
        }
    }

    /// Puts the headers of `plan` on a response.
    pub(crate) fn apply(&self, plan: &Plan, status: StatusCode, headers: &mut HeaderMap) {
        let scope = self.scope(plan.path);
        let variant = scope.variant(plan.channel);
        let app = std::mem::replace(headers, variant.template.clone());
        if let Some(nonce) = &plan.nonce {
            for (name, pieces) in &variant.nonces {
                headers.insert(name, pieces.render(nonce));
            }
        }
        let both = self.move_in(app, headers);
        for (name, values) in both.into_iter().filter(|_| !self.always) {
            variant.settle(name, values, headers);
        }
        if plan.channel == Channel::Local && !scope.local_hsts {
            headers.remove(STRICT_TRANSPORT_SECURITY);
        }
        if plan.authenticated
            && ![CACHE_CONTROL, EXPIRES, PRAGMA]
                .iter()
                .any(|name| headers.contains_key(name))
        {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if plan.clear && !status.is_client_error() && !status.is_server_error() {
            let name = HeaderName::from_static("clear-site-data");
            headers.entry(name).or_insert_with(|| self.clear.clone());
        }
    }

    /// Moves the application's headers in beside ours, and hands back those which both have.
    ///
    /// Ours are a copy of a map that is hashed already, so that only the application's few names
    /// are hashed for each response.
    fn move_in(
        &self,
        app: HeaderMap,
        headers: &mut HeaderMap,
    ) -> Vec<(HeaderName, Vec<HeaderValue>)> {
        enum Last {
            Gone,
            Moved(HeaderName),
            Both,
        }
        let mut both: Vec<(HeaderName, Vec<HeaderValue>)> = Vec::new();
        let mut last = Last::Gone;
        for (name, value) in app {
            // A name is given with its first value only.
            let Some(name) = name else {
                match (&last, both.last_mut()) {
                    (Last::Moved(name), _) => {
                        headers.append(name, value);
                    }
                    (Last::Both, Some((_, values))) => values.push(value),
                    _ => {}
                }
                continue;
            };
            if self.removal.takes(&name) {
                last = Last::Gone;
                continue;
            }
            last = match headers.entry(name) {
                Entry::Vacant(place) => {
                    let name = place.key().clone();
                    place.insert(value);
                    Last::Moved(name)
                }
                Entry::Occupied(place) => {
                    both.push((place.key().clone(), vec![value]));
                    Last::Both
                }
            };
        }
        both
    }

    fn scope(&self, path: Option<usize>) -> &Scope {
        let path = path.and_then(|number| self.paths.get(number));
        path.map_or(&self.site, |(_, scope)| scope)
    }
}

impl Scope {
    fn new(resolved: &Resolved) -> Result<Self, Error> {
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

    const fn variant(&self, channel: Channel) -> &Variant {
        match channel {
            Channel::Plain => &self.plain,
            Channel::Https => &self.https,
            Channel::Local => &self.local,
        }
    }
}

impl Variant {
    fn new(resolved: &Resolved, channel: Channel) -> Result<Self, Error> {
        let mut variant = Self {
            template: HeaderMap::new(),
            entries: Vec::new(),
            nonces: Vec::new(),
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
        Ok(variant)
    }

    /// Settles a header that both have set; ours is in `headers`.
    fn settle(&self, name: HeaderName, app: Vec<HeaderValue>, headers: &mut HeaderMap) {
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

fn replace(headers: &mut HeaderMap, name: &HeaderName, values: Vec<HeaderValue>) {
    headers.remove(name);
    for value in values {
        headers.append(name, value);
    }
}

impl Channel {
    /// The client's own scheme where a trusted word on it is there, else the connection's, else
    /// what the request line says.
    fn of<B>(request: &Request<B>) -> Self {
        let extensions = request.extensions();
        let connection = extensions.get::<Connection>();
        let tls = connection.and_then(|connection| connection.tls.as_ref());
        if tls.is_some_and(|tls| tls.certificate == CertificateSource::Local) {
            return Self::Local;
        }
        let https = match extensions.get::<ClientAddress>() {
            Some(client) => client.is_https(),
            None if connection.is_some() => tls.is_some(),
            None => request.uri().scheme() == Some(&http::uri::Scheme::HTTPS),
        };
        if https { Self::Https } else { Self::Plain }
    }
}

/// The nonce that an outer layer has made already, or a fresh one.
fn nonce_of<B>(request: &mut Request<B>) -> Option<Nonce> {
    if let Some(nonce) = request.extensions().get::<Nonce>() {
        return Some(nonce.clone());
    }
    match Nonce::random() {
        Ok(nonce) => {
            request.extensions_mut().insert(nonce.clone());
            Some(nonce)
        }
        Err(error) => {
            tracing::error!(%error, "no nonce: scripts that need one are blocked");
            None
        }
    }
}
