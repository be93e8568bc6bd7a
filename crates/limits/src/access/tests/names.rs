//! Tables that speak of some names alone.

use http::header::HOST;
use panoply_core::HostName;

use super::*;

fn status(layer: &AccessLayer, host: Option<&str>, path: &str) -> u16 {
    let mut request = request(path, Some("198.51.100.1:1"));
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host.parse().unwrap());
    }
    ask(layer, request).status().as_u16()
}

#[test]
fn a_table_speaks_of_its_names_alone_however_they_are_written() {
    let layer = layer(&[
        "path = \"/\"\ndomains = [\"Admin.a.test\", \"*.internal.test\", \"[::1]\"]\nallow = []",
        "path = \"/keys\"\nallow = []",
    ]);
    for (host, path, expected) in [
        ("admin.a.test", "/", 404),
        ("ADMIN.a.test:8443", "/x", 404),
        ("admin.a.test.", "/x", 404),
        ("admin.a.test..", "/x", 404),
        (".admin.a.test", "/x", 404),
        ("x.internal.test", "/", 404),
        ("[::1]:80", "/", 404),
        ("[0:0::1]", "/", 404),
        ("a.test", "/", 200),
        ("internal.test", "/", 200),
        ("a.b.internal.test", "/", 200),
        ("admin.a.test.evil.test", "/", 200),
        // What speaks of no name speaks of all.
        ("a.test", "/keys", 404),
    ] {
        assert_eq!(status(&layer, Some(host), path), expected, "{host}{path}");
    }
    // Who names no host, or none that is one, is not let past what he may have meant.
    for host in [None, Some("a b"), Some("")] {
        assert_eq!(status(&layer, host, "/"), 404, "{host:?}");
    }
}

/// By what a proxy that is trusted says, as the app is told it.
#[test]
fn the_name_is_the_one_that_the_client_asked_for() {
    let layer = layer(&["path = \"/\"\ndomains = [\"admin.a.test\"]\nallow = []"]);
    let mut request = request("/", None);
    request
        .headers_mut()
        .insert(HOST, "inner.test".parse().unwrap());
    let client = ClientAddress::direct("198.51.100.1:1".parse().unwrap(), Scheme::Https);
    let client = client.with_host(Some("admin.a.test".parse().unwrap()));
    request.extensions_mut().insert(client);
    assert_eq!(HostName::asked(&request), HostName::parse(b"admin.a.test"));
    assert_eq!(ask(&layer, request).status(), 404);
}

/// An app may go by another name than the proxy says, which some pass on as their client wrote it.
#[test]
fn of_two_names_either_is_held_to_the_table() {
    let layer = layer(&["path = \"/\"\ndomains = [\"admin.a.test\"]\nallow = []"]);
    for (host, forwarded, expected) in [
        ("admin.a.test", "a.test", 404),
        ("a.test", "admin.a.test", 404),
        ("a.test", "b.test", 200),
    ] {
        let mut request = request("/", None);
        request.headers_mut().insert(HOST, host.parse().unwrap());
        let client = ClientAddress::direct("198.51.100.1:1".parse().unwrap(), Scheme::Https);
        let client = client.with_host(Some(forwarded.parse().unwrap()));
        request.extensions_mut().insert(client);
        assert_eq!(
            ask(&layer, request).status(),
            expected,
            "{host} {forwarded}"
        );
    }
    // So is what the target says beside `Host`.
    let mut request = request("http://admin.a.test/", Some("198.51.100.1:1"));
    request
        .headers_mut()
        .insert(HOST, "a.test".parse().unwrap());
    assert_eq!(ask(&layer, request).status(), 404);
    // Of what is no host some apps make one.
    let odd = "admin.a.test:99999".parse().unwrap();
    let mut request = self::request("http://a.test/", Some("198.51.100.1:1"));
    request.headers_mut().insert(HOST, odd);
    assert_eq!(ask(&layer, request).status(), 404);
}
