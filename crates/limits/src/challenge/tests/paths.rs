//! Where a pass is asked for, of whom, and what the settings may be.

use super::*;
use crate::Error;

#[tokio::test]
async fn exceptions_hold_where_they_are_spelled_and_nowhere_else() {
    let config = ChallengeConfig::new()
        .paths(["/"])
        .except(["/api/hooks/", "/feed"]);
    let site = Site::new(&config.exempt(["198.51.100.0/24"]).work(4));
    for open in [
        "/robots.txt",
        "/favicon.ico",
        "/manifest.json",
        "/.well-known/security.txt",
        "/health",
        "/api/hooks/pay",
        "/feed",
        "/feed?x=/admin",
    ] {
        assert_eq!(site.status(get(open)).await, 200, "{open}");
    }
    for held in [
        "/",
        "/robots.txt/",
        "/robots.txt/x",
        "/Robots.txt",
        "/robots.txt/../x",
        "//robots.txt",
        "/robots.txt;x",
        "/robots%2etxt",
        "/x/robots.txt",
        "/robots.txt%00",
        "/.well-known/../admin",
        "/.well-known/..%2fadmin",
        "/.well-known/%2e%2e/admin",
        "/.well-known/..;/admin",
        "/.well-known/..%5cadmin",
        "/.well-known/%252e%252e/x",
        "/.well-known",
        "/.well-known/index.php/admin",
        "/api/hooks",
        "/api/hooks/..%2fadmin",
        "/feed/",
        "/healthy",
        "/.well-known/panoply/x/../../../admin",
    ] {
        assert_eq!(site.status(get(held)).await, 403, "{held}");
    }
    // What programs have a right to they may read, and nothing that an app may take for something else.
    for more in [
        "/robots.txt?rest_route=/posts",
        "/.well-known/x?s=1",
        "/health?",
    ] {
        assert_eq!(site.status(get(more)).await, 403, "{more}");
    }
    for method in [Method::POST, Method::PUT, Method::OPTIONS] {
        let asks = get("/.well-known/security.txt").by(method.clone());
        assert_eq!(site.status(asks).await, 403, "{method}");
        assert_eq!(site.status(get("/feed").by(method)).await, 200);
    }
    assert_eq!(site.status(get("/robots.txt").by(Method::HEAD)).await, 200);
    let socket = get("/health").with("upgrade", "websocket");
    assert_eq!(site.status(socket).await, 403);
    // Nor where a header says that another path is meant.
    let meant = get("/robots.txt").with("x-original-url", "/admin");
    assert_eq!(site.status(meant).await, 403);
    assert_eq!(site.status(get("/").from("198.51.100.7")).await, 200);
}

#[tokio::test]
async fn paths_are_held_in_whatever_way_they_are_spelled() {
    let site = Site::new(&ChallengeConfig::new().paths(["/search"]).work(4));
    for open in ["/", "/searching", "/a/search"] {
        assert_eq!(site.status(get(open)).await, 200, "{open}");
    }
    for held in [
        "/search",
        "/search/",
        "/search?q=1",
        "/SEARCH",
        "/%73earch",
        "//search",
        "/a/../search",
        "/a/%2e%2e/search",
        "/search;x",
        "/search.json",
        "/./search",
        "/%2573earch",
    ] {
        assert_eq!(site.status(get(held)).await, 403, "{held}");
    }
}

#[tokio::test]
async fn the_app_sets_no_pass() {
    let mut site = Site::always();
    site.sets = vec![
        "a=1; Path=/",
        "__Host-panoply-pass=x; Path=/; Secure",
        "panoply-pass=; Max-Age=0",
        "panoply-pass",
        "=panoply-pass=x; Path=/",
        " = __Host-panoply-pass=x",
        "panoply-passport=1",
    ];
    let pass = site.pass(&get("/")).await;
    for hours in [0, 6] {
        site.clock.advance(Duration::from_hours(hours));
        let answer = site.ask(get("/").pass(&pass)).await;
        let set = answer.headers().get_all(SET_COOKIE).iter();
        let set: Vec<&str> = set.map(|value| value.to_str().unwrap()).collect();
        assert_eq!(&set[..2], ["a=1; Path=/", "panoply-passport=1"]);
        assert_eq!(set.len(), 2 + usize::from(hours > 0), "{set:?}");
    }
}

#[tokio::test]
async fn one_around_itself_asks_once() {
    let site = Site::always();
    let pass = site.pass(&get("/")).await;
    let app =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Bytes::new())) });
    let twice = site.layer.layer(site.layer.layer(app));
    let ask = |cookie: &str| {
        let mut request = Request::get("/").header(HOST, "shop.example");
        request = request.header(COOKIE, cookie);
        let mut request = request.body(()).unwrap();
        let peer = ([203, 0, 113, 9], 1).into();
        let client = ClientAddress::direct(peer, Scheme::Https);
        request.extensions_mut().insert(client);
        twice.clone().oneshot(request)
    };
    assert_eq!(ask(&pass).await.unwrap().status(), 200);
    assert_eq!(ask("a=1").await.unwrap().status(), 403);
}

#[tokio::test]
async fn proxies_ask_in_their_own_name() {
    let site = Site::always();
    let config = ChallengeConfig::new().paths(["/"]);
    let clock = Arc::new(site.clock.clone());
    let layer = ChallengeLayer::new(&config, &site.keys, clock).unwrap();
    let balancer = "192.0.2.1".parse::<std::net::IpAddr>().unwrap();
    let layer = layer.sparing(move |client| client.ip() == balancer);
    let site = Site { layer, ..site };
    assert_eq!(site.status(get("/").from("192.0.2.1")).await, 200);
    assert_eq!(site.status(get("/")).await, 403);
}

#[test]
fn every_secret_makes_keys_of_its_own() {
    for byte in 0..200 {
        let keys = || ChallengeLayer::keys(&Secret::new(vec![byte; 16])).unwrap();
        assert!(keys().ids().eq(keys().ids()), "{byte}");
    }
    assert!(ChallengeLayer::keys(&Secret::new(vec![7; 15])).is_err());
}

#[test]
fn what_is_no_setting() {
    let said = |text: &str| {
        let config: ChallengeConfig = toml::from_str(text).unwrap();
        config
            .validate()
            .map_err(|error| (error.key(), error.to_string()))
    };
    assert_eq!(said(""), Ok(()));
    for (text, key, words) in [
        (
            "paths = [\"search\"]",
            "paths",
            "`search`, which is no path",
        ),
        ("paths = [\"/a/../b\"]", "paths", "which is no path"),
        ("except = [\"/\"]", "except", "leaves nothing"),
        ("except = [\"x\"]", "except", "which is no path"),
        ("exempt = [\"0.0.0.0/0\", \"::/0\"]", "exempt", "everybody"),
        ("exempt = [\"office\"]", "exempt", "`office`"),
        ("work = 0", "work", "0 bits"),
        ("work = 25", "work", "1 to 24"),
        ("pass = \"30s\"", "pass", "`1m` to `30d`"),
        ("pass = \"31days\"", "pass", "`1m` to `30d`"),
    ] {
        let (at, why) = said(text).unwrap_err();
        assert!(at == key && why.contains(words), "{text}: {at}: {why}");
    }
    assert!(toml::from_str::<ChallengeConfig>("bits = 3").is_err());
    assert!(matches!(
        ChallengeConfig::new().work(30).validate(),
        Err(Error::Value { .. })
    ));
}
