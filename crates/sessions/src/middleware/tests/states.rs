//! What a request knows of its session, asked and changed in the middle of it.

use tower::Service;

use super::*;

/// A session with `a` set to 1.
async fn started(site: &Site) -> Browser {
    let browser = site.guest().await;
    site.calls();
    browser
}

#[tokio::test]
async fn a_reload_shows_what_others_did_and_forgets_the_rest() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let browser = started(&site).await;
        let response = browser
            .request(async |session| {
                assert!(!session.is_new().await?);
                session.insert("own", &1).await?;
                browser
                    .request(async |session| session.insert("a", &2).await)
                    .await;
                assert_eq!(session.get::<u32>("a").await?, Some(1));
                session.reload().await?;
                assert_eq!(session.get::<u32>("a").await?, Some(2));
                assert_eq!(session.get::<u32>("own").await?, None);
                Ok(())
            })
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(browser.value("own").await, None);
    }
}

#[tokio::test]
async fn a_touch_is_written_however_soon_and_a_roll_is_not() {
    for at_once in [false, true] {
        let site = Site::new(config().rolling(true), at_once);
        let browser = started(&site).await;
        browser.value("a").await;
        assert_eq!(site.calls(), (1, 0));
        browser.request(async |session| session.touch().await).await;
        assert_eq!(site.calls(), (1, 1));
        // A time of its own is kept, though nothing else is.
        browser
            .request(async |session| session.expire_after(Duration::from_mins(5)).await)
            .await;
        site.pass(5);
        assert_eq!(browser.value("a").await, None);
    }
}

#[tokio::test]
async fn an_id_is_changed_when_it_is_asked_for() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = started(&site).await;
        let old = browser.clone();
        browser
            .visit(async |session| session.cycle_id().await)
            .await;
        assert_ne!(browser.cookie, old.cookie);
        assert_eq!(browser.value("a").await, Some(1));
        assert_eq!(old.value("a").await, None);
        // Beside a value that is written too.
        let old = browser.clone();
        browser
            .visit(async |session| {
                session.cycle_id().await?;
                session.insert("a", &2).await
            })
            .await;
        assert_ne!(browser.cookie, old.cookie);
        assert_eq!(browser.value("a").await, Some(2));
        assert_eq!(old.value("a").await, None);
    }
}

#[tokio::test]
async fn a_write_renews_an_id_that_is_due() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = started(&site).await;
        let old = browser.clone();
        site.pass(15);
        browser
            .visit(async |session| session.insert("a", &2).await)
            .await;
        assert_ne!(browser.cookie, old.cookie);
        assert_eq!(browser.value("a").await, Some(2));
        site.pass(1);
        assert_eq!(old.value("a").await, None);
    }
}

#[tokio::test]
async fn a_stranger_who_saves_nothing_gets_nothing() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let response = site
            .browser()
            .visit(async |session| session.save().await)
            .await;
        assert_eq!(
            (response.status(), set_cookie(&response)),
            (StatusCode::OK, None)
        );
        assert_eq!(site.calls(), (0, 0));
    }
}

#[tokio::test]
async fn messages_are_told_apart_from_each_other_and_from_values() {
    let site = Site::new(config(), true);
    let mut browser = site.browser();
    browser
        .visit(async |session| {
            session.insert("note", &1).await?;
            session.flash("note", &2).await?;
            session.flash("warning", &3).await
        })
        .await;
    let response = browser
        .visit(async |session| {
            assert_eq!(session.flashed("warning").await?, Some(3));
            assert_eq!(session.flashed("note").await?, Some(2));
            assert_eq!(session.get("note").await?, Some(1));
            Ok(())
        })
        .await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_session_has_all_the_room_that_it_may_have() {
    for at_once in [false, true] {
        let site = Site::new(config().most_bytes(1000), at_once);
        let mut browser = site.browser();
        // A name of one letter, two quotes.
        let full = "x".repeat(997);
        let response = browser
            .visit(async |session| session.insert("a", &full).await)
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        let other = "y".repeat(997);
        let response = browser
            .visit(async |session| {
                session.insert("a", &other).await?;
                let larger = |_: Option<String>| "z".repeat(998);
                assert!(matches!(
                    session.update("a", larger).await,
                    Err(Error::TooLarge {
                        bytes: 1001,
                        most: 1000
                    })
                ));
                Ok(())
            })
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        // Under a narrower bound it may be rewritten, and get no larger.
        let narrow = config().most_bytes(500).clock(site.clock.clone());
        let mut browser = Browser {
            sessions: narrow.build(site.store.clone()).unwrap(),
            ..browser
        };
        let response = browser
            .visit(async |session| {
                assert_eq!(session.get("a").await?, Some(other.clone()));
                session.insert("a", &full).await?;
                assert!(session.insert("b", &1).await.is_err());
                Ok(())
            })
            .await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_store_that_failed_is_not_asked_again_at_the_end() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let browser = started(&site).await;
        site.store.writes_fail.store(true, Ordering::SeqCst);
        let response = browser
            .request(async |session| {
                session.insert("a", &2).await?;
                assert!(session.save().await.is_err());
                Ok(())
            })
            .await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(site.calls().1, 1);
    }
}

#[tokio::test]
async fn an_id_that_was_ended_is_not_taken_again() {
    for at_once in [false, true] {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        // The second is the first once more.
        let genid = move || {
            let number = count.fetch_add(1, Ordering::SeqCst).saturating_sub(1);
            format!("their-own-{number:010}")
        };
        // One is made to be tried.
        let site = Site::new(config().danger_genid(genid), at_once);
        made.store(0, Ordering::SeqCst);
        let mut browser = started(&site).await;
        let first = browser.cookie.clone();
        browser.visit(async |session| session.destroy().await).await;
        let response = browser
            .visit(async |session| session.insert("a", &2).await)
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_ne!(browser.cookie, first);
        assert_eq!(browser.value("a").await, Some(2));
        assert_eq!(made.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn by_which_scheme_a_client_came_its_address_says_last() {
    let site = Site::new(config(), true);
    for (uri, kept) in [("https://a.example/", true), ("http://a.example/", false)] {
        let app = service_fn(async |request: Request<()>| {
            let session = request.extensions().get::<Session>().unwrap().clone();
            session.insert("a", &1).await.unwrap();
            Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
        });
        let request = Request::get(uri).body(()).unwrap();
        let response = site.sessions.layer().layer(app).oneshot(request).await;
        assert_eq!(set_cookie(&response.unwrap()).is_some(), kept, "{uri}");
    }
}

/// A service that takes no request at the moment.
struct Busy;

impl Service<Request<()>> for Busy {
    type Response = Response<Bytes>;
    type Error = std::convert::Infallible;
    type Future = std::future::Pending<Result<Self::Response, Self::Error>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::pending()
    }
}

#[test]
fn a_busy_app_is_given_no_request() {
    let site = Site::new(config(), true);
    let mut service = site.sessions.layer().layer(Busy);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut cx).is_pending());
    let future = service.call(Request::new(()));
    assert_eq!(format!("{future:?}"), "SessionFuture { .. }");
}

#[test]
fn what_is_shown_tells_of_settings_and_store_and_no_value() {
    let site = Site::new(config(), true);
    assert_eq!(site.sessions.cookie_name(), "__Host-id");
    let shown = format!("{:?}", site.sessions);
    for part in ["Sessions", "Settings", "__Host-id", "Keeper", "Watched"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = format!("{:?}", config().idle(Duration::from_secs(7)));
    assert!(shown.contains("idle: Some(7s)"), "{shown}");
    let id = crate::id::SessionId::random().unwrap();
    let session = Session::new(site.sessions.0.clone(), Some(id), None);
    assert_eq!(format!("{session:?}"), "Session(…)");
}

#[tokio::test]
async fn one_layer_within_another_has_its_session() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let app = service_fn(async |request: Request<()>| {
            let session = request.extensions().get::<Session>().unwrap().clone();
            session.login("alice").await.unwrap();
            Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
        });
        // What an app puts between the two, and looks at sessions too.
        let between = |request: Request<()>| async {
            let session = request.extensions().get::<Session>().unwrap().clone();
            session.insert("a", &1).await.unwrap();
            site.sessions.layer().layer(app).oneshot(request).await
        };
        let service = site.sessions.layer().layer(service_fn(between));
        let response = service.oneshot(Request::new(())).await.unwrap();
        let cookies = response.headers().get_all(SET_COOKIE).iter().count();
        assert_eq!(cookies, 1);
        let mut browser = site.browser();
        browser.keep(&response);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        assert_eq!(browser.value("a").await, Some(1));
    }
}
