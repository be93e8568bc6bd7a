//! Whole requests and their answers.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{Request, Response};
use panoply_cookies::SetCookie;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;

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
    let session = pair(&guard, "session=1").replace("=v1.", "=v1.a");
    for bad in [
        "basket=1",
        "basket=v1.a.b",
        "a=1; basket=v0.a.b.c",
        &session,
    ] {
        let refused = whole(&guard, "/", bad, app()).await;
        assert_eq!(refused.status(), 400, "{bad}");
        assert!(String::from_utf8_lossy(refused.body()).contains("Clear the site's cookies"));
    }
    let good = pair(&guard, "basket=1");
    for good in [
        good.as_str(),
        "basket=",
        "connect.sid=planted",
        "session=planted",
        "basket=a\tb",
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
    let guard = guard("logout = ['/logout']\nseal = ['basket']\nnames.theme2.rename = true");
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
        ("/", &pair(&guard, "basket=1"), app(), true),
        ("/", &pair(&guard, "theme2=1"), app(), true),
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
    let keeps = self::guard("no_store = false");
    let headers = answer(&keeps, "/", "_shop_session=1", leave(200)).await;
    assert_eq!(kept(&headers), None);
    let off = self::guard("enabled = false\nlogout = ['/logout']");
    let set = app().header(SET_COOKIE, "connect.sid=1").body(()).unwrap();
    let headers = answer(&off, "/logout", "connect.sid=1", set).await;
    assert_eq!(headers[SET_COOKIE], "connect.sid=1");
    assert_eq!(headers.len(), 1);
    let came = "connect.sid=1; $x=1";
    assert_eq!(incoming(&off, &[came], true).as_deref(), Some(came));
}

/// A browser of one site: what it keeps, by name and path.
#[derive(Default)]
struct Browser(Vec<(String, String, String)>);

impl Browser {
    /// Visits a path at which the app says `set`; what the app saw before.
    async fn visit(&mut self, guard: &CookieGuard, path: &str, set: &str) -> Option<String> {
        let mine: Vec<String> = { self.0.iter() }
            .map(|(name, _, value)| format!("{name}={value}"))
            .collect();
        let seen = incoming(guard, &[&mine.join("; ")], true).filter(|it| !it.is_empty());
        let mut app = Response::new(());
        { app.headers_mut() }.insert(SET_COOKIE, HeaderValue::from_str(set).unwrap());
        let answer = answer(guard, path, "", app).await;
        let kept = SetCookie::parse(answer[SET_COOKIE].as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let folder = path
            .rsplit_once('/')
            .map(|(folder, _)| folder)
            .filter(|it| !it.is_empty());
        let folder = folder.unwrap_or("/").to_owned();
        let at = kept.path_attribute().map_or(folder, text);
        let name = text(kept.name());
        assert!(!name.starts_with("__Host-") || kept.path_attribute() == Some(b"/"));
        self.0.retain(|(own, path, _)| *own != name || *path != at);
        if kept.max_age_attribute() != Some(0) {
            self.0.push((name, at, text(kept.value())));
        }
        seen
    }
}

#[tokio::test]
async fn what_is_one_cookie_to_a_browser_is_one_outside() {
    let guard = guard("");
    for [first, then, gone] in [
        ["sid=1; Path=/", "sid=2", "sid=; Max-Age=0"],
        ["sid=1", "sid=2; Path=/", "sid=; Path=/; Max-Age=0"],
        ["sid=1", "sid=2; Path=", "sid=; path=x; Max-Age=0"],
    ] {
        let [first, then, gone] = [first, then, gone].map(|it| it.replace("sid", "session_id"));
        let mut browser = Browser::default();
        assert_eq!(browser.visit(&guard, "/login", &first).await, None);
        let seen = browser.visit(&guard, "/again", &then).await;
        assert_eq!(seen.as_deref(), Some("session_id=1"), "{first}");
        let seen = browser.visit(&guard, "/logout", &gone).await;
        assert_eq!(seen.as_deref(), Some("session_id=2"), "{then}");
        assert!(browser.0.is_empty(), "{gone}: {:?}", browser.0);
    }
    // Below the root one without a path is of that folder, as it is naked.
    let mut browser = Browser::default();
    browser.visit(&guard, "/app/login", "session_id=1").await;
    browser
        .visit(&guard, "/logout", "session_id=; Max-Age=0")
        .await;
    assert_eq!(browser.0.len(), 1);
    // One that keeps its name keeps its path.
    let mut app = Response::new(());
    { app.headers_mut() }.insert(SET_COOKIE, HeaderValue::from_static("theme=1"));
    let answer = answer(&guard, "/", "", app).await;
    assert_eq!(
        answer[SET_COOKIE],
        "theme=1; Secure; SameSite=Lax; HttpOnly"
    );
}

/// cookie-session says how long by `Expires` alone.
#[test]
fn a_seal_ends_with_its_cookie() {
    let config = CookieGuardConfig::new();
    let clock = ManualClock::new();
    let (keys, secret) = (KeyRing::random().unwrap(), CounterKeys::new([7; 16]));
    let guard = CookieGuard::new(config, None, &keys, "a", &secret, clock.clone());
    // It begins with 2030.
    let sets = [
        "session=1; expires=Wed, 01 Jan 2031 00:00:00 GMT",
        "session=2; Max-Age=31536001; expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "session=3",
    ];
    let [soon, later, longest] = sets.map(|set| pair(&guard, set));
    clock.advance(std::time::Duration::from_secs(365 * 86_400 - 1));
    assert_eq!(incoming(&guard, &[&soon], true).unwrap(), "session=1");
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(incoming(&guard, &[&soon], true), None);
    assert_eq!(incoming(&guard, &[&later], true).unwrap(), "session=2");
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(incoming(&guard, &[&later], true), None);
    assert_eq!(incoming(&guard, &[&longest], true).unwrap(), "session=3");
    clock.advance(std::time::Duration::from_hours(35 * 24));
    assert_eq!(incoming(&guard, &[&longest], true), None);
}

/// PHP has `_` for what no variable's name may have.
/// What a client's line of cookies is to the app, byte by byte.
fn seen(guard: &CookieGuard, line: &[u8], https: bool) -> Vec<u8> {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_bytes(line).unwrap());
    guard.incoming(&mut headers, https);
    let seen = headers.get(COOKIE).map(HeaderValue::as_bytes);
    seen.unwrap_or_default().to_vec()
}

#[test]
fn names_with_blanks_around_them_that_apps_take_off_are_dropped() {
    let guard = guard("seal = ['basket']");
    // As UTF-8 for Django, and for what reads ISO 8859-1, as Starlette and Node do.
    let blanks = [
        &b"\xc2\xa0"[..],
        b"\xc2\x85",
        b"\xe2\x80\x80",
        b"\xe2\x80\xa8",
        b"\xe3\x80\x80",
        b"\xef\xbb\xbf",
        b"\xa0",
        b"\x85",
        b"\xa0 \x85",
    ];
    let names = [
        "connect.sid",
        "sessionid",
        "basket",
        "_shop_session",
        "ci.session",
    ];
    for (blank, name) in blanks
        .iter()
        .flat_map(|blank| names.map(|name| (*blank, name)))
    {
        let name = name.as_bytes();
        for cookie in [
            [blank, name].concat(),
            [name, blank].concat(),
            [blank, name, blank].concat(),
        ] {
            let line = [&b"a=1; "[..], &cookie, b"=planted"].concat();
            assert_eq!(seen(&guard, &line, true), b"a=1", "{}", line.escape_ascii());
        }
    }
    // Others may be called so, and letters of other languages end in the same bytes.
    for line in [&b"\xc2\xa0theme=1"[..], b"session\xc3\xa0=1", b"\xa0=1"] {
        assert_eq!(seen(&guard, line, true), line);
    }
    assert_eq!(seen(&guard, b"\xa0basket=forged", false), b"");
}

#[test]
fn nothing_is_shown_under_a_sealed_name_by_another_spelling() {
    let sealing = guard("seal = ['my_cart', 'role']");
    for line in [
        // PHP's.
        "my.cart=1",
        "my[cart=1",
        "my_cart[admin]=1",
        "role[admin]=1",
        // Python's, and that of RFC 2109.
        "a=1 role=admin",
        "a=\"1\"role=admin",
        "a=1,role=admin",
        "a role=admin",
    ] {
        for https in [true, false] {
            assert_eq!(seen(&sealing, line.as_bytes(), https), b"", "{line}");
        }
    }
    for line in ["my-cart=1", "roles[1]=1", "a=1 roles=2", "a=the role"] {
        assert_eq!(seen(&sealing, line.as_bytes(), true), line.as_bytes());
    }
    let lenient = guard("seal = ['role']\nunsealable = 'pass'");
    assert_eq!(seen(&lenient, b"a=1 role=admin", true), b"a=1 role=admin");
}

#[test]
fn names_that_php_takes_for_another_are_dropped() {
    let guard = guard("");
    for planted in [
        "laravel.session",
        "laravel session",
        "laravel[session",
        "ci.session",
    ] {
        let cookies = format!("{planted}=1; a.b=2; connect.sid.x=3; session.id=4");
        let seen = incoming(&guard, &[&cookies], true);
        assert_eq!(
            seen.as_deref(),
            Some("a.b=2; connect.sid.x=3; session.id=4")
        );
    }
    let named = self::guard("rename = false");
    let seen = incoming(&named, &["laravel.session=1"], true);
    assert_eq!(seen.as_deref(), Some("laravel.session=1"));
}

/// To .NET `.aspnetcore.session` is the session as well.
#[test]
fn names_that_dot_net_takes_for_another_are_dropped() {
    let guard = guard("");
    for planted in [
        ".aspnetcore.session",
        "asp.net_sessionid",
        ".AspNetCore.SESSION",
    ] {
        let cookies = format!("{planted}=1; a=2");
        let seen = incoming(&guard, &[&cookies], true);
        assert_eq!(seen.as_deref(), Some("a=2"), "{planted}");
    }
}

/// A neighbouring host can set a cookie in whose value some parsers find another.
#[test]
fn a_cookie_that_holds_another_is_dropped() {
    let guard = guard("");
    for planted in [
        "x=1 session=2",
        "x=1, JSESSIONID=2",
        "x=1,JSESSIONID=2",
        "x=\"1\" sessionid = 2",
        "x=\"1\"session=2",
        "x=1\t connect.sid= 2",
        "x=1 laravel.session=2",
        "x=\"1",
        "x=\"",
        "x,JSESSIONID=2",
        "x, session=2",
        "x session=2",
        "x laravel.session=2",
    ] {
        let cookies = format!("a=1; {planted}; b=2");
        let seen = incoming(&guard, &[&cookies], true);
        assert_eq!(seen.as_deref(), Some("a=1; b=2"), "{planted}");
    }
    for honest in [
        "x=1 2",
        "x=session=2",
        "x=a session",
        "x=\"a b\"",
        "x={\"id\":7}",
        "x=a, b=c",
        "x=my-session, 2",
        "x=1&session=2",
        "x,y=2",
        "my-session=2",
        "session,x=2",
    ] {
        let seen = incoming(&guard, &[honest], true);
        assert_eq!(seen.as_deref(), Some(honest));
    }
    // The app's own, under the name that it has outside.
    let own = pair(&guard, "connect.sid=1 session=2");
    let seen = incoming(&guard, &[&own], true);
    assert_eq!(seen.as_deref(), Some("connect.sid=1 session=2"));
}

#[tokio::test]
async fn one_within_another_leaves_all_to_it() {
    let guard = guard("");
    let app = service_fn(async |request: Request<()>| {
        let came = request.headers().get(COOKIE).cloned();
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(
            SET_COOKIE,
            HeaderValue::from_static("PHPSESSID=new; Path=/"),
        );
        headers.extend(came.map(|came| (http::header::VIA, came)));
        Ok::<_, std::convert::Infallible>(response)
    });
    let layer = CookieGuardLayer::new(guard.clone());
    let service = layer.layer(layer.layer(app));
    let request = Request::get("https://a.example/")
        .header(COOKIE, pair(&guard, "PHPSESSID=1"))
        .body(())
        .unwrap();
    let answer = service.oneshot(request).await.unwrap();
    assert_eq!(answer.headers()[http::header::VIA], "PHPSESSID=1");
    let sent = answer.headers()[SET_COOKIE].to_str().unwrap();
    assert_eq!(sent, out(&guard, "PHPSESSID=new; Path=/", true));
}

#[tokio::test]
async fn a_session_that_is_given_is_in_no_cache_that_many_share() {
    let public = "public, max-age=3600";
    let set = "connect.sid=1; Path=/";
    for (config, cookie, media, said, expected) in [
        ("", set, "text/html", public, Some("private, max-age=3600")),
        ("", set, "text/css", "s-maxage=60", Some("private")),
        ("", set, "text/css", "", Some("private")),
        ("", set, "text/html", "", Some("no-store")),
        ("", set, "text/html", "no-cache", Some("private, no-cache")),
        // Whoever wants nothing said of keeping did not mean this.
        (
            "no_store = false",
            set,
            "text/css",
            public,
            Some("private, max-age=3600"),
        ),
        ("no_store = false", set, "text/css", "", None),
        // One that is no session's, and an answer that sets none.
        ("", "theme=dark", "text/css", public, Some(public)),
        ("", "", "text/css", public, Some(public)),
    ] {
        let guard = guard(config);
        let session = pair(&guard, "connect.sid=1");
        for asked in ["", &session] {
            let mut app = Response::builder()
                .header("content-type", media)
                .header("cdn-cache-control", "max-age=60");
            for (name, value) in [("set-cookie", cookie), ("cache-control", said)] {
                if !value.is_empty() {
                    app = app.header(name, value);
                }
            }
            let headers = answer(&guard, "/a", asked, app.body(()).unwrap()).await;
            let kept = headers
                .get(CACHE_CONTROL)
                .map(|value| value.to_str().unwrap());
            assert_eq!(kept, expected, "{config} {cookie} {media} {said}");
            let for_caches = headers.contains_key("cdn-cache-control");
            assert_eq!(
                for_caches,
                cookie != set,
                "{config} {cookie} {media} {said}"
            );
        }
    }
}
