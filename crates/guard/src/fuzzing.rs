//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails is found"
)]

use std::sync::LazyLock;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use panoply_cookies::{KeyRing, SetCookie, pairs};
use panoply_core::CounterKeys;

use crate::{CookieGuard, CookieGuardConfig};

static GUARD: LazyLock<CookieGuard> = LazyLock::new(|| {
    let keys = KeyRing::random().expect("random bytes");
    let config = CookieGuardConfig::new().seal(["basket"]);
    config
        .build(&keys, &CounterKeys::new([7; 16]), "a.example")
        .expect("it is valid")
});

/// `1` for HTTPS, then lines of cookies: the app is shown nothing odd, nothing twice that counts once,
/// and nothing in a sealed cookie that was not sealed here.
pub fn cookie(data: &[u8]) {
    let Some((https, lines)) = data.split_first() else {
        return;
    };
    let https = https & 1 == 1;
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, value);
        }
    }
    GUARD.incoming(&mut headers, https);
    let lines = headers.get_all(COOKIE).iter();
    let seen: Vec<_> = lines.flat_map(|line| pairs(line.as_bytes())).collect();
    let counts_once = [
        "basket",
        "session",
        "connect.sid",
        "PHPSESSID",
        "_a_session",
    ];
    for pair in &seen {
        assert!(!pair.is_odd());
        if counts_once.iter().any(|name| name.as_bytes() == pair.name) {
            let same = seen.iter().filter(|other| other.name == pair.name);
            assert_eq!(same.count(), 1);
        }
        assert!(
            pair.name != b"basket" || pair.value.is_empty(),
            "nobody has sealed it"
        );
    }
    let first: Vec<_> = headers.get_all(COOKIE).iter().cloned().collect();
    // What the app is shown would pass once more, but for names that it has to itself.
    GUARD.incoming(&mut headers, false);
    let again: Vec<_> = headers.get_all(COOKIE).iter().cloned().collect();
    if !https {
        assert_eq!(first, again);
    }
}

/// A `Set-Cookie` is read as a browser reads it, gets no weaker, and comes back as it was.
pub fn set_cookie(line: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(line) else {
        return;
    };
    let Some(set) = SetCookie::parse(line) else {
        return;
    };
    let mut answer = HeaderMap::new();
    answer.insert(SET_COOKIE, value);
    GUARD.outgoing(&mut answer, true);
    let hard = answer[SET_COOKIE].as_bytes();
    let hardened = SetCookie::parse(hard).expect("a browser keeps it still");
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
    // Another cookie may stand in it, or it in another's name.
    let both = set.name().iter().chain(set.value());
    let odd = odd || both.into_iter().any(|byte| b" ,\"".contains(byte));
    let odd = odd || set.name().to_ascii_lowercase() != set.name();
    // To PHP or .NET it is another's, which goes by a name of its own outside.
    let odd = odd
        || GUARD.is_read_as_another(set.name())
        || GUARD.is_read_as_sealed(set.name())
        || GUARD.is_another_in_blanks(set.name());
    let too_large = set.bytes() > 4096 - 64;
    let is_deletion = set.max_age_attribute().is_some_and(|age| age <= 0);
    // An app does not know the names outside; the fuzzer finds them.
    let outside = [&b"__Secure-id-"[..], b"__Host-id-"];
    if odd || too_large || is_deletion || outside.iter().any(|name| set.name().starts_with(name)) {
        return;
    }
    let seen = request.get(COOKIE).expect("it comes back");
    let seen: Vec<_> = pairs(seen.as_bytes()).collect();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].name, seen[0].value), (set.name(), set.value()));
}

/// An `Origin`: read, it is one that a browser writes, and means the same host and port to `http`.
pub fn origin(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Some(source) = crate::cross_site::read_source(text) else {
        return;
    };
    let (https, host, port) = source;
    let uri: http::Uri = text.parse().expect("an origin is an address");
    let usual = if https { 443 } else { 80 };
    assert_eq!(uri.scheme_str(), Some(if https { "https" } else { "http" }));
    assert!(
        uri.host()
            .is_some_and(|own| own.eq_ignore_ascii_case(&host))
    );
    assert_eq!(uri.port_u16().unwrap_or(usual), port);
    // Written in full it is the same one.
    let scheme = if https { "https" } else { "http" };
    let again = crate::cross_site::read_source(&format!("{scheme}://{host}:{port}"));
    assert_eq!(again, Some((https, host, port)));
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[
        ("cookie", cookie),
        ("set_cookie", set_cookie),
        ("origin", origin),
    ]);
}
