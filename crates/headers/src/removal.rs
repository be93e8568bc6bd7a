//! Headers that tell an attacker what a site is made of, and are taken off.

use std::fmt;

use http::HeaderName;

/// Which names are taken off, with a filter in front that nearly every other name fails.
///
/// Each name of each response is looked up, so that most must be let go after one glance: a bit
/// field of 4096 places is asked first, and the sorted list only when the bit is set.
#[derive(Clone)]
pub(crate) struct Removal {
    bits: Box<[u64; Self::WORDS]>,
    names: Box<[Box<str>]>,
}

impl Removal {
    const WORDS: usize = 64;

    /// Those of `names`, in whatever case.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let lower = names
            .into_iter()
            .map(|name| name.to_ascii_lowercase().into());
        let mut names: Vec<Box<str>> = lower.collect();
        names.sort_unstable();
        names.dedup();
        let mut bits = Box::new([0; Self::WORDS]);
        for name in &names {
            let (word, bit) = Self::place(name);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self {
            bits,
            names: names.into(),
        }
    }

    pub(crate) fn takes(&self, name: &HeaderName) -> bool {
        self.takes_at(Self::place(name.as_str()), name)
    }

    /// The same where its [`place`](Self::place) is known.
    pub(crate) fn takes_at(&self, (word, bit): (usize, u64), name: &HeaderName) -> bool {
        let name = name.as_str();
        self.bits.get(word).is_some_and(|word| word & bit != 0)
            && self.names.binary_search_by(|one| (**one).cmp(name)).is_ok()
    }

    /// Length, last and middle letter tell most names apart.
    pub(crate) fn place(name: &str) -> (usize, u64) {
        let bytes = name.as_bytes();
        let letter = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
        let mixed = bytes.len() * 149
            + letter(bytes.len() / 2) * 31
            + letter(bytes.len().saturating_sub(1)) * 67;
        (mixed / 64 % Self::WORDS, 1 << (mixed % 64))
    }
}

impl fmt::Debug for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

/// The OWASP Secure Headers Project's list of headers to remove, of 2026-07-19.
pub(crate) const OWASP: &[&str] = &[
    "$wsep",
    "host-header",
    "k-proxy-request",
    "liferay-portal",
    "oraclecommercecloud-version",
    "pega-host",
    "powered-by",
    "product",
    "server",
    "sourcemap",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-atmosphere-error",
    "x-atmosphere-first-request",
    "x-atmosphere-tracking-id",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-beserver",
    "x-backside-transport",
    "x-cf-powered-by",
    "x-cms",
    "x-calculatedbetarget",
    "x-cocoon-version",
    "x-content-encoded-by",
    "x-datadog-origin",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "x-datadog-tags",
    "x-datadog-trace-id",
    "x-diaginfo",
    "x-envoy-attempt-count",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-dst-host",
    "x-envoy-upstream-service-time",
    "x-feserver",
    "x-framework",
    "x-generated-by",
    "x-generator",
    "x-gitlab-meta",
    "x-jitsi-release",
    "x-joomla-version",
    "x-kong-admin-latency",
    "x-kong-client-latency",
    "x-kong-proxy-latency",
    "x-kong-request-id",
    "x-kong-response-latency",
    "x-kong-third-party-latency",
    "x-kong-total-latency",
    "x-kong-upstream-latency",
    "x-kong-upstream-status",
    "x-kubernetes-pf-flowschema-ui",
    "x-kubernetes-pf-prioritylevel-uid",
    "x-litespeed-cache",
    "x-litespeed-purge",
    "x-litespeed-tag",
    "x-litespeed-vary",
    "x-litespeed-cache-control",
    "x-mod-pagespeed",
    "x-nextjs-cache",
    "x-nextjs-matched-path",
    "x-nextjs-page",
    "x-nextjs-redirect",
    "x-owa-version",
    "x-old-content-length",
    "x-oneagent-js-injection",
    "x-page-speed",
    "x-php-version",
    "x-powered-by",
    "x-powered-by-plesk",
    "x-powered-cms",
    "x-redirect-by",
    "x-server-powered-by",
    "x-sourcefiles",
    "x-sourcemap",
    "x-turbo-charged-by",
    "x-tyk-trace-id",
    "x-umbraco-version",
    "x-varnish-backend",
    "x-varnish-server",
    "x-woodpecker-version",
    "x-dtagentid",
    "x-dthealthcheck",
    "x-dtinjectedservlet",
    "x-ruxit-js-agent",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_list_and_nothing_else() {
        let removal = Removal::new(OWASP.iter().copied());
        for name in OWASP {
            assert!(removal.takes(&HeaderName::from_static(name)), "{name}");
        }
        for name in [
            "date",
            "etag",
            "content-type",
            "content-length",
            "set-cookie",
            "vary",
            "location",
            "x-request-id",
            "x-frame-options",
            "cache-control",
            "access-control-allow-origin",
        ] {
            assert!(!removal.takes(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn the_filter_lets_common_names_go_at_once() {
        let removal = Removal::new(OWASP.iter().copied());
        let passes = |name: &&&str| {
            let (word, bit) = Removal::place(name);
            removal.bits[word] & bit != 0
        };
        let common = [
            "date",
            "etag",
            "content-type",
            "content-length",
            "set-cookie",
            "vary",
            "location",
            "connection",
            "keep-alive",
            "cache-control",
            "last-modified",
            "content-encoding",
            "accept-ranges",
            "transfer-encoding",
            "expires",
            "pragma",
            "age",
            "link",
        ];
        assert!(common.iter().filter(passes).count() <= 1);
    }
}
