//! The headers in which somebody can claim to be somebody else.

use http::{HeaderMap, HeaderName};

/// Headers that some proxy, CDN or framework is known to read a client's address, certificate, host,
/// scheme or target from, apart from those that begin with `x-forwarded-`.
const CLAIMS: [&str; 26] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "true-client-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-forwarded",
    "x-host",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-url",
    "x-originating-ip",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-ip",
    "x-rewrite-url",
    "x-url-scheme",
];

/// Whether a header says on whose behalf, or how, a request was first made, such as
/// `X-Forwarded-For` or `CF-Connecting-IP`. Only what a trusted proxy says so may be believed.
pub fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    let may_be = matches!(name.as_bytes().first(), Some(b'c' | b'f' | b't' | b'x'));
    may_be && (name.starts_with("x-forwarded-") || CLAIMS.binary_search(&name).is_ok())
}

/// Removes every such header; one look at each name when there is none.
pub(crate) fn remove(headers: &mut HeaderMap) {
    if !headers.keys().any(is_claim) {
        return;
    }
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_claim(name))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_nothing_else_goes() {
        assert!(CLAIMS.is_sorted());
        let mut headers = HeaderMap::new();
        let others = [
            "x-request-id",
            "content-type",
            "forward",
            "x-forward",
            "host",
            "te",
        ];
        for name in CLAIMS
            .iter()
            .chain(&["x-forwarded-for", "x-forwarded-anything"])
            .chain(&others)
        {
            headers.insert(
                HeaderName::from_static(name),
                http::HeaderValue::from_static("x"),
            );
        }
        remove(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                "content-type",
                "forward",
                "host",
                "te",
                "x-forward",
                "x-request-id"
            ]
        );
    }
}
