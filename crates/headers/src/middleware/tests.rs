use std::convert::Infallible;
use std::rc::Rc;

use http::{Request, Response, StatusCode};
use panoply_core::{CertificateSource, ClientAddress, Connection, Nonce, Scheme, TlsSession};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use crate::{
    ContentSecurityPolicy, Directive, Header, Headers, HeadersConfig, Override, XFrameOptions,
};

const HELMET_CSP: &str = "default-src 'self';base-uri 'self';font-src 'self' https: data:;\
    form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';\
    script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';\
    upgrade-insecure-requests";

fn tls(source: CertificateSource) -> Connection {
    let session = TlsSession::new(source, None);
    Connection::new(([127, 0, 0, 1], 1).into(), Some(session))
}

fn https(path: &str) -> Request<()> {
    let mut request = Request::builder().uri(path).body(()).unwrap();
    request
        .extensions_mut()
        .insert(tls(CertificateSource::Files));
    request
}

/// The answer of an app that sets `set`, with a body and a future that no thread may be given.
async fn answer(
    config: HeadersConfig,
    request: Request<()>,
    set: &[(&'static str, &'static str)],
) -> Response<Rc<()>> {
    let set = set.to_vec();
    let app = service_fn(move |_: Request<()>| {
        let mut response = Response::builder();
        for (name, value) in &set {
            response = response.header(*name, *value);
        }
        let response = response.body(Rc::new(())).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let layer = config.build().unwrap().layer();
    layer.layer(app).oneshot(request).await.unwrap()
}

async fn header(config: HeadersConfig, name: &'static str, app: &[&'static str]) -> Vec<String> {
    let set: Vec<_> = app.iter().map(|value| (name, *value)).collect();
    let response = answer(config, https("/"), &set).await;
    let values = response.headers().get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn helmet_byte_for_byte() {
    let response = answer(
        Headers::helmet(),
        https("/"),
        &[("x-powered-by", "Express")],
    )
    .await;
    let mut sent: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    sent.sort();
    let csp = format!("content-security-policy: {HELMET_CSP}");
    assert_eq!(
        sent,
        [
            csp.as_str(),
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "origin-agent-cluster: ?1",
            "referrer-policy: no-referrer",
            "strict-transport-security: max-age=31536000; includeSubDomains",
            "x-content-type-options: nosniff",
            "x-dns-prefetch-control: off",
            "x-download-options: noopen",
            "x-frame-options: SAMEORIGIN",
            "x-permitted-cross-domain-policies: none",
            "x-xss-protection: 0",
        ]
    );
}

#[tokio::test]
async fn plain_http_gets_nothing_of_https() {
    let response = answer(Headers::helmet(), Request::new(()), &[]).await;
    assert!(!response.headers().contains_key("strict-transport-security"));
    let csp = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert_eq!(
        csp,
        HELMET_CSP.trim_end_matches(";upgrade-insecure-requests")
    );
}

#[tokio::test]
async fn https_is_known_from_whoever_may_say_it() {
    let has = async |request| {
        let response = answer(Headers::helmet(), request, &[]).await;
        response.headers().contains_key("strict-transport-security")
    };
    let peer = ([127, 0, 0, 1], 1).into();
    let client = |scheme| ClientAddress::direct(peer, scheme);

    let mut proxied = Request::new(());
    proxied.extensions_mut().insert(Connection::new(peer, None));
    proxied.extensions_mut().insert(client(Scheme::Https));
    assert!(has(proxied).await, "a trusted proxy's word counts");

    let mut plain = https("https://a.example/");
    plain.extensions_mut().insert(client(Scheme::Http));
    assert!(!has(plain).await, "and counts before the connection's");

    let mut plain = Request::builder()
        .uri("https://a.example/")
        .body(())
        .unwrap();
    plain.extensions_mut().insert(Connection::new(peer, None));
    assert!(
        !has(plain).await,
        "the connection's before the request line's"
    );

    let line = Request::builder()
        .uri("https://a.example/")
        .body(())
        .unwrap();
    assert!(has(line).await);
    assert!(!has(Request::new(())).await);
}

#[tokio::test]
async fn no_hsts_under_the_local_authority_unless_asked() {
    let under = |source| {
        let mut request = Request::new(());
        request.extensions_mut().insert(tls(source));
        let client = ClientAddress::direct(([127, 0, 0, 1], 1).into(), Scheme::Https);
        request.extensions_mut().insert(client);
        request
    };
    let local = || under(CertificateSource::Local);
    let app = [("strict-transport-security", "max-age=63072000")];
    for source in [CertificateSource::Local, CertificateSource::Staging] {
        let response = answer(Headers::helmet(), under(source), &app).await;
        assert!(!response.headers().contains_key("strict-transport-security"));
    }
    let response = answer(Headers::helmet(), local(), &app).await;
    let csp = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(csp.ends_with("upgrade-insecure-requests"), "{csp}");

    let asked = Headers::helmet().hsts(|hsts| hsts.local(true));
    let response = answer(asked, local(), &[]).await;
    assert!(response.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn the_stricter_stays() {
    let cases: &[(&'static str, &'static str, &str)] = &[
        ("x-frame-options", "DENY", "DENY"),
        ("x-frame-options", "deny", "deny"),
        ("x-frame-options", "DENY, DENY", "DENY, DENY"),
        (
            "x-frame-options",
            "ALLOW-FROM https://a.example",
            "SAMEORIGIN",
        ),
        ("referrer-policy", "unsafe-url", "no-referrer"),
        ("cross-origin-opener-policy", "unsafe-none", "same-origin"),
        (
            "cross-origin-opener-policy",
            "same-origin; report-to=\"x\"",
            "same-origin; report-to=\"x\"",
        ),
        (
            "cross-origin-resource-policy",
            "cross-origin",
            "same-origin",
        ),
        ("x-content-type-options", "sniff", "nosniff"),
        ("x-dns-prefetch-control", "on", "off"),
        ("x-xss-protection", "1; mode=block", "0"),
        ("origin-agent-cluster", "?0", "?1"),
        ("x-permitted-cross-domain-policies", "all", "none"),
        (
            "strict-transport-security",
            "max-age=63072000",
            "max-age=63072000; includeSubDomains",
        ),
        (
            "strict-transport-security",
            "max-age=0",
            "max-age=31536000; includeSubDomains",
        ),
        (
            "strict-transport-security",
            "rubbish",
            "max-age=31536000; includeSubDomains",
        ),
        (
            "strict-transport-security",
            "max-age=99999999; includeSubDomains; preload",
            "max-age=99999999; includeSubDomains; preload",
        ),
        ("content-security-policy", "default-src *", "default-src *"),
        ("content-security-policy", "", HELMET_CSP),
        ("content-security-policy", "nonsense 'self'", HELMET_CSP),
    ];
    for (name, app, expected) in cases {
        assert_eq!(
            header(Headers::helmet(), name, &[app]).await,
            [*expected],
            "{name}: {app}"
        );
    }
    let lax = || Headers::helmet().referrer_policy(crate::Referrer::UnsafeUrl);
    assert_eq!(
        header(lax(), "referrer-policy", &["origin, strict-origin"]).await,
        ["origin, strict-origin"]
    );
    let frames = || Headers::helmet().frame_options(XFrameOptions::Deny);
    assert_eq!(
        header(frames(), "x-frame-options", &["SAMEORIGIN"]).await,
        ["DENY"]
    );
    let two = ["default-src 'self'", "img-src *"];
    assert_eq!(
        header(Headers::helmet(), "content-security-policy", &two).await,
        two
    );
}

#[tokio::test]
async fn override_is_helmets_way() {
    let always = || Headers::helmet().override_app(Override::Always);
    assert_eq!(
        header(always(), "x-frame-options", &["DENY"]).await,
        ["SAMEORIGIN"]
    );
    assert_eq!(
        header(always(), "content-security-policy", &["a", "b"]).await,
        [HELMET_CSP]
    );
}

#[tokio::test]
async fn what_the_apps_policy_lacks_is_added_when_asked() {
    let asked = || Headers::helmet().csp(|policy| policy.add_to_app(true));
    let app = "script-src 'self' https://cdn.example; img-src *";
    let sent = header(asked(), "content-security-policy", &[app]).await;
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], app);
    let second = ContentSecurityPolicy::parse(&sent[1]).unwrap();
    for named in [
        Directive::DefaultSrc,
        Directive::ScriptSrc,
        Directive::ScriptSrcElem,
        Directive::ScriptSrcAttr,
        Directive::ImgSrc,
    ] {
        assert_eq!(
            second.sources(named),
            None,
            "{named} would narrow what the app opened"
        );
    }
    for lacking in [
        Directive::ObjectSrc,
        Directive::BaseUri,
        Directive::FrameAncestors,
        Directive::StyleSrc,
        Directive::ConnectSrc,
    ] {
        assert!(
            second.sources(lacking).is_some(),
            "{lacking} is open: {second}"
        );
    }
    let full = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                upgrade-insecure-requests";
    assert_eq!(
        header(asked(), "content-security-policy", &[full]).await,
        [full]
    );
}

#[tokio::test]
async fn leaking_headers_go_and_others_stay() {
    let app = [
        ("server", "nginx/1.2.3"),
        ("x-powered-by", "PHP/5.6"),
        ("x-powered-by", "Express"),
        ("x-aspnet-version", "4"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("etag", "\"x\""),
        ("x-mine", "1"),
    ];
    let response = answer(Headers::helmet(), https("/"), &app).await;
    for gone in ["server", "x-powered-by", "x-aspnet-version"] {
        assert!(!response.headers().contains_key(gone), "{gone}");
    }
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(response.headers().contains_key("etag"));

    let config = Headers::helmet().keep(["Server"]).remove(["X-Mine"]);
    let response = answer(config, https("/"), &app).await;
    assert!(response.headers().contains_key("server"));
    assert!(!response.headers().contains_key("x-mine"));
}

#[tokio::test]
async fn each_request_has_its_nonce() {
    let layer = Headers::strict().build().unwrap().layer();
    let app = layer.layer(service_fn(async |request: Request<()>| {
        let nonce = request.extensions().get::<Nonce>().cloned();
        Ok::<_, Infallible>(Response::new(nonce))
    }));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let response = app.clone().oneshot(https("/")).await.unwrap();
        let nonce = response
            .body()
            .clone()
            .expect("a nonce")
            .as_str()
            .to_owned();
        let csp = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let script = format!("script-src 'nonce-{nonce}' 'strict-dynamic'");
        assert!(csp.contains(&script), "{csp}");
        assert!(
            csp.contains(&format!("style-src 'self' 'nonce-{nonce}'")),
            "{csp}"
        );
        assert!(!csp.contains("'nonce'"), "{csp}");
        assert!(!seen.contains(&nonce));
        seen.push(nonce);
    }
    let mut request = https("/");
    let outer = Nonce::random().unwrap();
    request.extensions_mut().insert(outer.clone());
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(
        response.body().as_ref(),
        Some(&outer),
        "an outer layer's nonce is kept"
    );
}

#[tokio::test]
async fn paths_have_their_own() {
    let config = || {
        Headers::helmet()
            .path("/embed", |embed| {
                embed.without(Header::XFrameOptions).csp(|policy| {
                    policy.replace(Directive::FrameAncestors, "https://partner.example")
                })
            })
            .path("/embed/own", |own| own.frame_options(XFrameOptions::Deny))
    };
    let frame = async |path| {
        let response = answer(config(), https(path), &[]).await;
        let value = response.headers().get("x-frame-options").cloned();
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(frame("/").await.as_deref(), Some("SAMEORIGIN"));
    assert_eq!(frame("/embed").await, None);
    assert_eq!(frame("/embed/a?b=..").await, None);
    assert_eq!(frame("/embedded").await.as_deref(), Some("SAMEORIGIN"));
    assert_eq!(frame("/embed/own/x").await.as_deref(), Some("DENY"));
    for hidden in [
        "/embed/../admin",
        "/embed/%2e%2e/admin",
        "/embed/..%2Fadmin",
    ] {
        assert_eq!(
            frame(hidden).await.as_deref(),
            Some("SAMEORIGIN"),
            "{hidden}"
        );
    }
}

#[tokio::test]
async fn a_stricter_path_cannot_be_spelled_away() {
    let config = || {
        Headers::helmet()
            .csp(|policy| policy.append(Directive::ScriptSrc, "'unsafe-inline'"))
            .path("/admin", |admin| {
                admin
                    .frame_options(XFrameOptions::Deny)
                    .csp(|policy| policy.replace(Directive::ScriptSrc, "'self'"))
            })
    };
    for path in [
        "/admin",
        "/ADMIN/x",
        "/admin//x",
        "/admin/x;y",
        "/admin/x%2fy",
        "/a/../admin",
    ] {
        let response = answer(config(), https(path), &[]).await;
        let headers = response.headers();
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        let mut policies = headers.get_all("content-security-policy").iter();
        let strict = |policy: &http::HeaderValue| {
            let policy = policy.to_str().unwrap();
            policy.contains("script-src 'self';")
        };
        assert!(policies.any(strict), "{path}");
    }
    let response = answer(config(), https("/other//admin"), &[]).await;
    assert_eq!(response.headers()["x-frame-options"], "SAMEORIGIN");
    let policies = response.headers().get_all("content-security-policy");
    assert_eq!(policies.iter().count(), 1);
}

#[tokio::test]
async fn answers_to_somebody_are_not_kept() {
    let config = || Headers::helmet().no_store_with_cookie(true);
    let with = |name: &'static str| {
        let mut request = https("/");
        request.headers_mut().insert(name, "x".parse().unwrap());
        request
    };
    let cached = async |config, request, app: &[_]| {
        let response = answer(config, request, app).await;
        let value = response.headers().get("cache-control").cloned();
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(
        cached(config(), with("cookie"), &[]).await.as_deref(),
        Some("no-store")
    );
    assert_eq!(
        cached(config(), with("authorization"), &[])
            .await
            .as_deref(),
        Some("no-store")
    );
    assert_eq!(cached(config(), https("/"), &[]).await, None);
    assert_eq!(cached(Headers::helmet(), with("cookie"), &[]).await, None);
    let said = [("cache-control", "public, max-age=60")];
    let kept = cached(config(), with("cookie"), &said).await;
    assert_eq!(kept.as_deref(), Some("public, max-age=60"));
    let old = [("expires", "0")];
    assert_eq!(cached(config(), with("cookie"), &old).await, None);
    let api = cached(Headers::api(), https("/"), &said).await;
    assert_eq!(api.as_deref(), Some("no-store"));
}

#[tokio::test]
async fn logging_out_clears() {
    let config = || Headers::helmet().clear_site_data_on("/logout");
    let cleared = async |path, status: u16| {
        let app = service_fn(move |_: Request<()>| async move {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok::<_, Infallible>(response)
        });
        let layer = config().build().unwrap().layer();
        let response = layer.layer(app).oneshot(https(path)).await.unwrap();
        response.headers().get("clear-site-data").cloned()
    };
    assert_eq!(
        cleared("/logout", 302).await.unwrap(),
        "\"cookies\", \"storage\""
    );
    assert_eq!(cleared("/logout", 403).await, None);
    assert_eq!(cleared("/logout/x", 200).await, None);
}

#[tokio::test]
async fn reports_go_where_they_are_wanted() {
    let config = || Headers::helmet().reports_to("/.reports");
    let csp = header(config(), "content-security-policy", &[]).await;
    assert!(
        csp[0].ends_with(";report-uri /.reports;report-to panoply"),
        "{csp:?}"
    );
    assert_eq!(
        header(config(), "reporting-endpoints", &[]).await,
        ["panoply=\"/.reports\""]
    );
    let app = ["mine=\"/r\""];
    assert_eq!(
        header(config(), "reporting-endpoints", &app).await,
        ["mine=\"/r\"", "panoply=\"/.reports\""]
    );
    let own = config().csp(|policy| policy.append(Directive::ReportUri, "/mine"));
    let csp = header(own, "content-security-policy", &[]).await;
    assert!(csp[0].ends_with(";report-uri /mine"), "{csp:?}");
}

#[tokio::test]
async fn legacy_is_helmet_3() {
    let response = answer(Headers::legacy(), https("/"), &[]).await;
    for (name, value) in [
        ("x-xss-protection", "1; mode=block"),
        (
            "cache-control",
            "no-store, no-cache, must-revalidate, proxy-revalidate",
        ),
        ("pragma", "no-cache"),
        ("expires", "0"),
        ("surrogate-control", "no-store"),
    ] {
        assert_eq!(response.headers()[name], value, "{name}");
    }
}

/// What goes out, each line, in order of names.
fn sent(response: &Response<()>) -> Vec<String> {
    let apart = response.extensions().get::<crate::Apart>();
    let lines = apart.map_or("", |apart| std::str::from_utf8(apart.lines()).unwrap());
    let own = response.headers().iter();
    let own = own.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let mut all: Vec<String> = own.chain(lines.lines().map(str::to_owned)).collect();
    all.sort_unstable();
    all
}

proptest::proptest! {
    /// Beside the response's own or among them, the same headers go out.
    #[test]
    fn what_is_left_apart_is_what_would_be_put_in(
        set in proptest::collection::vec((0_usize..12, "[a-z]{1,4}"), 0..6),
        scheme in 0..3,
        path in "/(api|api/x|out|%61pi|)",
        cookie: bool,
    ) {
        const NAMES: [&str; 12] = [
            "content-type", "set-cookie", "x-powered-by", "server", "x-frame-options", "cache-control",
            "content-security-policy", "strict-transport-security", "etag", "x-php-version", "vary",
            "referrer-policy",
        ];
        let config = HeadersConfig::new(crate::Preset::Helmet)
            .no_store_with_cookie(true)
            .clear_site_data_on("/out")
            .path("/api", |path| path.without(Header::XFrameOptions));
        let headers = config.build().unwrap();
        let app = service_fn(move |_: Request<()>| {
            let mut response = Response::builder();
            for (name, value) in &set {
                response = response.header(NAMES[*name], value);
            }
            let response = response.body(()).unwrap();
            async { Ok::<_, Infallible>(response) }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = |apart| {
            let mut request = Request::builder().uri(&path).body(()).unwrap();
            if cookie {
                request.headers_mut().insert("cookie", "a=b".parse().unwrap());
            }
            match scheme {
                0 => {}
                1 => drop(request.extensions_mut().insert(tls(CertificateSource::Files))),
                _ => drop(request.extensions_mut().insert(tls(CertificateSource::Local))),
            }
            let service = headers.layer().apart(apart).layer(app.clone());
            runtime.block_on(service.oneshot(request)).unwrap()
        };
        let whole = answer(false);
        proptest::prop_assert!(whole.extensions().get::<crate::Apart>().is_none());
        proptest::prop_assert_eq!(sent(&answer(true)), sent(&whole));
    }
}

#[tokio::test]
async fn over_http_2_nothing_is_left_apart() {
    let app = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
    let layer = Headers::helmet().build().unwrap().layer().apart(true);
    let mut request = https("/");
    *request.version_mut() = http::Version::HTTP_2;
    let response = layer.layer(app).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-frame-options"], "SAMEORIGIN");
    let response = layer.layer(app).oneshot(https("/")).await.unwrap();
    assert!(response.headers().is_empty());
}
