use bytes::Bytes;
use http::{Request, Response, StatusCode};
use panoply_core::{
    CausedElsewhere, CertificateSource, ClientCertificate, Connection, SiteOrigin, TlsSession,
};
use proptest::prelude::*;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::guard::read_source;
use super::*;

fn guard(text: &str) -> CrossSiteGuard {
    let config: CrossSiteConfig = toml::from_str(text).unwrap();
    config.build().unwrap()
}

/// A request of the host `shop.example` with these headers, written `name: value`.
fn request(method: &str, path: &str, headers: &[&str]) -> Request<()> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "shop.example");
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

fn passes(guard: &CrossSiteGuard, method: &str, path: &str, headers: &[&str]) -> bool {
    guard.verdict(&request(method, path, headers)) != Verdict::CrossSite
}

const COOKIE: &str = "cookie: sid=1";

#[test]
fn as_go_decides() {
    let guard = guard("");
    for (headers, passed) in [
        (&[][..], true),
        (&["sec-fetch-site: same-origin"], true),
        (&["sec-fetch-site: none"], true),
        (&["sec-fetch-site: cross-site"], false),
        (&["sec-fetch-site: same-site"], false),
        (&["sec-fetch-site: same-site, none"], false),
        (&["sec-fetch-site: "], true),
        (
            &[
                "sec-fetch-site: same-origin",
                "origin: https://evil.example",
            ],
            true,
        ),
        (
            &["sec-fetch-site: cross-site", "origin: https://shop.example"],
            false,
        ),
        (&["origin: https://shop.example"], true),
        (&["origin: http://shop.example"], false),
        (&["origin: https://shop.example:443"], true),
        (&["origin: https://SHOP.example"], true),
        (&["origin: https://shop.example:8443"], false),
        (&["origin: https://evil.example"], false),
        (&["origin: https://shop.example.evil.example"], false),
        (&["origin: null"], false),
        (&["origin: shop.example"], false),
        (&["origin: "], false),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "LOCK"] {
            let all = [&[COOKIE], headers].concat();
            // The host of plain HTTP is on port 80 to one who says `http`, on 443 to the other.
            let passed = passed || headers == ["origin: http://shop.example"];
            assert_eq!(
                passes(&guard, method, "/", &all),
                passed,
                "{method} {headers:?}"
            );
            assert!(passes(&guard, method, "/", headers), "without a cookie");
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            let all = [&[COOKIE], headers].concat();
            assert!(passes(&guard, method, "/", &all), "{method} {headers:?}");
        }
    }
}

#[test]
fn a_link_that_says_a_method_is_no_reading() {
    let guard = guard("");
    let other = [COOKIE, "sec-fetch-site: cross-site"];
    for method in ["GET", "HEAD", "OPTIONS"] {
        for path in [
            "/account?_method=DELETE",
            "/account?x=1&_METHOD=post",
            "/account?%5fmetho%64=%50UT",
            "/?_method=get&_method=patch",
        ] {
            assert!(!passes(&guard, method, path, &other), "{method} {path}");
            for own in ["sec-fetch-site: same-origin", "sec-fetch-site: none"] {
                assert!(passes(&guard, method, path, &[COOKIE, own]), "{path}");
            }
            // Without anything that a browser adds, and from what is no browser.
            assert!(
                passes(&guard, method, path, &other[1..])
                    && passes(&guard, method, path, &[COOKIE])
            );
        }
        for path in [
            "/?_method=GET",
            "/?a_b=%20&method=delete",
            "/?__method=put",
            "/_method=put",
        ] {
            assert!(passes(&guard, method, path, &other), "{method} {path}");
        }
    }
}

#[test]
fn web_sockets_are_no_reading() {
    let guard = guard("");
    let asks = [COOKIE, "connection: Upgrade", "upgrade: WebSocket"];
    let with = |more: &[&'static str]| [&asks[..], more].concat();
    assert!(passes(
        &guard,
        "GET",
        "/ws",
        &with(&["origin: https://shop.example"])
    ));
    assert!(!passes(
        &guard,
        "GET",
        "/ws",
        &with(&["origin: https://evil.example"])
    ));
    assert!(!passes(
        &guard,
        "GET",
        "/ws",
        &with(&["sec-fetch-site: cross-site"])
    ));
    assert!(passes(&guard, "GET", "/ws", &with(&[])), "no browser");
    for no_handshake in ["connection: keep-alive", "upgrade: websocket"] {
        let link = [COOKIE, "sec-fetch-site: cross-site", no_handshake];
        assert!(passes(&guard, "GET", "/ws", &link), "{no_handshake}");
    }
}

#[test]
fn a_cookie_is_not_all_that_a_browser_adds() {
    let guard = guard("");
    let evil = "sec-fetch-site: cross-site";
    for (added, passed) in [
        ("authorization: Basic YWRhOnJpZ2h0", false),
        ("authorization:  bAsIc YWRhOnJpZ2h0", false),
        ("authorization: Digest username=\"ada\"", false),
        ("authorization: Negotiate YII=", false),
        ("authorization: NTLM TlRM", false),
        ("client-cert: :MAMCAQU=:", false),
        // A script has these, and the app's leave to send them.
        ("authorization: Bearer abc", true),
        ("authorization: Basically nothing", true),
        ("authorization: ", true),
    ] {
        assert_eq!(
            passes(&guard, "POST", "/", &[added, evil]),
            passed,
            "{added}"
        );
        assert!(
            passes(&guard, "POST", "/", &[added]),
            "{added} of no browser"
        );
        assert!(
            passes(&guard, "GET", "/", &[added, evil]),
            "{added} by a link"
        );
        let asks = ["connection: Upgrade", "upgrade: websocket", added, evil];
        assert_eq!(passes(&guard, "GET", "/ws", &asks), passed, "{added}");
    }
    let mut request = request("POST", "/", &[evil]);
    let peer = "192.0.2.1:9".parse().unwrap();
    let by = |session: TlsSession| Connection::new(peer, Some(session));
    let session = TlsSession::new(CertificateSource::Files, None);
    request.extensions_mut().insert(by(session.clone()));
    assert_eq!(guard.verdict(&request), Verdict::Bare);
    let known = session.with_client(ClientCertificate::new(vec![0x30]));
    request.extensions_mut().insert(by(known));
    assert_eq!(guard.verdict(&request), Verdict::CrossSite);
}

#[test]
fn what_is_no_origin_is_none() {
    for none in [
        "https://a.example:",
        "https://:443",
        "https://",
        "https://a.example:99999",
        "ftp://a.example",
        "https://a@b.example",
    ] {
        assert_eq!(SiteOrigin::parse(none), None, "{none}");
    }
    let read = |origin| read_source(origin).unwrap();
    let host = "a.example".to_owned();
    assert_eq!(read("https://A.example"), (true, host.clone(), 443));
    assert_eq!(read("http://a.example"), (false, host.clone(), 80));
    assert_eq!(read("http://a.example:8080"), (false, host, 8080));
}

#[test]
fn what_is_built_is_what_is_read() {
    let built = CrossSiteConfig::new()
        .danger_enabled(false)
        .paths(["/webhooks/"])
        .origins(["https://partner.example"])
        .without_cookie(true);
    let read = toml::from_str(
        "enabled = false\npaths = ['/webhooks/']\norigins = ['https://partner.example']\n\
         without_cookie = true",
    );
    assert_eq!(built, read.unwrap());
    assert!(CrossSiteConfig::new().is_enabled() && !built.is_enabled());
}

#[test]
fn the_app_sees_nothing_of_what_is_refused_and_the_log_is_told_once() {
    let service = CrossSiteLayer::new(guard("")).layer(service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(Bytes::from("app")))
    }));
    let answer = |headers: &[&str]| {
        let call = service.clone().oneshot(request("POST", "/", headers));
        let answer = futures_executor::block_on(call).unwrap();
        (answer.status(), answer.into_body())
    };
    let told = crate::said::said(|| {
        let own = [COOKIE, "origin: https://shop.example"];
        assert_eq!(answer(&own), (StatusCode::OK, Bytes::from("app")));
        for _ in 0..3 {
            let (status, body) = answer(&[COOKIE, "origin: https://evil.example"]);
            assert_eq!(status, StatusCode::FORBIDDEN);
            assert_ne!(body, "app");
        }
    });
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("https://evil.example"), "{told}");
}

#[test]
fn what_brings_nothing_goes_on_and_says_where_it_is_from() {
    let service = CrossSiteLayer::new(guard("paths = ['/api/']")).layer(service_fn(
        async |request: Request<()>| {
            let caused = request.extensions().get::<CausedElsewhere>();
            Ok::<_, std::convert::Infallible>(Response::new(Bytes::from(match caused {
                Some(_) => "elsewhere",
                None => "here",
            })))
        },
    ));
    let evil = "sec-fetch-site: cross-site";
    for (method, path, headers, told) in [
        ("POST", "/login", &[evil][..], "elsewhere"),
        ("POST", "/login", &["origin: null"], "elsewhere"),
        ("GET", "/login?_method=POST", &[evil], "elsewhere"),
        ("POST", "/login", &["sec-fetch-site: same-origin"], "here"),
        ("POST", "/login", &[], "here"),
        ("GET", "/login", &[evil], "here"),
        ("POST", "/api/login", &[evil], "here"),
    ] {
        let call = service.clone().oneshot(request(method, path, headers));
        let answer = futures_executor::block_on(call).unwrap();
        assert_eq!(answer.into_body(), told, "{method} {path} {headers:?}");
    }
}

#[test]
fn exceptions_and_no_more() {
    let guard = guard(
        "paths = ['/webhooks/', '/pay']\norigins = ['https://Partner.example', 'http://[::1]:3000']\n\
         without_cookie = true",
    );
    let other = ["origin: https://evil.example"];
    for path in [
        "/webhooks/",
        "/webhooks",
        "/webhooks/a/b",
        "/pay",
        "/pay?x=1",
    ] {
        assert!(passes(&guard, "POST", path, &other), "{path}");
    }
    for path in [
        "/",
        "/webhooksx",
        "/pay/",
        "/payx",
        "/webhooks/../account",
        "/webhooks/%2e%2e/account",
        "/webhooks/..;/account",
        "/webhooks//account",
        "/webhooks/(S(x))x/account",
        "/webhooks/\\account",
        "/WEBHOOKS/",
    ] {
        let Ok(uri) = path.parse::<http::Uri>() else {
            continue;
        };
        assert!(!passes(&guard, "POST", &uri.to_string(), &other), "{path}");
    }
    assert!(passes(
        &guard,
        "POST",
        "/",
        &["origin: https://partner.example"]
    ));
    assert!(passes(&guard, "POST", "/", &["origin: http://[::1]:3000"]));
    assert!(passes(
        &guard,
        "POST",
        "/",
        &[
            "sec-fetch-site: same-site",
            "origin: https://partner.example:443"
        ]
    ));
    assert!(!passes(
        &guard,
        "POST",
        "/",
        &["origin: http://partner.example"]
    ));
    assert!(!passes(&guard, "POST", "/", &["sec-fetch-site: same-site"]));
}

#[test]
fn the_host_that_was_meant() {
    let guard = guard("");
    let made = |uri: &str| {
        let request = Request::post(uri).header("cookie", "a=1");
        request
            .header("origin", "https://shop.example:8443")
            .body(())
            .unwrap()
    };
    assert_eq!(
        guard.verdict(&made("https://shop.example:8443/")),
        Verdict::Passes
    );
    assert_eq!(
        guard.verdict(&made("https://shop.example/")),
        Verdict::CrossSite
    );
    assert_eq!(
        guard.verdict(&made("/")),
        Verdict::CrossSite,
        "no host at all"
    );
    // A port above 65535 is none, and not the usual one.
    for host in ["shop.example:99999", "shop.example:65536"] {
        let origin = "https://shop.example";
        let by = |uri: &str, header| {
            let request = Request::post(uri)
                .header("cookie", "a=1")
                .header("origin", origin);
            let request = request.header("host", header).body(()).unwrap();
            guard.verdict(&request)
        };
        assert_eq!(by("/", host), Verdict::CrossSite, "{host}");
        let target = format!("https://{host}/");
        assert_eq!(by(&target, "shop.example"), Verdict::CrossSite, "{target}");
    }
}

#[test]
fn a_path_may_have_letters_and_what_may_be_another_is_none() {
    for written in ["/caf\u{e9}/", "/caf%C3%A9/", "/caf%c3%a9/"] {
        let guard = guard(&format!("paths = ['{written}', '/stra\u{df}e']"));
        let passes = |path: &str| {
            let request = request("POST", path, &[COOKIE, "origin: https://evil.example"]);
            guard.verdict(&request) == Verdict::Passes
        };
        for path in [
            "/caf%C3%A9/x",
            "/caf%c3%a9/stra%C3%9Fe",
            "/caf\u{e9}",
            "/stra%C3%9Fe",
        ] {
            assert!(passes(path), "{written} {path}");
        }
        for path in [
            "/caf%E9/x",
            "/cafe%CC%81/x",
            "/CAF%C3%89/x",
            "/caf%25C3%25A9/x",
            "/caf%C3%A9/%2e%2e/x",
            "/caf%C3%A9/%E2%80%A5/x",
            "/caf%C3%A9/%EF%BC%8E%EF%BC%8E/x",
            "/caf%C3%A9/.%E2%80%8B./x",
            "/caf%C3%A9/a%C0%AFb",
            "/caf%C3%A9/a%20",
            "/stra%C3%9Fe/x",
        ] {
            assert!(!passes(path), "{written} {path}");
        }
    }
}

#[test]
fn errors_teach() {
    for (text, told) in [
        (
            "paths = ['webhooks']",
            "cross_site.paths: `webhooks` is no path; write paths such as `[\"/webhooks/\"",
        ),
        ("paths = ['/a/*']", "`/a/*` is no path"),
        (
            "paths = ['/a/../b']",
            "`/a/../b` may be read as another path",
        ),
        (
            "paths = ['/caf%E9/']",
            "`/caf%E9/` may be read as another path",
        ),
        ("paths = ['/']", "is every path"),
        (
            "origins = ['partner.example']",
            "`partner.example` is no origin: its scheme is missing",
        ),
        (
            "origins = ['https://partner.example/']",
            "is no origin: it has no path",
        ),
        (
            "origins = ['https://*.example']",
            "is no origin: each is named by itself",
        ),
        (
            "origins = ['https://partner.example/a']",
            "is no origin: it has no path",
        ),
        ("origins = ['null']", "`null` is no origin"),
    ] {
        let config: CrossSiteConfig = toml::from_str(text).unwrap();
        let error = config.build().unwrap_err();
        assert!(error.to_string().starts_with(error.key()), "{error}");
        let error = error.to_string();
        assert!(error.contains(told), "{error}");
    }
    assert!(
        guard("enabled = false").verdict(&request("POST", "/", &[COOKIE, "origin: null"]))
            == Verdict::Passes
    );
}

proptest! {
    #[test]
    fn no_origin_passes_for_another(host in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}", text in "https?://[ -~]{0,30}") {
        if let Some(source) = SiteOrigin::parse(&text) {
            let own = SiteOrigin::parse(&format!("https://{host}")).unwrap();
            if source == own {
                let text = text.to_ascii_lowercase();
                prop_assert!(text == format!("https://{host}") || text == format!("https://{host}:443"), "{}", text);
            }
        }
    }
}

/// The answer that a page of `origin` gets of a limit beyond a guard with that configuration, or of the app.
fn read_by(text: &str, origins: &[&str], refused: bool) -> Response<Bytes> {
    let app = service_fn(move |request: Request<()>| {
        let refusal = panoply_core::Refusal::new(StatusCode::TOO_MANY_REQUESTS, "test", "Later.")
            .with_retry_after(std::time::Duration::from_secs(9));
        let mut answer = refusal.answer_to(&request);
        answer
            .headers_mut()
            .insert("ratelimit", "\"/\";r=0;t=9".parse().unwrap());
        if !refused {
            answer.extensions_mut().clear();
        }
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let mut asked = Request::new(());
    for origin in origins {
        asked
            .headers_mut()
            .append("origin", origin.parse().unwrap());
    }
    let service = ReadableLayer::new(guard(text)).layer(app);
    futures_executor::block_on(service.oneshot(asked)).unwrap()
}

#[test]
fn a_page_of_a_listed_origin_can_read_why_it_was_refused() {
    let listed = "origins = [\"https://app.example\"]";
    for text in [
        listed,
        "enabled = false\norigins = [\"https://app.example\"]",
    ] {
        let answer = read_by(text, &["https://app.example"], true);
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("access-control-allow-origin"), "https://app.example");
        assert_eq!(header("access-control-allow-credentials"), "true");
        assert_eq!(
            header("access-control-expose-headers"),
            "retry-after, ratelimit"
        );
        assert_eq!(header("vary"), "origin");
    }
    let app = "https://app.example";
    for (text, origins, refused) in [
        // The app's own answers are its own, whatever their status.
        (listed, &[app][..], false),
        (listed, &["https://other.example"], true),
        (listed, &["https://app.example.other.example"], true),
        (listed, &["http://app.example"], true),
        (listed, &["null"], true),
        (listed, &[], true),
        (listed, &[app, "https://other.example"], true),
        ("", &[app], true),
    ] {
        let answer = read_by(text, origins, refused);
        let more = answer
            .headers()
            .keys()
            .filter(|name| name.as_str().starts_with("access-control") || name.as_str() == "vary");
        assert_eq!(more.count(), 0, "{text} {origins:?} {refused}");
    }
}
