//! Logins that only the end of their path tells of.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod site;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use panoply_limits::{GuardedBody, LoginConfig};
use site::{Body, Headers, Site, from, gzipped};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// What only the end of its path says to be a login may be anything: a page of that name, an upload.
#[tokio::test]
async fn below_a_path_it_is_the_password_that_makes_a_login() {
    let post = |body: Vec<u8>, headers: Headers<'_>| {
        let mut request = Request::post("/wiki/Login.foo");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(body.into())).unwrap();
        from("203.0.113.9:1", &mut request);
        request
    };
    let json = ("content-type", "application/json");
    let site = Site::new(LoginConfig::usual());
    // Nothing of these is counted, or refused for what it is.
    let names = r#"{"email":"a@b.test"},"#.repeat(40);
    for body in [
        "email=ada@b.test&text=my+password",
        r#"{"email":"Your <b>mail</b>"}"#,
        &names,
    ] {
        for _ in 0..20 {
            let answer = site.ask(post(body.into(), &[json])).await;
            assert_eq!(answer.status(), 401, "{body}");
        }
    }
    // What is longer than a login goes on as it came, and only the client is counted for it.
    let long = [b"password=x&text=".to_vec(), vec![b'y'; 100 << 10]].concat();
    for number in 0..101 {
        let answer = site.ask(post(long.clone(), &[])).await;
        assert_eq!(answer.status(), if number < 100 { 401 } else { 429 });
        if number < 100 {
            let body = answer.into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), long);
        }
    }
    // A login is one however the field is written.
    let packed = gzipped(b"user=ada&pass=wrong");
    let gzip = ("content-encoding", "gzip");
    for (body, headers) in [
        (b"username=ada&password=wrong".to_vec(), &[][..]),
        (
            br#"{"username":"ada","p\u0061ssword":"wrong"}"#.to_vec(),
            &[json],
        ),
        (packed, &[gzip]),
    ] {
        let site = Site::new(LoginConfig::usual());
        for number in 0..12 {
            let answer = site.ask(post(body.clone(), headers)).await;
            assert_eq!(answer.status(), if number < 10 { 401 } else { 429 });
        }
    }
}

/// An app that has one page for every path has logged nobody in by it.
#[tokio::test]
async fn a_page_below_a_path_forgives_nothing_and_makes_no_device_known() {
    let site = Site::new(LoginConfig::usual());
    let page = site
        .layer
        .layer(service_fn(async |_: Request<GuardedBody<Body>>| {
            let answer = Response::builder().header("content-type", "text/html");
            Ok::<_, Infallible>(answer.body(Full::new(Bytes::from("hello"))).unwrap())
        }));
    let wrong = "username=ada&password=wrong";
    for _ in 0..9 {
        assert_eq!(site.post(wrong).await.status(), 401);
    }
    let mut request = Request::post("/x/login")
        .body(Full::new(Bytes::from(wrong)))
        .unwrap();
    from("203.0.113.9:1", &mut request);
    let answer = page.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(site.post(wrong).await.status(), 401);
    assert_eq!(site.post(wrong).await.status(), 429);
}
