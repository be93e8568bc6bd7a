//! Whatever an app sets as a cookie is read as a browser reads it, gets no weaker, and comes back as
//! it was.
#![no_main]

use std::sync::LazyLock;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use panoply_cookies::{KeyRing, SetCookie, pairs};
use panoply_core::CounterKeys;
use panoply_guard::{CookieGuard, CookieGuardConfig};

static GUARD: LazyLock<CookieGuard> = LazyLock::new(|| {
    let keys = KeyRing::random().expect("random bytes");
    let config = CookieGuardConfig::new().seal(["basket"]);
    config
        .build(&keys, &CounterKeys::new([7; 16]), "a.example")
        .expect("it is valid")
});

fuzz_target!(|line: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(line) else {
        return;
    };
    let Some(set) = SetCookie::parse(line) else {
        return;
    };
    let mut answer = HeaderMap::new();
    answer.insert(SET_COOKIE, value);
    GUARD.outgoing(&mut answer, true);
    let sent = answer[SET_COOKIE].as_bytes();
    let hardened = SetCookie::parse(sent).expect("a browser keeps it still");
    assert!(hardened.is_secure() && hardened.same_site_mode().is_some());
    assert!(hardened.is_http_only() || !set.is_http_only());
    assert_eq!(hardened.max_age_attribute(), set.max_age_attribute());
    assert_eq!(hardened.path_attribute(), set.path_attribute());
    assert_eq!(hardened.domain_attribute(), set.domain_attribute());
    assert!(hardened.bytes() <= 4096);

    // As a browser sends it.
    let mut pair = hardened.name().to_vec();
    if !pair.is_empty() {
        pair.push(b'=');
    }
    pair.extend_from_slice(hardened.value());
    let Ok(cookie) = HeaderValue::from_bytes(&pair) else {
        return;
    };
    let mut request = HeaderMap::new();
    request.insert(COOKIE, cookie);
    GUARD.incoming(&mut request, true);
    let odd = set.name().is_empty() || set.name().starts_with(b"$") || line.contains(&b'\t');
    let too_large = set.bytes() > 4096 - 64;
    // An app does not know the names outside; the fuzzer finds them.
    let odd = odd || set.name().starts_with(b"__Secure-id-") || set.name().starts_with(b"__Host-id-");
    if odd || too_large {
        return;
    }
    let seen = request.get(COOKIE).expect("it comes back");
    let seen: Vec<_> = pairs(seen.as_bytes()).collect();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].name, seen[0].value), (set.name(), set.value()));
});
