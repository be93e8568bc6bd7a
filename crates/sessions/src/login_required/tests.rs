use std::convert::Infallible;
use std::sync::Arc;

use http::header::{COOKIE, SET_COOKIE};
use panoply_store_memory::MemorySessionStore;
use tower::{ServiceExt as _, service_fn};

use super::*;
use crate::{SessionConfig, Sessions};

fn sessions() -> Sessions {
    let store = Arc::new(MemorySessionStore::default());
    SessionConfig::new().build(store).unwrap()
}

/// The cookie of a session that Alice has logged in to.
async fn alice(sessions: &Sessions) -> HeaderValue {
    let login = service_fn(async |request: Request<()>| {
        let session = request.extensions().get::<Session>().unwrap().clone();
        session.login("alice").await.unwrap();
        Ok::<_, Infallible>(Response::new(Bytes::new()))
    });
    let app = sessions.layer().layer(login);
    let answer = app.oneshot(Request::new(())).await.unwrap();
    answer.headers()[SET_COOKIE].clone()
}

async fn ask(
    sessions: &Sessions,
    layer: &LoginRequiredLayer,
    request: Request<()>,
) -> Response<Bytes> {
    let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(Bytes::from("account"))));
    let app = sessions.layer().layer(layer.layer(app));
    app.oneshot(request).await.unwrap()
}

fn request(method: &str, target: &str, accept: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(target);
    request.header(ACCEPT, accept).body(()).unwrap()
}

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

#[tokio::test]
async fn who_is_logged_in_gets_in_and_nobody_else() {
    let sessions = sessions();
    for layer in [
        LoginRequiredLayer::new(),
        LoginRequiredLayer::redirect_to("/login").unwrap(),
    ] {
        let refused = ask(&sessions, &layer, request("GET", "/account", "*/*")).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let mut own = request("GET", "/account", BROWSER);
        own.headers_mut().insert(COOKIE, alice(&sessions).await);
        let answer = ask(&sessions, &layer, own).await;
        assert_eq!(answer.body(), "account");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn a_page_leads_to_the_login_and_back() {
    let sessions = sessions();
    let layer = LoginRequiredLayer::redirect_to("/login?lang=en").unwrap();
    let answer = ask(&sessions, &layer, request("GET", "/a/b?c=d&e=%20", BROWSER)).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = &answer.headers()[LOCATION];
    assert_eq!(location, "/login?lang=en&next=%2Fa%2Fb%3Fc%3Dd%26e%3D%2520");
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    // The longest that servers take would be three times as long.
    let long = format!("/a?{}", "%20".repeat(2000));
    let answer = ask(&sessions, &layer, request("GET", &long, BROWSER)).await;
    assert_eq!(answer.headers()[LOCATION], "/login?lang=en");
    // Where another site would be read, the front page is.
    let answer = ask(
        &sessions,
        &layer,
        request("GET", "//evil.example/", BROWSER),
    )
    .await;
    assert_eq!(answer.headers()[LOCATION], "/login?lang=en&next=%2F");
    // What is sent is not sent again by a redirect, and no program reads a page.
    for (method, accept) in [("POST", BROWSER), ("GET", "application/json")] {
        let refused = ask(&sessions, &layer, request(method, "/account", accept)).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_login_that_stands_within_leads_round_in_no_circle() {
    let sessions = sessions();
    let layer = LoginRequiredLayer::redirect_to("/login?lang=en").unwrap();
    let answer = ask(
        &sessions,
        &layer,
        request("GET", "/login?next=%2F", BROWSER),
    )
    .await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_the_sessions_nobody_gets_in() {
    let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(Bytes::new())));
    let app = LoginRequiredLayer::new().layer(app);
    let refused = app.oneshot(Request::new(())).await.unwrap();
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn while_the_store_is_away_nobody_is_told_to_log_in() {
    let refused = failed(&Error::store(panoply_core::StoreError::transient("away")));
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn a_login_is_a_path_of_this_site() {
    for wrong in [
        "",
        "login",
        "//evil.example",
        "/\\evil",
        "https://a/",
        "/a b",
        "/a#b",
        "/\t/a",
    ] {
        let error = LoginRequiredLayer::redirect_to(wrong).unwrap_err();
        assert_eq!(error.key(), "login");
    }
    for (next, there) in [
        ("/", true),
        ("/a?b=//c", true),
        ("", false),
        ("a", false),
        ("//a", false),
        ("/\\a", false),
        ("/\t/a", false),
        ("/a\r\nb", false),
        ("https:/a", false),
        ("javascript:alert(1)", false),
    ] {
        assert_eq!(local_path(next).is_some(), there, "{next}");
    }
}

#[tokio::test]
async fn htmx_takes_the_whole_page_to_the_login_and_back_to_where_it_was() {
    let sessions = sessions();
    let layer = LoginRequiredLayer::redirect_to("/login").unwrap();
    let asked = async |method: &str, headers: &[(&'static str, &str)]| {
        let mut request = request(method, "/cart/part", "*/*");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        let answer = ask(&sessions, &layer, request).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        let to = answer.headers().get("hx-redirect");
        to.map(|to| to.to_str().unwrap().to_owned())
    };
    let (htmx, page) = (("hx-request", "true"), "https://shop.example/shop?tab=2#a");
    let current = ("hx-current-url", page);
    let to_page = Some("/login?next=%2Fshop%3Ftab%3D2".to_owned());
    let to_part = Some("/login?next=%2Fcart%2Fpart".to_owned());
    assert_eq!(asked("GET", &[htmx, current]).await, to_page);
    assert_eq!(asked("POST", &[htmx, current]).await, to_page);
    assert_eq!(asked("GET", &[htmx]).await, to_part);
    let boosted = ("hx-boosted", "true");
    assert_eq!(asked("GET", &[htmx, current, boosted]).await, to_part);
    assert_eq!(asked("POST", &[htmx, current, boosted]).await, to_page);
    let to_login = Some("/login".to_owned());
    assert_eq!(asked("POST", &[htmx]).await, to_login);
    for odd in [
        "//evil.example",
        "https://a.example//evil.example",
        "no url",
    ] {
        let odd = ("hx-current-url", odd);
        assert_eq!(asked("GET", &[htmx, odd]).await, to_part, "{odd:?}");
    }
    // Who is at the login already is led in no circle.
    let login = ("hx-current-url", "https://shop.example/login?next=%2F");
    assert_eq!(asked("GET", &[htmx, login]).await, None);
    assert_eq!(asked("GET", &[current]).await, None);
    let plain = LoginRequiredLayer::new();
    let mut request = request("GET", "/cart/part", "*/*");
    request
        .headers_mut()
        .insert("hx-request", HeaderValue::from_static("true"));
    let answer = ask(&sessions, &plain, request).await;
    assert!(!answer.headers().contains_key("hx-redirect"));
}
