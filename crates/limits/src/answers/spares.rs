//! Who is not held out, whatever he is answered.

use std::fmt;
use std::sync::Arc;

use panoply_core::{ClientAddress, Networks};

/// Who is held out by no answer: proxies, and those whom a limit exempts. The same for the layer that counts and the
/// one that refuses, so that who is named after he was held is let in, and so that others of an IPv6 network that is
/// held are.
#[derive(Clone, Default)]
pub struct Spares {
    proxies: Option<Arc<IsProxy>>,
    /// By the name of the rule.
    exempt: Arc<[(Arc<str>, Networks)]>,
}

type IsProxy = dyn Fn(&ClientAddress) -> bool + Send + Sync;

impl Spares {
    pub(super) fn of(exempt: impl IntoIterator<Item = (Arc<str>, Networks)>) -> Self {
        Self {
            proxies: None,
            exempt: exempt.into_iter().collect(),
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

    /// Whether the rule of that name holds for no request from `client`.
    pub(crate) fn include(&self, rule: &str, client: &ClientAddress) -> bool {
        let is_exempt = || {
            let named = self.exempt.iter().find(|(name, _)| **name == *rule);
            named.is_some_and(|(_, networks)| networks.contains(client.ip()))
        };
        self.is_proxy(client) || is_exempt()
    }

    fn is_proxy(&self, client: &ClientAddress) -> bool {
        let proxies = self.proxies.as_ref();
        proxies.is_some_and(|is_proxy| is_proxy(client))
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spares")
            .field("exempt", &self.exempt)
            .finish_non_exhaustive()
    }
}
