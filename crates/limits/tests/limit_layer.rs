//! Limits of requests as a layer around an app.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use panoply_core::{
    Block, BlockId, ClientAddress, CounterKeys, CounterStore, Decision, ManualClock, Op, Release,
    Reply, Scheme,
};
use panoply_limits::{Algorithm, LimitConfig, LimitLayer, LimitedUser, ShowHeaders};
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, ServiceExt as _, service_fn};

type Body = Full<Bytes>;

const MINUTE: Duration = Duration::from_mins(1);

fn layer(clock: &ManualClock, limits: impl IntoIterator<Item = LimitConfig>) -> LimitLayer {
    let store = MemoryStore::builder().clock(clock.clone()).build();
    LimitLayer::new(limits, Arc::new(store), CounterKeys::new([7; 16])).unwrap()
}

fn request(path: &str) -> Request<Body> {
    let mut request = Request::get(path).body(Full::default()).unwrap();
    let client = ClientAddress::direct("203.0.113.9:1".parse().unwrap(), Scheme::Http);
    request.extensions_mut().insert(client);
    request
}

async fn ask(layer: &LimitLayer, request: Request<Body>) -> Response<Body> {
    let app = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::default())) });
    layer.layer(app).oneshot(request).await.unwrap()
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn points_are_spent_and_told() {
    let clock = ManualClock::new();
    let limit = LimitConfig::new(2, MINUTE)
        .path("/api/")
        .name("burst")
        .headers(ShowHeaders::Both);
    let layer = layer(&clock, [limit]);
    let answer = ask(&layer, request("/api/x")).await;
    assert_eq!(header(&answer, "ratelimit-policy"), "\"burst\";q=2;w=60");
    assert_eq!(header(&answer, "ratelimit"), "\"burst\";r=1;t=60");
    assert_eq!(header(&answer, "x-ratelimit-remaining"), "1");
    clock.advance(MINUTE / 2);
    assert_eq!(ask(&layer, request("//API/%79")).await.status(), 200);
    let refused = ask(&layer, request("/api")).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "30");
    assert_eq!(header(&refused, "ratelimit"), "\"burst\";r=0;t=30");
    assert_eq!(ask(&layer, request("/apis")).await.headers().len(), 0);
    clock.advance(MINUTE / 2);
    assert_eq!(ask(&layer, request("/api/x")).await.status(), 200);
}

/// A layer that stands alone goes by the peer, and takes nobody's word for another.
#[tokio::test]
async fn without_a_client_layer_a_client_is_the_peer() {
    let limit = LimitConfig::new(1, MINUTE).exempt(["203.0.113.7"]);
    let layer = layer(&ManualClock::new(), [limit]);
    let status = async |peer: &str, axum: bool| {
        let mut request = Request::get("/").header("x-forwarded-for", "198.51.100.1");
        let extensions = request.extensions_mut().unwrap();
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        let _ = axum;
        #[cfg(feature = "axum")]
        if axum {
            extensions.insert(axum::extract::ConnectInfo(peer));
        }
        if !axum || cfg!(not(feature = "axum")) {
            extensions.insert(panoply_core::Connection::new(peer, None));
        }
        let request = request.body(Full::default()).unwrap();
        ask(&layer, request).await.status().as_u16()
    };
    for (axum, first) in [(false, "203.0.113.1:1"), (true, "203.0.113.2:1")] {
        assert_eq!(status(first, axum).await, 200);
        assert_eq!(status(first, axum).await, 429);
        assert_eq!(status("203.0.113.7:1", axum).await, 200);
    }
}

#[tokio::test]
async fn who_is_exempt_is_limited_by_what_does_not_say_so() {
    let few = LimitConfig::new(1, MINUTE).exempt(["203.0.113.0/24", "2001:db8::9"]);
    let more = LimitConfig::new(3, MINUTE).name("more");
    let told = few.to_string();
    assert!(
        told.ends_with("for each client, but not 203.0.113.0/24, 2001:db8::9"),
        "{told}"
    );
    let layer = layer(&ManualClock::new(), [few, more]);
    let passed = async |client: &str| {
        let mut passed = 0;
        for _ in 0..5 {
            let client = ClientAddress::direct(client.parse().unwrap(), Scheme::Http);
            let mut request = request("/");
            request.extensions_mut().insert(client);
            passed += u32::from(ask(&layer, request).await.status() == 200);
        }
        passed
    };
    for (client, times) in [
        ("203.0.113.9:1", 3),
        ("198.51.100.1:1", 1),
        // Counted by their networks, and spared one by one.
        ("[2001:db8:1::9]:1", 1),
        ("[2001:db8::9]:1", 3),
        ("[2001:db8::10]:1", 0),
    ] {
        assert_eq!(passed(client).await, times, "{client}");
    }
}

#[tokio::test]
async fn a_refusal_by_one_spends_nothing_of_another() {
    let clock = ManualClock::new();
    let narrow = LimitConfig::new(1, MINUTE).path("/a");
    let wide = LimitConfig::new(3, MINUTE * 60).path("/");
    let layer = layer(&clock, [narrow, wide]);
    for _ in 0..5 {
        ask(&layer, request("/a")).await;
    }
    let answer = ask(&layer, request("/b")).await;
    assert_eq!(header(&answer, "ratelimit"), "\"/\";r=1;t=3600");
}

#[tokio::test]
async fn a_rate_gives_points_back_one_by_one() {
    let clock = ManualClock::new();
    let layer = layer(
        &clock,
        [LimitConfig::new(60, MINUTE).algorithm(Algorithm::Gcra)],
    );
    for _ in 0..60 {
        assert_eq!(ask(&layer, request("/")).await.status(), 200);
    }
    let refused = ask(&layer, request("/")).await;
    assert_eq!(
        (refused.status().as_u16(), header(&refused, "retry-after")),
        (429, "1")
    );
    clock.advance(Duration::from_secs(2));
    assert_eq!(ask(&layer, request("/")).await.status(), 200);
    assert_eq!(ask(&layer, request("/")).await.status(), 200);
    assert_eq!(ask(&layer, request("/")).await.status(), 429);
}

#[tokio::test]
async fn whose_points_they_are() {
    let clock = ManualClock::new();
    let limit = LimitConfig::new(1, MINUTE).key(["user", "header:x-api-key", "path"]);
    let layer = layer(&clock, [limit]);
    let with = |user: &str, key: &'static str, path: &str| {
        let mut request = request(path);
        request.extensions_mut().insert(LimitedUser::new(user));
        request
            .headers_mut()
            .insert("x-api-key", http::HeaderValue::from_static(key));
        request
    };
    assert_eq!(ask(&layer, with("alice", "1", "/")).await.status(), 200);
    assert_eq!(ask(&layer, with("alice", "1", "/")).await.status(), 429);
    for other in [
        with("bob", "1", "/"),
        with("alice", "2", "/"),
        with("alice", "1", "/x"),
    ] {
        assert_eq!(ask(&layer, other).await.status(), 200);
    }
    assert_eq!(ask(&layer, request("/")).await.status(), 200);
    assert_eq!(ask(&layer, request("/")).await.status(), 429);
}

fn preflight(more: &[(&'static str, &'static str)]) -> Request<Body> {
    let mut request = request("/api/x");
    *request.method_mut() = http::Method::OPTIONS;
    let asks = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
    ];
    for (name, value) in asks.iter().chain(more) {
        let value = http::HeaderValue::from_static(value);
        request.headers_mut().insert(*name, value);
    }
    request
}

#[tokio::test]
async fn a_preflight_costs_no_point() {
    for algorithm in [Algorithm::Window, Algorithm::Gcra] {
        let limit = LimitConfig::new(3, MINUTE).algorithm(algorithm);
        let layer = layer(&ManualClock::new(), [limit]);
        for _ in 0..3 {
            let answer = ask(&layer, preflight(&[])).await;
            assert_eq!((answer.status().as_u16(), answer.headers().len()), (200, 0));
            assert_eq!(ask(&layer, request("/")).await.status(), 200);
        }
        // Whoever has no point left is told so by the request, which the browser sends next.
        assert_eq!(ask(&layer, preflight(&[])).await.status(), 200);
        assert_eq!(ask(&layer, request("/")).await.status(), 429);
    }
}

#[tokio::test]
async fn nothing_but_preflights_is_bounded_too() {
    let layer = layer(&ManualClock::new(), [LimitConfig::new(3, MINUTE)]);
    let mut passed = 0;
    for _ in 0..40 {
        passed += u32::from(ask(&layer, preflight(&[])).await.status() == 200);
    }
    assert_eq!(passed, 30);
    assert_eq!(ask(&layer, request("/")).await.status(), 200);
}

#[tokio::test]
async fn what_no_browser_asks_before_a_request_is_no_preflight() {
    for more in [
        ("cookie", "sid=1"),
        ("authorization", "Bearer x"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-http-method-override", "POST"),
    ] {
        let layer = layer(&ManualClock::new(), [LimitConfig::new(1, MINUTE)]);
        assert_eq!(ask(&layer, preflight(&[more])).await.status(), 200);
        assert_eq!(ask(&layer, request("/")).await.status(), 429, "{more:?}");
    }
    let layer = layer(&ManualClock::new(), [LimitConfig::new(1, MINUTE)]);
    let mut overridden = preflight(&[]);
    *overridden.uri_mut() = "/?_METHOD=post".parse().unwrap();
    assert_eq!(ask(&layer, overridden).await.status(), 200);
    let mut plain = preflight(&[]);
    plain.headers_mut().remove("origin");
    assert_eq!(ask(&layer, plain).await.status(), 429);
}

#[tokio::test]
async fn a_limit_that_names_options_counts_preflights() {
    let named = |methods: [&str; 2]| {
        let limit = LimitConfig::new(1, MINUTE).methods(methods);
        layer(&ManualClock::new(), [limit])
    };
    let layer = named(["GET", "options"]);
    assert_eq!(ask(&layer, preflight(&[])).await.status(), 200);
    assert_eq!(ask(&layer, request("/")).await.status(), 429);
    let layer = named(["GET", "POST"]);
    for _ in 0..40 {
        assert_eq!(ask(&layer, preflight(&[])).await.status(), 200);
    }
}

/// A store that is asked over a network, in effect.
#[derive(Debug)]
struct Later(MemoryStore);

impl CounterStore for Later {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        let decided = self.0.decide(ops);
        Reply::later(async {
            tokio::task::yield_now().await;
            decided.await
        })
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.0.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.0.release(which)
    }
}

#[tokio::test]
async fn a_store_that_is_waited_for_decides_the_same() {
    let clock = ManualClock::new();
    let memory = || MemoryStore::builder().clock(clock.clone()).build();
    let stores: [Arc<dyn CounterStore>; 2] = [Arc::new(memory()), Arc::new(Later(memory()))];
    let mut told = Vec::new();
    for store in stores {
        let limits = [
            LimitConfig::new(9, MINUTE).headers(ShowHeaders::Both),
            LimitConfig::new(2, MINUTE).path("/api/").name("api"),
            LimitConfig::new(1, MINUTE).path("/api").methods(["POST"]),
            LimitConfig::new(1, MINUTE).path("/apis/"),
        ];
        let layer = LimitLayer::new(limits, store, CounterKeys::new([7; 16])).unwrap();
        let mut answers = Vec::new();
        for path in [
            "/api/x",
            "/API/../api/y/",
            "/api/z",
            "/",
            "/apis",
            "/apis/x",
        ] {
            let answer = ask(&layer, request(path)).await;
            answers.push((answer.status().as_u16(), answer.headers().clone()));
        }
        told.push(answers);
    }
    let [at_once, later] = &told[..] else {
        panic!("two stores")
    };
    assert_eq!(at_once, later);
    let statuses: Vec<u16> = at_once.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 429, 200, 200, 429]);
    let (_, headers) = &at_once[0];
    let both = [
        "\"/\";r=8;t=60, \"api\";r=1;t=60",
        "\"/\";q=9;w=60, \"api\";q=2;w=60",
    ];
    assert_eq!([&headers["ratelimit"], &headers["ratelimit-policy"]], both);
    assert_eq!(headers["x-ratelimit-remaining"], "8");
}

#[test]
fn a_table_that_is_wrong_says_what_to_write() {
    let store = || Arc::new(MemoryStore::default());
    for (table, told) in [
        (
            "points = 0\nwindow = \"1m\"",
            "`points` is 0, which lets nobody through",
        ),
        ("points = 1\nwindow = \"0s\"", "`window` is no time at all"),
        (
            "points = 1\nwindow = \"1m\"\ncost = 2",
            "`cost` is 2 of 1 points",
        ),
        (
            "points = 1\nwindow = \"1m\"\nkey = \"clinet\"",
            "did you mean `client`?",
        ),
        (
            "points = 1\nwindow = \"1m\"\nkey = \"header:\"",
            "`client`, `user`, `path` or",
        ),
        (
            "points = 1\nwindow = \"1m\"\npath = \"api\"",
            "`path` is `api`, which is no path",
        ),
        (
            "points = 1\nwindow = \"1m\"\nexempt = [\"10.0.0.0/33\"]",
            "`exempt` has `10.0.0.0/33`",
        ),
        (
            "points = 1\nwindow = \"1m\"\nexempt = [\"lopback\"]",
            "did you mean `loopback`?",
        ),
        (
            "points = 1\nwindow = \"1m\"\nexempt = [\"0.0.0.0/1\", \"128.0.0.0/1\"]",
            "`exempt` lets everybody through",
        ),
        (
            "points = 1\nwindow = \"1m\"\nname = \"a\\\"b\"",
            "without quotes",
        ),
    ] {
        let config: LimitConfig = toml::from_str(table).unwrap();
        let error = LimitLayer::new([config], store(), CounterKeys::new([0; 16])).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    for (table, told) in [
        ("points = 1", "missing field `window`"),
        ("points = 1\nwindow = 60", "a time with its unit"),
        (
            "points = 1\nwindow = \"1m\"\nkey = 1",
            "`client`, `user`, `path`, `header:NAME`",
        ),
        (
            "points = 1\nwindow = \"1m\"\nalgorithm = \"x\"",
            "`window` or `gcra`",
        ),
    ] {
        let error = toml::from_str::<LimitConfig>(table)
            .unwrap_err()
            .to_string();
        assert!(error.contains(told), "{error}");
    }
}
