//! Paths with letters beyond ASCII, in whatever bytes they come.

use std::time::Duration;

use super::*;

#[test]
fn what_is_read_in_latin_is_under_a_limit() {
    let limit = |path: &str| LimitConfig::new(1, Duration::from_mins(1)).path(path);
    for own in ["/caf\u{e9}/", "/cafe\u{301}/", "/caf%C3%A9/", "/Caf%E9/"] {
        let limit = limit(own);
        for path in [
            "/caf%E9/x",
            "/CAF%C9/x",
            "/caf%25E9/x",
            "/x/..%2fcaf%E9/x",
            "/caf%E9./x",
            "/caf%c3%a9/x",
            "/cafe%CC%81/x",
        ] {
            let both = [("GET", "/caf%C3%A9/x"), ("GET", path)];
            assert_eq!(passed(limit.clone(), both), 1, "{own} {path}");
            // Neither is it another path where each is counted by itself.
            let each = LimitConfig::new(1, Duration::from_mins(1)).key(["path"]);
            assert_eq!(passed(each, both), 1, "{path}");
        }
        for path in ["/caf%E8/x", "/caf%EF%BF%BD/x", "/caf%E9s/x"] {
            let both = [("GET", "/caf%C3%A9/x"), ("GET", path)];
            assert_eq!(passed(limit.clone(), both), 2, "{own} {path}");
        }
    }
    // Without a name it has that of its path, as clients send it.
    let both = [("GET", "/stra%C3%9Fe"), ("GET", "/STRASSE")];
    assert_eq!(passed(limit("/stra\u{df}e"), both), 1);
}

#[test]
fn what_is_too_long_for_a_name_says_so() {
    let path = format!("/{}/", "\u{df}".repeat(20));
    let limit = LimitConfig::new(1, Duration::from_mins(1)).path(path);
    let error = limit.validate().unwrap_err().to_string();
    assert!(
        error.contains("`name` is missing, and `/%C3%9F%C3%9F"),
        "{error}"
    );
    assert!(error.contains("`name = \"api\"`"), "{error}");
}

#[test]
fn what_is_meant_in_latin_is_under_a_limit() {
    let request = |meant: &[u8]| {
        let client = ClientAddress::direct("198.51.100.1:1".parse().unwrap(), Scheme::Https);
        let meant = http::HeaderValue::from_bytes(meant).unwrap();
        let request = Request::get("/").header("x-original-url", meant);
        let request = request.extension(client.with_trusted_peer(true));
        request.body(()).unwrap()
    };
    let limit = LimitConfig::new(1, Duration::from_mins(1));
    let limit = limit.path("/caf\u{e9}/");
    let store = Arc::new(MemoryStore::default());
    let layer = LimitLayer::new([limit], store, CounterKeys::new([7; 16])).unwrap();
    for meant in [&b"/caf%E9/x"[..], b"/caf\xe9/x", "/caf\u{e9}/x".as_bytes()] {
        assert_eq!(layer.asked(&request(meant)).len(), 1, "{meant:?}");
    }
    assert!(layer.asked(&request(b"/caf\xe8/x")).is_empty());
}
