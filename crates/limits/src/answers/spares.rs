//! Who is not held out, whatever he is answered.

use std::fmt;
use std::sync::Arc;

use panoply_core::{ClientAddress, Networks};

/// Who is held out by no answer: proxies, and those whom a limit exempts. The same for the layer that counts and the
/// one that refuses, so that who is named after he was held is let in, and so that others of an IPv6 network that is
/// held are.
///
/// Whoever is held by a limit that is not in force any more, or only tried out, is let in as well.
#[derive(Clone, Default)]
pub struct Spares {
    proxies: Option<Arc<IsProxy>>,
    /// None where it is not known which limits there are.
    limits: Option<Arc<[Of]>>,
}

/// What is to be known of a limit.
#[derive(Debug)]
pub(super) struct Of {
    pub(super) rule: Arc<str>,
    pub(super) exempt: Networks,
    /// Whether it is in force, and not only tried out.
    pub(super) holds: bool,
}

type IsProxy = dyn Fn(&ClientAddress) -> bool + Send + Sync;

impl Spares {
    pub(super) fn of(limits: impl IntoIterator<Item = Of>) -> Self {
        Self {
            proxies: None,
            limits: Some(limits.into_iter().collect()),
        }
    }

    #[must_use]
    pub(super) fn and(
        self,
        proxies: impl Fn(&ClientAddress) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            proxies: Some(Arc::new(proxies)),
            ..self
        }
    }

    /// Whether a hold by the rule of that name is for no request from `client`.
    pub(crate) fn include(&self, rule: &str, client: &ClientAddress) -> bool {
        let is_gone = || self.limits.is_some() && !self.of_rule(rule).is_some_and(|of| of.holds);
        self.exempt(rule, client) || is_gone()
    }

    /// Whether the limit of that name counts no answer to `client`.
    pub(super) fn exempt(&self, rule: &str, client: &ClientAddress) -> bool {
        let named = || self.of_rule(rule);
        self.is_proxy(client) || named().is_some_and(|of| of.exempt.contains(client.ip()))
    }

    fn of_rule(&self, rule: &str) -> Option<&Of> {
        let mut limits = self.limits.iter().flat_map(|limits| limits.iter());
        limits.find(|of| *of.rule == *rule)
    }

    fn is_proxy(&self, client: &ClientAddress) -> bool {
        let proxies = self.proxies.as_ref();
        proxies.is_some_and(|is_proxy| is_proxy(client))
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spares")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
