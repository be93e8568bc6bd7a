//! Whole requests and their answers.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{Request, Response};
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
