//! What does not vary between responses, made once.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, COOKIE, EXPIRES, PRAGMA, STRICT_TRANSPORT_SECURITY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

mod apart;
mod everywhere;
mod join;
mod plan;
mod variant;

pub use self::apart::Apart;
pub(crate) use self::everywhere::Everywhere;
use self::join::join;
pub(crate) use self::plan::Plan;
use self::plan::{Channel, nonce_of};
use self::variant::Scope;
use crate::Error;
use crate::parts::Parts;
use crate::removal::Removal;
use crate::scope::{Prefix, Prefixes};

/// Everything that is sent, for the site and for each path.
#[derive(Debug)]
pub(crate) struct Rendered {
    site: Scope,
    prefixes: Prefixes,
    scopes: Vec<Scope>,
    /// Which of these is for each prefix.
    paths: Box<[usize]>,
    removal: Removal,
    always: bool,
    no_store_with_cookie: bool,
    clear_on: Vec<Prefix>,
    clear: HeaderValue,
}

impl Rendered {
    pub(crate) fn new(parts: &Parts, removal: Removal) -> Result<Self, Error> {
        let scopes = parts.policies.iter().map(Scope::new);
        Ok(Self {
            site: Scope::new(&parts.site)?,
            scopes: scopes.collect::<Result<Vec<_>, Error>>()?,
            paths: parts.paths.iter().map(|(_, policy)| *policy).collect(),
            prefixes: Prefixes::new(parts.paths.iter().map(|(prefix, _)| prefix)),
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

    pub(crate) fn removes(&self, name: &HeaderName) -> bool {
        self.removal.takes(name)
    }

    pub(crate) fn uses_nonce(&self) -> bool {
        let scopes = self.scopes.iter().chain([&self.site]);
        scopes.into_iter().any(Scope::uses_nonce)
    }

    /// Decides what the answer to `request` gets, and puts a nonce into it when one is asked for.
    pub(crate) fn plan<B>(&self, request: &mut Request<B>) -> Plan {
        let path = request.uri().path();
        let (number, doubted) = self.prefixes.of(path);
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
            doubted,
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
        let contested = join(app, headers, variant.apart.names(), &self.removal);
        for (name, values) in contested.into_iter().filter(|_| !self.always) {
            variant.settle(name, values, headers);
        }
        let scopes = plan.doubted.iter().filter_map(|one| self.paths.get(*one));
        for doubted in scopes.filter_map(|one| self.scopes.get(*one)) {
            doubted.variant(plan.channel).tighten(headers);
        }
        if plan.channel == Channel::Local && !scope.has_local_hsts() {
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

    fn scope(&self, path: Option<usize>) -> &Scope {
        let scope = path.and_then(|number| self.paths.get(number));
        let scope = scope.and_then(|number| self.scopes.get(*number));
        scope.unwrap_or(&self.site)
    }
}
