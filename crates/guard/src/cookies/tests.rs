use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response};
use panoply_cookies::KeyRing;
use panoply_core::{CounterKeys, ManualClock};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;

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
        "script_readable = ['lang', 'ab_*']\nleave = ['old*']\nnames.embed = { same_site = 'none' }\nnames.admin = { same_site = 'strict' }",
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
    let (base, signature) = (pair(&one, "koa.sess=1"), pair(&one, "koa.sess.sig=2"));
    let (base, signature) = (
        base.split_once('=').unwrap().0,
        signature.split_once('=').unwrap().0,
    );
    assert_eq!(format!("{base}.sig"), signature);
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

async fn answer(guard: &CookieGuard, path: &str, cookie: &str, app: Response<()>) -> HeaderMap {
    whole(guard, path, cookie, app).await.into_parts().0.headers
}

async fn whole(
    guard: &CookieGuard,
    path: &str,
    cookie: &str,
    app: Response<()>,
) -> Response<Bytes> {
    let app = std::sync::Mutex::new(Some(app));
    let app = service_fn(|_: Request<()>| {
        let answer = app.lock().unwrap().take().unwrap();
        std::future::ready(Ok::<_, Infallible>(answer.map(|()| Bytes::new())))
    });
    let mut request = Request::get(format!("https://a.example{path}"));
    if !cookie.is_empty() {
        request = request.header(COOKIE, cookie);
    }
    let service = CookieGuardLayer::new(guard.clone()).layer(app);
    service.oneshot(request.body(()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn what_does_not_open_may_block() {
    let guard = guard("seal = ['basket']\nunsealable = 'block'");
    let app = || Response::new(());
    for bad in ["basket=1", "basket=v1.a.b", "a=1; basket=v0.a.b.c"] {
        let refused = whole(&guard, "/", bad, app()).await;
        assert_eq!(refused.status(), 400, "{bad}");
        assert!(String::from_utf8_lossy(refused.body()).contains("Clear the site's cookies"));
    }
    let good = pair(&guard, "basket=1");
    for good in [
        good.as_str(),
        "basket=",
        "connect.sid=planted",
        "a=1",
        "$x=1; =1",
    ] {
        assert_eq!(
            whole(&guard, "/", good, app()).await.status(),
            200,
            "{good}"
        );
    }
}

#[tokio::test]
async fn nobody_keeps_what_is_of_a_session() {
    let guard = guard("logout = ['/logout']");
    let sid = pair(&guard, "connect.sid=1");
    let kept = |headers: &HeaderMap| headers.get(CACHE_CONTROL).cloned();
    let no_store = Some(HeaderValue::from_static("no-store"));
    let app = || Response::builder();
    for (path, cookie, response, expected) in [
        ("/", sid.as_str(), app(), true),
        (
            "/",
            "_shop_session=1",
            app().header("content-type", "text/html"),
            true,
        ),
        ("/", "theme=1", app(), false),
        ("/", "", app(), false),
        ("/", "", app().header(SET_COOKIE, "connect.sid=1"), true),
        ("/", "", app().header(SET_COOKIE, "theme=1"), false),
        ("/", &sid, app().header("content-type", "IMAGE/png"), false),
        (
            "/",
            &sid,
            app().header("content-type", "text/css; charset=utf-8"),
            false,
        ),
        ("/", &sid, app().header("expires", "0"), false),
        ("/", &sid, app().header("pragma", "no-cache"), false),
        ("/", &sid, app().status(304), false),
        ("/", &sid, app().status(101), false),
        ("/", "connect.sid=planted", app(), false),
    ] {
        let headers = answer(&guard, path, cookie, response.body(()).unwrap()).await;
        assert_eq!(kept(&headers) == no_store, expected, "{cookie} {headers:?}");
        assert!(!headers.contains_key("clear-site-data"));
    }
    let own = app().header(CACHE_CONTROL, "max-age=60").body(()).unwrap();
    let headers = answer(&guard, "/", &sid, own).await;
    assert_eq!(headers[CACHE_CONTROL], "max-age=60");
    let leave = |status: u16| app().status(status).body(()).unwrap();
    let headers = answer(&guard, "/logout/", &sid, leave(302)).await;
    assert_eq!(
        headers["clear-site-data"],
        "\"cache\", \"cookies\", \"storage\""
    );
    let headers = answer(&guard, "/logout", &sid, leave(500)).await;
    assert!(!headers.contains_key("clear-site-data"));
    let off = self::guard("enabled = false\nlogout = ['/logout']");
    let set = app().header(SET_COOKIE, "connect.sid=1").body(()).unwrap();
    let headers = answer(&off, "/logout", "connect.sid=1", set).await;
    assert_eq!(headers[SET_COOKIE], "connect.sid=1");
    assert_eq!(headers.len(), 1);
}

#[test]
fn what_it_says_of_itself() {
    let guard = guard(
        "script_readable = ['theme']\nleave = ['raw']\nnames.admin = { same_site = 'strict' }",
    );
    let all = guard.explain();
    let said = |name: &str| {
        let fate = all.iter().find(|fate| fate.name == name).unwrap();
        fate.to_string()
    };
    assert_eq!(
        said("connect.sid"),
        "another name, Secure, HttpOnly, SameSite=Lax"
    );
    assert!(said("session").contains(", sealed, "));
    assert_eq!(said("theme"), "Secure, SameSite=Lax (page script reads it)");
    assert_eq!(
        said("XSRF-TOKEN"),
        "Secure, SameSite=Lax (page script reads it)"
    );
    assert_eq!(said("raw"), "left as it is");
    assert_eq!(said("admin"), "Secure, HttpOnly, SameSite=Strict");
    assert_eq!(said("*"), "Secure, HttpOnly, SameSite=Lax");
    assert_eq!(self::guard("enabled = false").explain(), []);
}
