use proptest::prelude::*;

use super::*;

fn parsed(header: &'static str) -> SetCookie<'static> {
    SetCookie::parse(header.as_bytes()).unwrap()
}

#[test]
fn as_browsers_read_it() {
    let cookie = parsed(" a = b=c ;Path=/x; PATH = / ;Max-Age=-5; max-age=x; Domain=; HttpOnly=0");
    assert_eq!((cookie.name(), cookie.value()), (&b"a"[..], &b"b=c"[..]));
    assert_eq!(cookie.path_attribute(), Some(&b"/"[..]));
    assert_eq!(cookie.max_age_attribute(), None, "the last counts");
    assert_eq!(cookie.domain_attribute(), None);
    assert!(cookie.is_http_only() && !cookie.is_secure());
    assert_eq!(
        parsed("a=1; Max-Age=99999999999999999999").max_age_attribute(),
        Some(i64::MAX)
    );
    assert_eq!(parsed("a=1; Max-Age=-3").max_age_attribute(), Some(-3));
    assert_eq!(parsed("theme").name(), b"");
    assert_eq!(parsed("a=b\tc").value(), b"b\tc");
    assert_eq!(parsed("=a=b; Path=/").to_string(), "=a=b; Path=/");
    for nothing in [
        "",
        ";",
        "=",
        " = ; Path=/",
        "a=\u{1}",
        "a=\u{7f}",
        "a=1; Path=\u{0}",
    ] {
        assert_eq!(SetCookie::parse(nothing.as_bytes()), None, "{nothing:?}");
    }
    let long = format!("a={}", "x".repeat(4095));
    assert!(SetCookie::parse(long.as_bytes()).is_some());
    let long = format!("a={}", "x".repeat(4096));
    assert!(SetCookie::parse(long.as_bytes()).is_none());
    let far = format!("a=1; Path=/; Path=/{}", "x".repeat(1024));
    let far = SetCookie::parse(far.as_bytes()).unwrap();
    assert_eq!(
        far.path_attribute(),
        Some(&b"/"[..]),
        "one that is too long is ignored"
    );
}

#[test]
fn what_is_added_counts() {
    let cookie =
        parsed("a=secure; samesite=none; Expires=Wed, 01 Jan 2031 00:00:00 GMT; X; Secure=no");
    assert!(cookie.is_secure());
    let cookie = cookie
        .secure()
        .same_site(SameSite::Lax)
        .http_only()
        .named(&b"b"[..]);
    let text =
        "b=secure; Expires=Wed, 01 Jan 2031 00:00:00 GMT; X; Secure=no; SameSite=Lax; HttpOnly";
    assert_eq!(cookie.to_string(), text);
    assert_eq!(cookie.same_site_mode(), Some(SameSite::Lax));
    assert_eq!(parsed("a=; SameSite=sometimes").same_site_mode(), None);
    assert_eq!(parsed("__hOsT-a=1").prefix(), Some(Prefix::Host));
    assert_eq!(parsed("__secure-a=1").prefix(), Some(Prefix::Secure));
    assert_eq!(parsed("_Secure-a=1").prefix(), None);
}

#[test]
fn what_is_set_takes_the_place_of_what_was_there() {
    let cookie = parsed("a=1; Path=/x; Domain=b.test; domain=c.test; Max-Age=5");
    assert_eq!((cookie.domains(), cookie.bytes()), (2, 2));
    assert_eq!(cookie.domain_attribute(), Some(&b"c.test"[..]));
    let cookie = cookie.path("/y").domain("d.test").max_age(34_560_001);
    let text = "a=1; Path=/y; Domain=d.test; Max-Age=34560000";
    assert_eq!(cookie.to_string(), text, "browsers keep none for longer");
    assert_eq!(cookie.domains(), 1);
    assert_eq!(cookie.max_age(7).max_age_attribute(), Some(7));
}

#[test]
fn what_no_cookie_may_be() {
    for (name, value, told) in [
        ("", "1", "cannot name a cookie"),
        ("a b", "1", "cannot name a cookie"),
        ("a=", "1", "cannot name a cookie"),
        ("a", "x y", "`a` holds"),
        ("a", "x;Secure", "`a` holds"),
    ] {
        let error = SetCookie::new(name, value).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let value = "x".repeat(5000);
    let error = SetCookie::new("big", &value).unwrap_err().to_string();
    assert!(
        error.contains("has 5003 bytes") && error.contains("907 more"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read(header in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Some(cookie) = SetCookie::parse(&header) {
            let text = cookie.text();
            let again = SetCookie::parse(&text).unwrap();
            prop_assert_eq!(again.text(), text.clone(), "it stays what it is");
            prop_assert_eq!((again.name(), again.value()), (cookie.name(), cookie.value()));
            prop_assert_eq!(again.same_site_mode(), cookie.same_site_mode());
            prop_assert!(cookie.to_header().is_some());
        }
    }

    #[test]
    fn nothing_gets_weaker(header in "[a-z]{1,3}=[a-z]{0,3}(; ?(Path=/|path=/x|Secure|HttpOnly|samesite=strict|SameSite=lax|Domain=x[.]y|Max-Age=[0-9]{1,3}|[a-z]{1,4})){0,5}") {
        let before = SetCookie::parse(header.as_bytes()).unwrap();
        let after = before.clone().secure().http_only();
        prop_assert!(after.is_secure() && after.is_http_only());
        prop_assert_eq!(after.same_site_mode(), before.same_site_mode());
        prop_assert_eq!(after.path_attribute(), before.path_attribute());
        prop_assert_eq!(after.domain_attribute(), before.domain_attribute());
        prop_assert_eq!(after.max_age_attribute(), before.max_age_attribute());
    }
}
