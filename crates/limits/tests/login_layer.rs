//! The login guard as a layer around an app.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt as _, Full, Limited};
use panoply_core::{ClientAddress, Scheme, Secret};
use panoply_limits::{GuardedBody, LoginConfig, LoginLayer, LoginVerdict, Signs};
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, ServiceExt as _, service_fn};

mod site;

use site::{Body, Headers, Site, from, gzipped, login};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_at_once_the_app_sees_ten() {
    let site = Arc::new(Site::new(LoginConfig::route("/login")));
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let site = site.clone();
        guesses.spawn(async move { site.post(format!("username=alice&password={number}")).await });
    }
    let refused = guesses.join_all().await;
    let refused = refused.iter().filter(|answer| answer.status() == 429);
    assert_eq!(refused.count(), 990);
    assert_eq!(site.tried(), 10);
    let answer = site.post("username=alice&password=right").await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "3600");
    site.clock.advance(Duration::from_hours(1));
    assert_eq!(
        site.post("username=alice&password=right").await.status(),
        200
    );
}

#[tokio::test]
async fn however_a_name_is_written_it_is_one() {
    let site = Site::new(LoginConfig::route("/login"));
    let json = ("content-type", "application/json");
    let gzip = ("content-encoding", "gzip");
    let ways: [(&[u8], Headers<'_>); 12] = [
        (b"username=alice", &[]),
        (b"username=ALICE+", &[]),
        (b"user%6eame=%61lice", &[]),
        (b"username[]=alice", &[]),
        (b"username=x&username=alice", &[]),
        (br#"{"username":"Alice"}"#, &[json]),
        (
            br#"{"username":"alice","username":"y"}"#,
            &[("content-type", "text/plain")],
        ),
        (br#"{"username":["alice"]}"#, &[json]),
        (&gzipped(b"username=alice"), &[gzip]),
        (&gzipped(br#"{"username":"alice"}"#), &[gzip, json]),
        (b"", &[("authorization", "Basic QWxpY2U6eA==")]),
        ("username=ａｌｉｃｅ".as_bytes(), &[]),
    ];
    for (body, headers) in ways {
        site.ask(login(body.to_vec(), headers)).await;
    }
    assert_eq!(site.tried(), 10);
}

#[tokio::test]
async fn a_body_goes_on_as_it_came() {
    let site = Site::new(LoginConfig::route("/login"));
    let packed = gzipped(b"username=bob&password=right");
    let request = login(packed.clone(), &[("content-encoding", "gzip")]);
    let answer = site.ask(request).await;
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        packed
    );
    let body = "username=bob&x=%41&right";
    let answer = site.post(body).await;
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
}

#[tokio::test]
async fn what_is_longer_than_is_taken_around_it_is_told_so() {
    let layer = Site::new(LoginConfig::route("/login")).layer;
    let answer = async |body: Half, bound: usize| {
        let app = service_fn(async |_: Request<GuardedBody<Limited<Half>>>| {
            Ok::<_, Infallible>(Response::new(Body::default()))
        });
        // Without a length, as one that comes in chunks.
        let body = Limited::new(body, bound);
        let mut request = Request::post("/login").body(body).unwrap();
        let peer = "203.0.113.9:1".parse().unwrap();
        let client = ClientAddress::direct(peer, Scheme::Https);
        request.extensions_mut().insert(client);
        let answer = layer.layer(app).oneshot(request).await.unwrap();
        answer.status().as_u16()
    };
    let piece = || Ok(Frame::data(Bytes::from_static(b"username=ada&")));
    let long = || Half([piece(), piece(), piece()].into());
    assert_eq!(answer(long(), 39).await, 200);
    assert_eq!(answer(long(), 38).await, 413);
    let broken = Half([piece(), Err("broken off")].into());
    assert_eq!(answer(broken, 39).await, 400);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let site = Site::new(LoginConfig::route("/login"));
    let long = vec![b'x'; 64 * 1024 + 1];
    let json = ("content-type", "application/json");
    let cases: [(Vec<u8>, Headers<'_>, u16); 7] = [
        (long.clone(), &[], 413),
        (gzipped(&long), &[("content-encoding", "gzip")], 413),
        (vec![1], &[("content-encoding", "zstd")], 415),
        (vec![1], &[("content-encoding", "gzip, gzip")], 415),
        (vec![1], &[("content-encoding", "gzip")], 415),
        (
            vec![1],
            &[("content-type", "application/json; charset=utf-16")],
            415,
        ),
        (b"{".to_vec(), &[json], 400),
    ];
    for (body, headers, status) in cases {
        assert_eq!(
            site.ask(login(body, headers)).await.status(),
            status,
            "{headers:?}"
        );
    }
    assert_eq!(site.tried(), 0);
}

#[tokio::test]
async fn what_is_no_login_passes_untouched() {
    let site = Site::new(LoginConfig::route("/login"));
    for _ in 0..50 {
        let request = Request::get("/login").body(Full::default()).unwrap();
        site.ask(request).await;
        let request = Request::post("/comment")
            .body(Full::from("username=alice"))
            .unwrap();
        assert_eq!(site.ask(request).await.status(), 401);
    }
    assert_eq!(site.tried(), 100);
}

#[tokio::test]
async fn a_body_makes_a_login_of_any_method() {
    let site = Site::new(LoginConfig::route("/login"));
    for method in ["GET", "DELETE", "OPTIONS", "HEAD"]
        .into_iter()
        .cycle()
        .take(20)
    {
        let mut request = login("_method=POST&username=alice", &[]);
        *request.method_mut() = method.parse().unwrap();
        site.ask(request).await;
    }
    assert_eq!(site.tried(), 10);
    assert_eq!(site.post("username=alice&right").await.status(), 429);
}

#[tokio::test]
async fn the_answer_settles_and_the_app_may_say() {
    let site = Site::new(LoginConfig::route("/login"));
    for _ in 0..30 {
        site.post("username=alice&broken").await;
    }
    assert_eq!(site.tried(), 30);
    for _ in 0..9 {
        site.post("username=alice&told").await;
    }
    for _ in 0..30 {
        assert_eq!(site.post("username=bob&right").await.status(), 200);
    }
    site.post("username=alice&told").await;
    assert_eq!(site.post("username=alice&right").await.status(), 429);
}

#[tokio::test]
async fn a_known_device_gets_in_while_its_user_is_attacked() {
    let site = Site::new(LoginConfig::route("/login"));
    let answer = site.post("username=alice&right").await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let (name, value) = cookie.split_once('=').unwrap();
    assert_eq!(name, "__Host-panoply_device");
    for number in 0..200 {
        let mut request = login("username=alice&wrong", &[]);
        from(&format!("198.51.{number}.1:1"), &mut request);
        site.ask(request).await;
    }
    assert_eq!(site.tried(), 11);
    assert_eq!(site.post("username=alice&right").await.status(), 429);
    let request = login(
        "username=alice&right",
        &[("cookie", &format!("a=b; {cookie}"))],
    );
    assert_eq!(site.ask(request).await.status(), 200);
    // What a neighbouring host puts in front of it, and what a browser has from plain HTTP, or from before.
    let planted = "panoply_device=x; ".repeat(9) + &cookie;
    for known in [planted, format!("panoply_device={value}")] {
        let request = login("username=alice&right", &[("cookie", &known)]);
        assert_eq!(site.ask(request).await.status(), 200, "{known}");
    }
    let other = login("username=bob&wrong", &[("cookie", &cookie)]);
    assert_eq!(site.ask(other).await.status(), 401);
}

#[tokio::test]
async fn by_plain_http_a_device_is_known_by_a_name_that_browsers_take_there() {
    let site = Site::new(LoginConfig::route("/login"));
    let mut request = login("username=alice&right", &[]);
    let client = ClientAddress::direct("203.0.113.9:1".parse().unwrap(), Scheme::Http);
    request.extensions_mut().insert(client);
    let answer = site.ask(request).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("panoply_device="), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn an_unknown_user_is_answered_as_a_known_one() {
    let site = Site::new(LoginConfig::route("/login"));
    let mut answers = Vec::new();
    for user in ["alice", "ghost"] {
        let mut told = Vec::new();
        for _ in 0..12 {
            let answer = site.post(format!("username={user}&wrong")).await;
            assert!(
                !answer
                    .headers()
                    .keys()
                    .any(|name| name.as_str().contains("ratelimit"))
            );
            told.push((
                answer.status(),
                answer.headers().get("retry-after").cloned(),
            ));
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_dry_run_refuses_nobody() {
    let site = Site::new(LoginConfig::route("/login").danger_dry_run(true));
    for _ in 0..20 {
        assert_eq!(site.post("username=alice").await.status(), 401);
    }
    assert_eq!(site.tried(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_streams_is_not_held_back() {
    let config = LoginConfig::route("/login").failure(Signs::new().body("wrong"));
    let store = Arc::new(MemoryStore::default());
    let layer = config.build(store, &Secret::new(vec![7; 32])).unwrap();
    let (mut sender, body) = http_body_util::channel::Channel::<Bytes, Infallible>::new(4);
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let app = service_fn(move |_: Request<GuardedBody<Body>>| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    sender.send_data(Bytes::from_static(b"one ")).await.unwrap();
    let answer = layer
        .layer(app)
        .oneshot(login("username=alice", &[]))
        .await
        .unwrap();
    sender.send_data(Bytes::from_static(b"two")).await.unwrap();
    drop(sender);
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "one two"
    );
}

/// A body that gives `half` of itself, breaks off, and says when asked again that this was its end, as
/// some do.
struct Half(VecDeque<Result<Frame<Bytes>, &'static str>>);

impl HttpBody for Half {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front())
    }
}

#[tokio::test]
async fn half_an_answer_does_not_become_a_whole_one() {
    let site = Site::new(LoginConfig::route("/login"));
    let app = service_fn(|_: Request<GuardedBody<Body>>| async {
        let half = Frame::data(Bytes::from_static(b"half"));
        Ok::<_, Infallible>(Response::new(Half([Ok(half), Err("broken off")].into())))
    });
    let service = site.layer.layer(app);
    let answer = service.oneshot(login("user=ada&password=x", &[])).await;
    let mut body = answer.unwrap().into_body();
    assert_eq!(
        body.size_hint().upper(),
        None,
        "nobody knows how long it would have been"
    );
    let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(data, "half");
    assert!(!body.is_end_stream());
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken off");
}

#[test]
fn a_table_that_is_wrong_says_what_to_write() {
    for (table, told) in [
        ("path = 7", "a path such as \"/login\""),
        (
            "path = \"/login\"\nwindow = \"1h\"",
            "expected one of `path`",
        ),
        ("path = \"/login\"\npair = true", "or false for none"),
        (
            "path = \"/login\"\npair = { points = 1, window = 90 }",
            "a time with its unit",
        ),
        (
            "path = \"/login\"\npair = { points = 1, window = \"fast\" }",
            "such as \"90s\"",
        ),
        ("path = \"/login\"\npair = { point = 1 }", "`points`"),
        (
            "path = \"/login\"\notherwise = \"drop\"",
            "`refund` or `keep`",
        ),
    ] {
        let error = toml::from_str::<LoginConfig>(table)
            .unwrap_err()
            .to_string();
        assert!(error.contains(told), "{error}");
    }
    let store = || Arc::new(MemoryStore::default());
    for (table, told) in [
        ("path = \"login\"", "`path` is `login`, which is no path"),
        ("path = []", "`path` names no path"),
        (
            "path = \"/l\"\nexempt = [\"office\"]",
            "`exempt` has `office`",
        ),
        (
            "path = \"/l\"\nusername = \"a..b\"",
            "`username` has `a..b`",
        ),
        (
            "path = \"/l\"\nclient = { points = 0, window = \"1d\" }",
            "`client` has 0 points",
        ),
        (
            "path = \"/l\"\nuser = { points = 1, window = \"0s\" }",
            "no time at all",
        ),
    ] {
        let config: LoginConfig = toml::from_str(table).unwrap();
        let error = config
            .build(store(), &Secret::new(vec![7; 32]))
            .unwrap_err()
            .to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn many_behind_one_address_are_told_apart_by_their_names_where_that_is_said() {
    let wrong = async |site: &Site, user: &str| {
        let answer = site.post(format!("username={user}&password=wrong")).await;
        answer.status().as_u16()
    };
    let office = LoginConfig::route("/login").exempt(["203.0.113.0/24"]);
    let [office, others] = [office, LoginConfig::route("/login")].map(Site::new);
    let mut refused = [0, 0];
    for number in 0..150 {
        for (site, refused) in [&office, &others].into_iter().zip(&mut refused) {
            *refused += u32::from(wrong(site, &format!("user{number}")).await == 429);
        }
    }
    assert_eq!(refused, [0, 140]);
    // Nobody has more guesses at a user than elsewhere.
    for guess in 0..12 {
        let status = wrong(&office, "alice").await;
        assert_eq!(status, if guess < 10 { 401 } else { 429 }, "{guess}");
    }
    // What names nobody is counted of the client.
    for guess in 0..101 {
        let answer = office.post("password=wrong").await;
        let status = answer.status();
        assert_eq!(status, if guess < 100 { 401 } else { 429 }, "{guess}");
    }
    assert_eq!(wrong(&office, "bob").await, 401);
}

#[tokio::test]
async fn one_within_another_counts_once_and_both_hear_the_handler() {
    let site = Site::new(LoginConfig::route("/login"));
    let other = Site::new(LoginConfig::route("/login"));
    let guesses = async |inner: &LoginLayer, outer: &LoginLayer| {
        let app = site.app.clone();
        let app = service_fn(move |request: Request<GuardedBody<GuardedBody<Body>>>| {
            let verdict = request.extensions().get::<LoginVerdict>();
            verdict.unwrap().failed();
            app.tried.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, Infallible>(Response::new(Body::default())) }
        });
        let service = outer.layer(inner.layer(app));
        for _ in 0..12 {
            let request = login("username=ada&password=x", &[]);
            service.clone().oneshot(request).await.unwrap();
        }
        site.tried()
    };
    assert_eq!(guesses(&site.layer, &site.layer).await, 10);
    let third = Site::new(LoginConfig::route("/login"));
    assert_eq!(guesses(&third.layer, &other.layer).await, 10);
    // The outer one has heard of failures that the answers do not show.
    let refused = other.post("username=ada&password=right").await;
    assert_eq!(refused.status(), 429);
}

/// Trac and Cockpit take Basic credentials by GET at a path of their own.
#[tokio::test]
async fn credentials_in_the_head_of_a_get_are_a_login_that_only_401_says_no_to() {
    let site = Site::new(LoginConfig::usual());
    let asked = async |path: &str, headers: Headers<'_>, body: &'static str| {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(Bytes::from(body))).unwrap();
        from("203.0.113.9:1", &mut request);
        site.ask(request).await.status().as_u16()
    };
    // alice:wrong
    let basic = ("authorization", "Basic YWxpY2U6d3Jvbmc=");
    for number in 0..14 {
        let expected = if number < 10 { 401 } else { 429 };
        assert_eq!(asked("/shop/login", &[basic], "").await, expected);
    }
    assert_eq!(site.tried(), 10);
    // Elsewhere, or without credentials, a page is one.
    for (path, headers) in [
        ("/shop/login", &[][..]),
        ("/shop/", &[basic]),
        ("/api/session", &[basic]),
    ] {
        assert_eq!(asked(path, headers, "").await, 401, "{path}");
    }
    site.clock.advance(Duration::from_hours(1));
    let site = Site::new(LoginConfig::usual());
    let shown = Request::get("/login")
        .header(basic.0, basic.1)
        .body(Full::default())
        .unwrap();
    let service = site
        .layer
        .layer(service_fn(async |_: Request<GuardedBody<Body>>| {
            let page = Bytes::from_static(b"<input type=password>");
            let answer = Response::builder().header("content-type", "text/html");
            Ok::<_, Infallible>(answer.body(Full::new(page)).unwrap())
        }));
    for _ in 0..30 {
        let mut request = shown.clone();
        from("203.0.113.9:1", &mut request);
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(
            !answer.headers().contains_key("set-cookie"),
            "it shows nothing"
        );
    }
}
