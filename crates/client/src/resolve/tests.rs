use http::HeaderValue;
use proptest::prelude::*;

use crate::{ClientConfig, Header};

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let value = |v: &str| HeaderValue::from_str(v).unwrap();
    let mut map = HeaderMap::new();
    for (name, text) in pairs {
        map.append(*name, value(text));
    }
    map
}

fn resolve(config: ClientConfig, peer: &str, pairs: &[(&'static str, &str)]) -> ClientAddress {
    let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
    config
        .build()
        .unwrap()
        .resolve(peer, Scheme::Http, &headers(pairs))
}

fn trusting(proxies: &str) -> ClientConfig {
    ClientConfig::new().trusted_proxies([proxies])
}

#[test]
fn nobody_is_believed_by_default() {
    let claims = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=6.6.6.6;proto=https"),
    ];
    let client = resolve(ClientConfig::new(), "127.0.0.1", &claims);
    assert_eq!(client.ip().to_string(), "127.0.0.1");
    assert!(!client.is_https());
    assert_eq!(client.forwarded_host(), None);
}

#[test]
fn the_walk_goes_from_the_right_through_trusted_proxies_only() {
    let ip = |config, peer, list: &str| {
        resolve(config, peer, &[("x-forwarded-for", list)])
            .ip()
            .to_string()
    };
    let proxies = "loopback, 10.0.0.0/8";
    assert_eq!(
        ip(
            trusting(proxies),
            "127.0.0.1",
            "6.6.6.6, 203.0.113.9, 10.0.0.7"
        ),
        "203.0.113.9"
    );
    assert_eq!(
        ip(trusting(proxies), "203.0.113.1", "6.6.6.6"),
        "203.0.113.1"
    );
    assert_eq!(
        ip(trusting(proxies), "::ffff:127.0.0.1", "6.6.6.6"),
        "6.6.6.6"
    );
    assert_eq!(
        ip(trusting(proxies), "127.0.0.1", "6.6.6.6, unknown, 10.0.0.7"),
        "10.0.0.7"
    );
    assert_eq!(
        ip(trusting(proxies), "127.0.0.1", "10.0.0.9, 10.0.0.8"),
        "10.0.0.9"
    );
    assert_eq!(ip(trusting(proxies), "127.0.0.1", ""), "127.0.0.1");
    assert_eq!(
        ip(
            ClientConfig::new().hops(2),
            "192.0.2.1",
            "6.6.6.6, 203.0.113.9, 10.0.0.7"
        ),
        "203.0.113.9"
    );
    assert_eq!(
        ip(ClientConfig::new().hops(0), "192.0.2.1", "6.6.6.6"),
        "192.0.2.1"
    );
    let lines = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "203.0.113.9, 10.0.0.7"),
    ];
    assert_eq!(
        resolve(trusting(proxies), "127.0.0.1", &lines)
            .ip()
            .to_string(),
        "203.0.113.9"
    );
}

#[test]
fn scheme_and_host_are_those_of_the_proxy_nearest_to_the_client() {
    let proxies = "loopback, 10.0.0.0/8";
    let client = resolve(
        trusting(proxies),
        "127.0.0.1",
        &[
            ("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.7"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "shop.example, inner.example"),
        ],
    );
    assert!(client.is_https());
    assert_eq!(client.forwarded_host().unwrap(), "shop.example");

    // A client behind one trusted proxy that appends cannot put a scheme before it.
    let client = resolve(
        trusting("loopback"),
        "127.0.0.1",
        &[
            ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
            ("x-forwarded-proto", "https, http"),
        ],
    );
    assert_eq!(
        (client.ip().to_string().as_str(), client.is_https()),
        ("203.0.113.9", false)
    );

    let nonsense = [
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "a/b@c"),
    ];
    let client = resolve(trusting("loopback"), "127.0.0.1", &nonsense);
    assert_eq!((client.is_https(), client.forwarded_host()), (false, None));
}

#[test]
fn forwarded_is_believed_only_when_it_is_the_one_that_is_read() {
    let forwarded = [
        (
            "forwarded",
            "for=6.6.6.6;proto=http, for=203.0.113.9;proto=https;host=a.test, for=10.0.0.7",
        ),
        ("x-forwarded-for", "9.9.9.9"),
    ];
    let config = trusting("loopback, 10.0.0.0/8");
    let client = resolve(
        config.clone().header(Header::Forwarded),
        "127.0.0.1",
        &forwarded,
    );
    assert_eq!(client.ip().to_string(), "203.0.113.9");
    assert!(client.is_https());
    assert_eq!(client.forwarded_host().unwrap(), "a.test");
    assert_eq!(
        resolve(config, "127.0.0.1", &forwarded).ip().to_string(),
        "9.9.9.9"
    );
}

#[test]
fn an_open_quote_does_not_hide_the_client_behind_the_proxy() {
    let config = trusting("loopback").header(Header::Forwarded);
    let forged = [("forwarded", r#"for="x, for=203.0.113.9;proto=https"#)];
    let client = resolve(config, "127.0.0.1", &forged);
    assert_eq!(client.ip().to_string(), "203.0.113.9");
    assert!(client.is_https());
}

#[test]
fn an_unnamed_client_keeps_the_words_of_the_proxy_before_it() {
    let config = trusting("loopback, 10.0.0.0/8").header(Header::Forwarded);
    let list = "for=_hidden;proto=http;host=evil.test, for=10.0.0.7;proto=https;host=a.test";
    let client = resolve(config.clone(), "127.0.0.1", &[("forwarded", list)]);
    assert_eq!(client.ip().to_string(), "10.0.0.7");
    assert!(client.is_https());
    assert_eq!(client.forwarded_host().unwrap(), "a.test");

    let nearest = [("forwarded", "for=unknown;proto=https")];
    let client = resolve(config, "127.0.0.1", &nearest);
    assert_eq!(
        (client.ip().to_string().as_str(), client.is_https()),
        ("127.0.0.1", true)
    );
}

#[test]
fn what_a_proxy_asks_for_itself_is_told_from_what_it_passes_on() {
    for (config, peer, forwarded, expected) in [
        (trusting("10.0.0.0/8"), "10.0.0.7", None, true),
        (
            trusting("10.0.0.0/8"),
            "10.0.0.7",
            Some("203.0.113.9"),
            false,
        ),
        (trusting("10.0.0.0/8"), "10.0.0.7", Some("10.0.0.8"), true),
        (trusting("10.0.0.0/8"), "203.0.113.9", None, false),
        (ClientConfig::new().hops(1), "203.0.113.9", None, true),
        (
            ClientConfig::new().hops(1),
            "203.0.113.9",
            Some("198.51.100.7"),
            false,
        ),
        (ClientConfig::new(), "203.0.113.9", None, false),
    ] {
        let headers: Vec<_> = { forwarded.iter() }
            .map(|list| ("x-forwarded-for", *list))
            .collect();
        let address = resolve(config.clone(), peer, &headers);
        let client = config.build().unwrap();
        assert_eq!(client.is_proxy(&address), expected, "{peer} {forwarded:?}");
    }
}

proptest! {
    #[test]
    fn the_client_is_the_peer_or_stands_in_the_list(list in "[0-9a-f:., \\[\\]x]{0,80}", hops in 0_u8..5) {
        let client = resolve(ClientConfig::new().hops(hops), "192.0.2.1", &[("x-forwarded-for", &list)]);
        let in_list = list.split(',').any(|entry| {
            forwarded::address(entry.trim().as_bytes()) == Some(client.ip())
        });
        prop_assert!(in_list || client.ip().to_string() == "192.0.2.1");
    }
}
