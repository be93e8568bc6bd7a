//! The headers in which somebody can claim to be somebody else.

use http::{HeaderMap, HeaderName};

/// Headers that some proxy, CDN or framework is known to read a client's address, certificate, host,
/// scheme or target from, apart from those that begin with one of [`FAMILIES`].
const CLAIMS: [&str; 54] = [
    "ali-cdn-real-ip",
    "cdn-src-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "do-connecting-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "incap-client-ip",
    "proxy-client-ip",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-arr-clientcert",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-dn",
    "x-client-ip",
    "x-client-verify",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "x-forwarded",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-http-path-override",
    "x-nf-client-connection-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-path",
    "x-original-uri",
    "x-original-url",
    "x-originating-ip",
    "x-override-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-ip",
    "x-replaced-path",
    "x-rewrite-url",
    "x-scheme",
    "x-ssl-cert",
    "x-ssl-issuer",
    "x-ssl-subject",
    "x-sucuri-clientip",
    "x-url-scheme",
    "x-vercel-forwarded-for",
    "x-vercel-proxied-for",
    "x-waws-unencoded-url",
];

/// What the names of a whole family of them begin with: AWS, Cloudflare, Google, ingress-nginx and what is copied from
/// their guides name a certificate's parts each by itself, and `WebLogic` all that its own proxy says.
const FAMILIES: [&str; 9] = [
    "cf-cert-",
    "cf-client-cert-",
    "ssl-client-",
    "wl-proxy-",
    "x-amzn-mtls-",
    "x-client-cert",
    "x-forwarded-",
    "x-ssl-client-",
    "x-tls-client-",
];

/// Whether a header says on whose behalf, or how, a request was first made, such as
/// `X-Forwarded-For` or `CF-Connecting-IP`. Only what a trusted proxy says so may be believed.
pub fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    // Most names begin otherwise: `accept` and its like, `if-…`.
    let may_be = match name.as_bytes() {
        [b'a', second, ..] => *second == b'l',
        [b'i', second, ..] => *second == b'n',
        [b'c' | b'd' | b'f' | b'p' | b's' | b't' | b'w' | b'x', ..] => true,
        _ => false,
    };
    let in_family = || FAMILIES.iter().any(|start| name.starts_with(start));
    may_be && (in_family() || CLAIMS.binary_search(&name).is_ok())
}

/// Removes every such header, and gives their names; one look at each name when there is none.
pub(crate) fn remove(headers: &mut HeaderMap) -> Vec<HeaderName> {
    if !headers.keys().any(is_claim) {
        return Vec::new();
    }
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_claim(name))
        .cloned()
        .collect();
    for name in &claims {
        headers.remove(name);
    }
    claims
}

/// Below which path a proxy has an app.
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Removes a prefix that is no plain absolute path: a trusted proxy may pass on what its client says, and apps put it
/// before their links, where `//evil.example` is another host.
pub(crate) fn remove_odd_prefix(headers: &mut HeaderMap) {
    let is_path = |value: &http::HeaderValue| {
        let path = value.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\\?#\"'<>:@,;%".contains(byte);
        let twice = path.windows(2).any(|two| two == b"//");
        path.starts_with(b"/") && !twice && path.iter().all(is_plain)
    };
    if !headers.get_all(PREFIX).iter().all(is_path) {
        headers.remove(PREFIX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_plain_path() {
        for (prefix, stays) in [
            ("/shop", true),
            ("/shop/v1.2/", true),
            ("/", true),
            ("//evil.example", false),
            ("/a//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("javascript:x", false),
            ("shop", false),
            ("/a\tb", false),
            ("/a, //evil.example", false),
            ("/%2fevil.example", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(PREFIX, http::HeaderValue::from_static(prefix));
            remove_odd_prefix(&mut headers);
            assert_eq!(headers.contains_key(PREFIX), stays, "{prefix}");
        }
        // Of several, apps take any.
        let mut headers = HeaderMap::new();
        for prefix in ["/shop", "//evil.example"] {
            headers.append(PREFIX, http::HeaderValue::from_static(prefix));
        }
        remove_odd_prefix(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn another_path_is_said_by_no_client() {
        for name in [
            "x-original-url",
            "x-rewrite-url",
            "x-original-uri",
            "x-override-url",
            "x-forwarded-path",
            "x-forwarded-prefix",
            "x-replaced-path",
            "x-envoy-original-path",
            "x-http-destinationurl",
        ] {
            assert!(is_claim(&HeaderName::from_static(name)), "{name}");
        }
        // What programs say of themselves, which are no less honest for it.
        for name in [
            "x-http-method-override",
            "x-http-method",
            "x-method-override",
        ] {
            assert!(!is_claim(&HeaderName::from_static(name)), "{name}");
        }
    }

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
            .chain(&["ssl-client-verify", "x-amzn-mtls-clientcert-leaf"])
            .chain(&[
                "x-client-cert",
                "x-client-cert-present",
                "x-ssl-client-s-dn",
                "x-tls-client-subject",
                "cf-client-cert-der-base64",
                "wl-proxy-client-cert",
                "wl-proxy-client-ip",
            ])
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
