//! Each cookie that a popular stack sets, out and in again.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use panoply_cookies::{KeyRing, SetCookie};
use panoply_core::CounterKeys;
use panoply_guard::{CookieGuard, CookieGuardConfig, Kind, kind_of};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde::Deserialize;

#[derive(Deserialize)]
struct Known {
    name: String,
    kind: String,
    #[serde(rename = "match")]
    how: String,
    re: Option<String>,
}

fn guard() -> CookieGuard {
    let keys = KeyRing::random().unwrap();
    let config = CookieGuardConfig::new();
    { config.build(&keys, &CounterKeys::new([7; 16]), "a.example") }.unwrap()
}

/// Names as the stack might have them.
fn names(known: &Known) -> Vec<String> {
    let pattern = match known.how.as_str() {
        "exact" => return vec![known.name.clone()],
        "prefix" => format!(
            "{}[a-zA-Z0-9_]{{1,12}}",
            { known.name.trim_end_matches('*') }.replace('.', "[.]")
        ),
        _ => known.re.clone().unwrap(),
    };
    // The generator knows neither anchors nor flags.
    let pattern = pattern.replace("(?i)", "").replace(['^', '$'], "");
    // `\w` and `\d` are of all of Unicode to it.
    let pattern = pattern
        .replace("\\w", "[A-Za-z0-9_]")
        .replace("\\d", "[0-9]");
    let mut runner = TestRunner::deterministic();
    let names = proptest::string::string_regex(&pattern).unwrap();
    let mut made = || names.new_tree(&mut runner).unwrap().current();
    std::iter::repeat_with(&mut made).take(20).collect()
}

/// What the app sees of what it has set, and what the browser was sent.
fn there_and_back(guard: &CookieGuard, cookie: &str) -> (Option<String>, String) {
    let mut answer = HeaderMap::new();
    answer.insert(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
    guard.outgoing(&mut answer, true);
    let sent = answer.get(SET_COOKIE).unwrap().to_str().unwrap().to_owned();
    let (pair, _) = sent.split_once(';').unwrap();
    let mut request = HeaderMap::new();
    request.insert(COOKIE, HeaderValue::from_str(pair).unwrap());
    guard.incoming(&mut request, true);
    let back = request
        .get(COOKIE)
        .map(|value| value.to_str().unwrap().to_owned());
    (back, sent)
}

#[test]
fn every_known_name_comes_back_as_its_own() {
    let known: Vec<Known> =
        serde_json::from_str(include_str!("session-cookie-names.json")).unwrap();
    assert!(known.len() >= 70);
    let guard = guard();
    let (mut renamed, mut sealed) = (0, 0);
    for known in &known {
        let kind = match known.kind.as_str() {
            "session" => Kind::Session,
            "auth" => Kind::Auth,
            "remember" => Kind::Remember,
            "csrf-js" => Kind::ScriptToken,
            "csrf" => Kind::ServerToken,
            "lb" => Kind::Balancer,
            other => panic!("{other} is no kind"),
        };
        let names = names(known);
        assert!(!names.is_empty(), "{}", known.name);
        for name in names {
            assert_eq!(kind_of(name.as_bytes()), Some(kind), "{name}");
            for attributes in [
                "; Path=/; HttpOnly",
                "; path=/app",
                "; Domain=a.example; Path=/",
            ] {
                let (back, sent) =
                    there_and_back(&guard, &format!("{name}=some.value-1{attributes}"));
                assert_eq!(back, Some(format!("{name}=some.value-1")), "{sent}");
                let cookie = SetCookie::parse(sent.as_bytes()).unwrap();
                assert!(cookie.is_secure(), "{sent}");
                assert!(cookie.same_site_mode().is_some(), "{sent}");
                let readable = kind == Kind::ScriptToken && !attributes.contains("HttpOnly");
                assert_eq!(cookie.is_http_only(), !readable, "{sent}");
                let is_other = cookie.name() != name.as_bytes();
                let is_sealed = cookie.value() != b"some.value-1";
                if matches!(kind, Kind::ScriptToken | Kind::Balancer | Kind::ServerToken) {
                    assert!(!is_other && !is_sealed, "{sent}");
                }
                if is_other {
                    let host = cookie.name().starts_with(b"__Host-id-");
                    assert!(host || cookie.name().starts_with(b"__Secure-id-"), "{sent}");
                    assert_eq!(host, attributes.starts_with("; Path=/;"), "{sent}");
                }
                renamed += usize::from(is_other);
                sealed += usize::from(is_sealed);
            }
        }
    }
    assert!(
        renamed > 80 && sealed > 10,
        "{renamed} renamed, {sealed} sealed"
    );
}

proptest! {
    /// Whatever an app may set comes back as it was.
    #[test]
    fn out_and_in_is_the_identity(
        name in "[a-zA-Z0-9._:-]{1,20}|connect\\.sid|session|session\\.sig|koa\\.sess|PHPSESSID|XSRF-TOKEN|__Host-x|basket",
        value in "[!#-+./0-9:<-~-]{1,200}",
        attributes in "(; ?(Path=/|path=/x|Secure|HttpOnly|samesite=strict|SameSite=None|Domain=x[.]y|Max-Age=[1-9][0-9]{1,3}|[a-z]{1,4})){1,5}",
        more in 0..5000_usize,
    ) {
        let value = format!("{value}{}", "x".repeat(more));
        prop_assume!(name.len() + value.len() <= 4096);
        let keys = KeyRing::random().unwrap();
        let config = CookieGuardConfig::new().seal(["basket"]);
        let guard = config.build(&keys, &CounterKeys::new([7; 16]), "a.example").unwrap();
        let (back, sent) = there_and_back(&guard, &format!("{name}={value}{attributes}"));
        // Where not even a mark has its place; what was set is what the browser keeps.
        let too_large = value.len() > 4096 - 39 - "__Secure-id-abcde.sig".len();
        let plain = format!("{name}={value}");
        if back.as_ref() != Some(&plain) {
            prop_assert!(too_large && sent.contains(&plain[name.len()..]), "{sent}");
        }
        let (pair, _) = sent.split_once(';').unwrap();
        prop_assert!(too_large || pair.len() - 1 <= 4096);
    }
}
