//! What becomes of the cookie of a name.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use panoply_cookies::{KeyRing, SameSite, Sealer};
use panoply_core::{Clock, CounterKeys};

use super::CookieGuardConfig;
use super::alias::{Aliases, Outside};
use super::config::SameSiteWord;
use crate::names::{Kind, WHOLE, kind_of};

/// Hardens an app's cookies on their way out, and puts them back on their way in.
///
/// Clones are one and the same.
#[derive(Clone)]
pub struct CookieGuard(Arc<Inner>);

struct Inner {
    config: CookieGuardConfig,
    plain_until: Option<SystemTime>,
    sealer: RwLock<Sealer>,
    site: Arc<str>,
    aliases: Aliases,
    clock: Arc<dyn Clock>,
    /// The names of which the log has been told something.
    told: Mutex<HashSet<Box<[u8]>>>,
}

/// What becomes of the cookie of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Treatment<'a> {
    pub(super) left: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
    pub(super) outside: Option<&'a Outside>,
    pub(super) sealed: bool,
    pub(super) kind: Option<Kind>,
}

impl Treatment<'_> {
    /// Whether an answer with such a cookie is for its user alone.
    pub(super) const fn is_session(&self) -> bool {
        self.sealed
            || self.outside.is_some()
            || matches!(self.kind, Some(Kind::Session | Kind::Auth | Kind::Remember))
    }

    /// Whether a second one of the name is dropped.
    pub(super) const fn is_protected(&self) -> bool {
        !self.left && (self.is_session() || matches!(self.kind, Some(Kind::ServerToken)))
    }
}

/// How many names are remembered to have been told.
const MOST_TOLD: usize = 256;

impl CookieGuard {
    pub(super) fn new(
        config: CookieGuardConfig,
        plain_until: Option<SystemTime>,
        keys: &KeyRing,
        site: &str,
        secret: &CounterKeys,
        clock: impl Clock + Clone + 'static,
    ) -> Self {
        let names = config.renamed();
        let aliases = Aliases::new(secret, names.iter().map(String::as_str));
        Self(Arc::new(Inner {
            plain_until,
            sealer: RwLock::new(Sealer::new(keys, site).clock(clock.clone())),
            site: site.into(),
            aliases,
            clock: Arc::new(clock),
            told: Mutex::default(),
            config,
        }))
    }

    /// Whether it is the same guard, or a clone of it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether it does anything.
    pub fn is_enabled(&self) -> bool {
        self.0.config.is_enabled()
    }

    /// Whether at this path a session is ended.
    pub(super) fn is_logout(&self, path: &str) -> bool {
        self.is_enabled() && self.0.config.is_logout(path)
    }

    pub(super) fn config(&self) -> &CookieGuardConfig {
        &self.0.config
    }

    /// Seals and opens with `keys` from now on.
    pub fn use_keys(&self, keys: &KeyRing) {
        let sealer = Sealer::new(keys, Arc::clone(&self.0.site)).clock(Arc::clone(&self.0.clock));
        *{ self.0.sealer.write() }.unwrap_or_else(PoisonError::into_inner) = sealer;
    }

    pub(super) fn sealer(&self) -> Sealer {
        let sealer = self.0.sealer.read();
        sealer.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn aliases(&self) -> &Aliases {
        &self.0.aliases
    }

    /// Whether plain names and values are still taken.
    pub(super) fn takes_plain(&self) -> bool {
        let until = self.0.plain_until;
        until.is_some_and(|until| self.now() < until)
    }

    pub(super) fn now(&self) -> SystemTime {
        self.0.clock.wall()
    }

    pub(super) fn treatment(&self, name: &[u8]) -> Treatment<'_> {
        let config = &self.0.config;
        // A signature is what its cookie is.
        let signed = name.strip_suffix(b".sig");
        let base = signed.unwrap_or(name);
        let of_base = || kind_of(signed?).filter(|kind| *kind == Kind::Session);
        let kind = kind_of(name).or_else(of_base);
        let left = config.leaves(name);
        let rule = config.rule(name).or_else(|| config.rule(base));
        let by_script = kind == Some(Kind::ScriptToken)
            || config.is_script_readable(name)
            || config.is_script_readable(base);
        let http_only = rule.and_then(|rule| rule.http_only).unwrap_or(!by_script);
        let named = |name: &&str| name.as_bytes() == base;
        let asked = config
            .seals()
            .iter()
            .map(String::as_str)
            .any(|own| named(&own));
        // What page script reads it must be able to read.
        let whole = http_only && WHOLE.iter().any(named);
        let sealed = rule.and_then(|rule| rule.seal).unwrap_or(asked || whole);
        Treatment {
            left,
            http_only,
            same_site: rule.and_then(|rule| rule.same_site).map(|word| match word {
                SameSiteWord::None => SameSite::None,
                SameSiteWord::Lax => SameSite::Lax,
                SameSiteWord::Strict => SameSite::Strict,
            }),
            outside: if left {
                None
            } else {
                self.0.aliases.outside(name)
            },
            sealed: sealed && !left,
            kind,
        }
    }

    /// Whether this is the first time that something is told of a name.
    pub(super) fn first_told(&self, name: &[u8]) -> bool {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MOST_TOLD && !told.contains(name) && told.insert(name.into())
    }
}

impl fmt::Debug for CookieGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieGuard")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
