use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use panoply_cookies::KeyRing;
use panoply_core::{CounterKeys, ManualClock};

use super::*;

mod answers;
mod log;
mod settings;

fn guard(text: &str) -> CookieGuard {
    let config: CookieGuardConfig = toml::from_str(text).unwrap();
    let keys = KeyRing::random().unwrap();
    config
        .build(&keys, &CounterKeys::new([7; 16]), "a.example")
        .unwrap()
}

fn out(guard: &CookieGuard, set: &str, https: bool) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(SET_COOKIE, HeaderValue::from_str(set).unwrap());
    guard.outgoing(&mut headers, https);
    headers[SET_COOKIE].to_str().unwrap().to_owned()
}

fn incoming(guard: &CookieGuard, cookies: &[&str], https: bool) -> Option<String> {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers.append(COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
    }
    guard.incoming(&mut headers, https);
    assert!(headers.get_all(COOKIE).iter().count() <= 1 || cookies.len() > 1);
    headers
        .get(COOKIE)
        .map(|value| value.to_str().unwrap().to_owned())
}

/// Name and value outside of a cookie that the app sets with `Path=/`.
fn pair(guard: &CookieGuard, cookie: &str) -> String {
    let sent = out(guard, &format!("{cookie}; Path=/"), true);
    sent.split_once(';').unwrap().0.to_owned()
}

#[test]
fn flags() {
    let guard = guard(
        "script_readable = ['lang', 'ab_*']\nnames.own = { http_only = false }\nleave = ['old*']\nnames.embed = { same_site = 'none' }\nnames.admin = { same_site = 'strict' }",
    );
    for (set, https, sent) in [
        ("a=1", true, "a=1; Secure; SameSite=Lax; HttpOnly"),
        ("a=1", false, "a=1; SameSite=Lax; HttpOnly"),
        (
            "a=secure; httponly",
            true,
            "a=secure; httponly; Secure; SameSite=Lax",
        ),
        (
            "a=1; SameSite=None; SECURE",
            true,
            "a=1; SameSite=None; SECURE; HttpOnly",
        ),
        (
            "a=1; samesite=Strict",
            true,
            "a=1; samesite=Strict; Secure; HttpOnly",
        ),
        (
            "a=1; samesite=what",
            true,
            "a=1; Secure; SameSite=Lax; HttpOnly",
        ),
        (
            "lang=de; Path=/",
            true,
            "lang=de; Path=/; Secure; SameSite=Lax",
        ),
        ("ab_7=x", true, "ab_7=x; Secure; SameSite=Lax"),
        ("own=x", true, "own=x; Secure; SameSite=Lax"),
        // A signature is what its cookie is, but for a token that is not signed so.
        ("lang.sig=x", true, "lang.sig=x; Secure; SameSite=Lax"),
        (
            "csrftoken.sig=x",
            true,
            "csrftoken.sig=x; Secure; SameSite=Lax; HttpOnly",
        ),
        (
            "XSRF-TOKEN=x; Path=/",
            true,
            "XSRF-TOKEN=x; Path=/; Secure; SameSite=Lax",
        ),
        ("old_1=x", true, "old_1=x"),
        (
            "embed=x; SameSite=Lax",
            true,
            "embed=x; Secure; SameSite=None; HttpOnly",
        ),
        (
            "admin=x; SameSite=Lax",
            true,
            "admin=x; Secure; SameSite=Strict; HttpOnly",
        ),
        (
            "a=; Max-Age=0",
            true,
            "a=; Max-Age=0; Secure; SameSite=Lax; HttpOnly",
        ),
        ("", true, ""),
    ] {
        assert_eq!(out(&guard, set, https), sent);
    }
}

#[test]
fn names_are_others_outside() {
    let one = guard("");
    let sent = out(
        &one,
        "connect.sid=s%3A1; Path=/; HttpOnly; SameSite=Lax",
        true,
    );
    assert!(
        sent.starts_with("__Host-id-")
            && sent.ends_with("=s%3A1; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{sent}"
    );
    assert!(!sent.contains("connect"));
    // The same on every node, whatever its keys.
    assert_eq!(
        pair(&guard(""), "connect.sid=1"),
        pair(&one, "connect.sid=1")
    );
    assert!(out(&one, "connect.sid=1", true).starts_with("__Secure-id-"));
    assert!(out(&one, "connect.sid=1; Path=/; Domain=x.y", true).starts_with("__Secure-id-"));
    assert!(
        out(&one, "connect.sid=1; Path=/", false).starts_with("connect.sid=1"),
        "no prefix over HTTP"
    );
    // A deletion is of the same name.
    let deletion = out(
        &one,
        "connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        true,
    );
    assert_eq!(
        deletion.split_once('=').unwrap().0,
        sent.split_once('=').unwrap().0
    );
    assert!(deletion.contains("=; Path=/; Expires="), "{deletion}");
    // A signature goes with its own.
    for own in ["koa.sess", "session"] {
        let (base, signature) = (
            pair(&one, &format!("{own}=1")),
            pair(&one, &format!("{own}.sig=2")),
        );
        let (base, signature) = (
            base.split_once('=').unwrap().0,
            signature.split_once('=').unwrap().0,
        );
        assert_eq!(format!("{base}.sig"), signature);
    }
    for stays in [
        "__session=1",
        "theme=1",
        "AWSALB=1",
        "csrftoken=1",
        "_shop_session=1",
    ] {
        assert_eq!(pair(&one, stays), stays);
    }
    let some = guard("rename = false\nnames.theme.rename = true");
    assert_eq!(pair(&some, "connect.sid=1"), "connect.sid=1");
    assert!(pair(&some, "theme=1").starts_with("__Host-id-"));
    let for_script = guard("script_readable = ['connect.sid', 'session']");
    assert_eq!(pair(&for_script, "connect.sid=1"), "connect.sid=1");
    assert_eq!(pair(&for_script, "session=1"), "session=1");
    let some = guard("names.PHPSESSID.rename = false\nnames.sessionid.http_only = false");
    assert_eq!(pair(&some, "PHPSESSID=1"), "PHPSESSID=1");
    assert_eq!(pair(&some, "sessionid=1"), "sessionid=1");
    assert!(pair(&some, "connect.sid=1").starts_with("__Host-id-"));
}

#[test]
fn a_browser_keeps_what_goes_out() {
    let guard = guard("");
    for length in 4060..4096 {
        let line = format!("PHPSESSID={}", "x".repeat(length - 9));
        for end in ["; Path=/", ""] {
            let sent = out(&guard, &format!("{line}{end}; Secure; HttpOnly"), true);
            let (pair, _) = sent.split_once(';').unwrap();
            assert!(pair.len() - 1 <= 4096, "{length}");
        }
    }
}

#[test]
fn what_comes_in() {
    let guard = guard("");
    let sid = pair(&guard, "connect.sid=1");
    let other = out(&guard, "connect.sid=2; Path=/a", true);
    let other = other.split(';').next().unwrap();
    assert!(other.starts_with("__Secure-id-"));
    for (cookies, seen) in [
        (&["theme=dark; lang=de"][..], Some("theme=dark; lang=de")),
        (&["theme=dark;lang=de"], Some("theme=dark;lang=de")),
        (
            &["theme=dark; $Version=1; =x; nameless; a=\u{1}"],
            Some("theme=dark"),
        ),
        (&["$Path=/"], None),
        (&["connect.sid=planted"], None),
        (&["connect.sid=planted; theme=dark"], Some("theme=dark")),
        (
            &["_shop_session=1; _shop_session=2; a=1; a=2"],
            Some("_shop_session=1; a=1; a=2"),
        ),
        (
            &["_shop_session.sig=1; _shop_session.sig=2"],
            Some("_shop_session.sig=1"),
        ),
        (&["a=1", "b=2"], Some("a=1")),
    ] {
        let cookies: Vec<&str> = cookies.to_vec();
        let odd = cookies
            .iter()
            .any(|cookie| HeaderValue::from_bytes(cookie.as_bytes()).is_err());
        let cookies: Vec<String> = cookies.iter().map(|c| c.replace("; a=\u{1}", "")).collect();
        let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
        assert_eq!(
            incoming(&guard, &cookies, true).as_deref(),
            seen,
            "{cookies:?} {odd}"
        );
    }
    assert_eq!(incoming(&guard, &[&sid], true).unwrap(), "connect.sid=1");
    // Whatever comes first, the one that nobody else can have set is taken.
    for twice in [
        format!("connect.sid=0; {sid}; {other}"),
        format!("{other}; {sid}"),
        format!("{sid}; {sid}3; {other}"),
    ] {
        assert_eq!(incoming(&guard, &[&twice], true).unwrap(), "connect.sid=1");
    }
    // The name for the whole domain cannot be told from the other.
    let planted = sid.replace("__Host-", "__Secure-");
    assert_ne!(planted.split('=').next(), other.split('=').next());
    assert_eq!(
        incoming(&guard, &[&planted], true).unwrap(),
        planted,
        "nobody's cookie"
    );
    // Thousands of one name cost no more than as many of others.
    let many = "_a_session=;".repeat(2700);
    assert_eq!(incoming(&guard, &[&many], true).unwrap(), "_a_session=");
    let many: Vec<String> = (0..600).map(|number| format!("a{number}=1")).collect();
    let seen = incoming(&guard, &[&many.join("; ")], true).unwrap();
    assert!(seen.ends_with("; a499=1"), "more than any browser has");
    let apart = ["theme=dark", sid.as_str()];
    assert_eq!(
        incoming(&guard, &apart, true).unwrap(),
        "theme=dark; connect.sid=1",
        "HTTP/2 parts them"
    );
    // Over plain HTTP there are no other names.
    assert_eq!(
        incoming(&guard, &["connect.sid=1"], false).unwrap(),
        "connect.sid=1"
    );
    assert_eq!(incoming(&guard, &[&sid], false).unwrap(), sid);
}

#[test]
fn sealed_values() {
    let guard = guard("seal = ['basket']");
    for name in ["session", "session.sig", "basket", "rack.session"] {
        let pair = pair(&guard, &format!("{name}=eyJhIjoxfQ=="));
        assert!(pair.contains("=v1.") && !pair.contains("eyJ"), "{pair}");
        assert_eq!(
            incoming(&guard, &[&pair], true).unwrap(),
            format!("{name}=eyJhIjoxfQ==")
        );
        let (outside, value) = pair.split_once('=').unwrap();
        let changed = format!("{outside}={}A", &value[..value.len() - 1]);
        let changed = if changed == pair {
            format!("{outside}={}B", &value[..value.len() - 1])
        } else {
            changed
        };
        for bad in [
            changed,
            format!("{outside}=eyJhIjoyfQ=="),
            format!("{outside}=v0.a.b.c"),
        ] {
            assert_eq!(incoming(&guard, &[&bad], true), None, "{bad}");
        }
        assert_eq!(
            incoming(&guard, &[&format!("{outside}=")], true).unwrap(),
            format!("{name}=")
        );
    }
    // What deletes a cookie hides nothing.
    for deletes in [
        "basket=gone; Max-Age=0",
        "basket=gone; Max-Age=-1",
        "basket=",
    ] {
        let sent = out(&guard, deletes, true);
        assert!(sent.starts_with(&format!("{deletes};")), "{sent}");
    }
    // A value of one is not that of another.
    let (one, other) = (pair(&guard, "session=1"), pair(&guard, "basket=1"));
    let swapped = format!("basket={}", one.split_once('=').unwrap().1);
    assert_eq!(incoming(&guard, &[&swapped], true), None);
    assert_eq!(
        incoming(&guard, &[&other], false).unwrap(),
        "basket=1",
        "over HTTP too"
    );
    let lenient = self::guard("seal = ['basket']\nunsealable = 'pass'");
    assert_eq!(incoming(&lenient, &["basket=1"], true).unwrap(), "basket=1");
    // One too large to seal can be read and not be changed.
    let large = "x".repeat(3500);
    let marked = pair(&guard, &format!("basket={large}"));
    assert!(marked.starts_with("basket=v0.") && marked.ends_with(&large));
    assert_eq!(
        incoming(&guard, &[&marked], true).unwrap(),
        format!("basket={large}")
    );
    assert_eq!(incoming(&guard, &[&format!("{marked}x")], true), None);
    assert_eq!(incoming(&guard, &[&format!("basket={large}")], true), None);
}

#[test]
fn a_rotated_key_logs_nobody_out() {
    let (old, secret) = (KeyRing::random().unwrap(), CounterKeys::new([7; 16]));
    let guard = CookieGuardConfig::new().build(&old, &secret, "a").unwrap();
    let before = pair(&guard, "session=1");
    let new = old.rotate().unwrap();
    guard.use_keys(&new);
    let after = pair(&guard, "session=2");
    assert_eq!(incoming(&guard, &[&before], true).unwrap(), "session=1");
    assert_eq!(incoming(&guard, &[&after], true).unwrap(), "session=2");
    let (name, _) = before.split_once('=').unwrap();
    assert!(after.starts_with(&format!("{name}=v1.")));
    // A key that is gone opens nothing any more.
    guard.use_keys(&KeyRing::random().unwrap());
    assert_eq!(incoming(&guard, &[&before], true), None);
}

#[test]
fn until_a_day_the_plain_ones_are_taken() {
    let config: CookieGuardConfig = toml::from_str("plain_until = '2030-01-01'").unwrap();
    let clock = ManualClock::new();
    let keys = KeyRing::random().unwrap();
    let end = config.validate().unwrap();
    let secret = CounterKeys::new([7; 16]);
    let guard = CookieGuard::new(config, end, &keys, "a", &secret, clock.clone());
    let until = end.unwrap();
    let now = panoply_core::Clock::wall(&clock);
    let left = until.duration_since(now).unwrap();
    clock.advance(left.saturating_sub(std::time::Duration::from_secs(1)));
    assert_eq!(
        incoming(&guard, &["connect.sid=1; session=2"], true).unwrap(),
        "connect.sid=1; session=2"
    );
    let sid = pair(&guard, "connect.sid=own");
    let both = format!("connect.sid=1; {sid}");
    assert_eq!(incoming(&guard, &[&both], true).unwrap(), "connect.sid=own");
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(incoming(&guard, &["connect.sid=1; session=2"], true), None);
}
