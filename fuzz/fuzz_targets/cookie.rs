//! Whatever a client sends as cookies, the app is shown nothing odd, nothing twice that counts once,
//! and nothing in a sealed cookie that was not sealed here.
#![no_main]

use std::sync::LazyLock;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use panoply_cookies::{KeyRing, pairs};
use panoply_core::CounterKeys;
use panoply_guard::{CookieGuard, CookieGuardConfig};

static GUARD: LazyLock<CookieGuard> = LazyLock::new(|| {
    let keys = KeyRing::random().expect("random bytes");
    let config = CookieGuardConfig::new().seal(["basket"]);
    config
        .build(&keys, &CounterKeys::new([7; 16]), "a.example")
        .expect("it is valid")
});

fuzz_target!(|input: (&[u8], bool)| {
    let (lines, https) = input;
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, value);
        }
    }
    GUARD.incoming(&mut headers, https);
    let seen = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| pairs(line.as_bytes()));
    let seen: Vec<_> = seen.collect();
    for pair in &seen {
        assert!(!pair.is_odd());
        let counts_once = [
            "basket",
            "session",
            "connect.sid",
            "PHPSESSID",
            "_a_session",
        ];
        if counts_once.iter().any(|name| name.as_bytes() == pair.name) {
            assert_eq!(
                seen.iter().filter(|other| other.name == pair.name).count(),
                1
            );
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
});
