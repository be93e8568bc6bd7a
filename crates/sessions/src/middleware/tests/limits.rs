//! Stores that are away, sessions that are too large, plain HTTP.

use super::*;

#[tokio::test]
async fn a_store_that_fails_is_503_whatever_the_handler_says() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.alice().await;
        site.store.reads_fail.store(true, Ordering::SeqCst);
        let careless = async |session: Session| {
            assert!(matches!(session.user().await, Err(Error::Store(_))));
            Ok(())
        };
        let response = browser.visit(careless).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(set_cookie(&response), None);
        assert_ne!(response.body(), "page");
        assert_eq!(
            browser.visit(async |_| Ok(())).await.status(),
            StatusCode::OK
        );

        site.store.reads_fail.store(false, Ordering::SeqCst);
        site.store.writes_fail.store(true, Ordering::SeqCst);
        for stranger in [false, true] {
            let mut browser = if stranger {
                site.browser()
            } else {
                browser.clone()
            };
            let response = browser
                .visit(async |session| session.insert("a", &1).await)
                .await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(set_cookie(&response), None);
        }
        let response = browser.visit(async |session| session.logout().await).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            browser.cookie.is_some(),
            "who is not logged out is not told so"
        );
        // Of a touch and a renewal nothing is lost that somebody would miss.
        site.pass(16);
        let response = browser
            .visit(async |session| session.user().await.map(drop))
            .await;
        assert_eq!(
            (response.status(), set_cookie(&response)),
            (StatusCode::OK, None)
        );
        site.store.writes_fail.store(false, Ordering::SeqCst);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn an_outage_may_be_passed_over() {
    for at_once in [false, true] {
        let site = Site::new(config().on_outage(OnOutage::DangerPass), at_once);
        let mut browser = site.alice().await;
        site.store.reads_fail.store(true, Ordering::SeqCst);
        let response = browser
            .visit(async |session| session.user().await.map(drop))
            .await;
        assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
        site.store.reads_fail.store(false, Ordering::SeqCst);
        site.store.writes_fail.store(true, Ordering::SeqCst);
        let response = browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert_eq!(
            (response.status(), set_cookie(&response)),
            (StatusCode::OK, None)
        );
    }
}

#[tokio::test]
async fn an_error_that_the_handler_got_over_is_none() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        site.store.reads_fail.store(true, Ordering::SeqCst);
        let response = browser
            .visit(async |session| {
                assert!(session.names().await.is_err());
                site.store.reads_fail.store(false, Ordering::SeqCst);
                session.insert("a", &2).await
            })
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(browser.value("a").await, Some(2));
    }
}

#[tokio::test]
async fn what_is_too_large_is_said_by_how_much() {
    for at_once in [false, true] {
        let site = Site::new(config().most_bytes(1000), at_once);
        let mut browser = site.browser();
        let response = browser
        .visit(async |session| {
            session.insert("a", &"x".repeat(900)).await?;
            let error = session.insert("b", &"x".repeat(100)).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "the session would have 1006 bytes, 6 more than the 1000 it may have: keep less in \
                 it, or raise `most_bytes`"
            );
            assert_eq!(session.get::<String>("b").await?, None);
            session.insert("b", &"x".repeat(90)).await?;
            session.insert("a", &"x".repeat(100)).await
        })
        .await;
        assert_eq!(response.status(), StatusCode::OK);
        // Two requests that each fit, and do not together.
        let other = browser.clone();
        let response = browser
            .visit(async |session| {
                session.insert("c", &"x".repeat(500)).await?;
                other
                    .request(async |session| session.insert("d", &"x".repeat(500)).await)
                    .await;
                Ok(())
            })
            .await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn names_and_types_are_checked() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        browser
        .visit(async |session| {
            let reserved = session.insert("panoply.user", "mallory").await.unwrap_err();
            assert_eq!(
                reserved.to_string(),
                "`panoply.user` is kept for Panoply itself: take a name that does not begin with \
                 `panoply.`"
            );
            assert!(session.remove("panoply.user").await.is_err());
            assert!(session.take::<String>("panoply.user").await.is_err());
            assert!(
                session
                    .update("panoply.user", |_: Option<u8>| 1)
                    .await
                    .is_err()
            );
            session.insert("n", "text").await?;
            let error = session.get::<u32>("n").await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "`n` in the session is not of the type that was asked for"
            );
            assert!(session.take::<u32>("n").await.is_err());
            session.login("alice").await?;
            assert_eq!(session.names().await?, ["n".into()]);
            let pairs = std::collections::HashMap::from([((1, 2), 3)]);
            assert!(matches!(
                session.insert("m", &pairs).await,
                Err(Error::Unwritable { .. })
            ));
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn plain_http_gets_no_session() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        browser.scheme = Some(Scheme::Http);
        let response = browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert_eq!(
            (response.status(), set_cookie(&response)),
            (StatusCode::OK, None)
        );
        assert_eq!(
            site.calls(),
            (0, 0),
            "nothing is kept that nobody could come back to"
        );
        browser.scheme = None;
        let response = browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert!(set_cookie(&response).unwrap().contains("; Secure"));

        let auto = CookieConfig::new().secure(Secure::DangerAuto);
        let site = Site::new(config().cookie(auto), at_once);
        for (scheme, secure) in [(Scheme::Http, false), (Scheme::Https, true)] {
            let mut browser = site.browser();
            browser.scheme = Some(scheme);
            let response = browser
                .visit(async |session| session.insert("a", &1).await)
                .await;
            let line = set_cookie(&response).unwrap();
            assert!(line.starts_with("id="));
            assert_eq!(line.contains("; Secure"), secure);
            assert_eq!(browser.value("a").await, Some(1));
        }
    }
}

#[tokio::test]
async fn what_the_app_says_of_caching_stays() {
    for at_once in [false, true] {
        async fn page(request: Request<()>) -> Result<Response<Bytes>, Error> {
            let session = request.extensions().get::<Session>().unwrap().clone();
            session.insert("a", &1).await?;
            let response = Response::builder().header(CACHE_CONTROL, "private, max-age=5");
            Ok(response.body(Bytes::new()).unwrap())
        }

        let site = Site::new(config(), at_once);
        let response = site
            .sessions
            .layer()
            .layer(service_fn(page))
            .oneshot(Request::new(()))
            .await
            .unwrap();
        assert_eq!(response.headers()[CACHE_CONTROL], "private, max-age=5");
        let site = Site::new(config().danger_no_store(false), at_once);
        let response = site
            .browser()
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert!(!response.headers().contains_key(CACHE_CONTROL));
    }
}

#[tokio::test]
async fn behind_the_head_a_session_is_saved_by_hand() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        let kept = std::sync::Mutex::new(None);
        let keep = async |session: Session| {
            session.names().await?;
            *kept.lock().unwrap() = Some(session);
            Ok(())
        };
        browser.visit(keep).await;
        let session = kept.lock().unwrap().take().unwrap();
        session.insert("b", &2).await.unwrap();
        assert_eq!(browser.value("b").await, None);
        session.save().await.unwrap();
        assert_eq!(browser.value("b").await, Some(2));

        site.browser().visit(keep).await;
        let session = kept.lock().unwrap().take().unwrap();
        session.insert("b", &2).await.unwrap();
        assert!(matches!(session.save().await, Err(Error::Late)));
    }
}

#[tokio::test]
async fn behind_the_head_it_is_as_the_request_left_it() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        let kept = std::sync::Mutex::new(None);
        let change = async |session: Session| {
            session.insert("a", &2).await?;
            *kept.lock().unwrap() = Some(session);
            Ok(())
        };
        browser.visit(change).await;
        let session = kept.lock().unwrap().take().unwrap();
        assert_eq!(session.get::<u32>("a").await.unwrap(), Some(2));
        session.insert("b", &3).await.unwrap();
        session.save().await.unwrap();
        assert_eq!(browser.value("b").await, Some(3));

        let again = async |session: Session| {
            session.insert("a", &4).await?;
            *kept.lock().unwrap() = Some(session);
            Ok(())
        };
        browser.visit(again).await;
        browser.visit(async |session| session.destroy().await).await;
        let session = kept.lock().unwrap().take().unwrap();
        session.insert("b", &5).await.unwrap();
        assert!(matches!(session.save().await, Err(Error::Gone)));
    }
}

#[tokio::test]
async fn what_was_committed_is_told_beside_a_refusal() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        let response = browser
            .visit(async |session| {
                session.login("alice").await?;
                session.save().await?;
                site.store.writes_fail.store(true, Ordering::SeqCst);
                session.insert("b", &2).await
            })
            .await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            browser.user().await.as_deref(),
            Some("alice"),
            "by the new id"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_silent_keeps_nobody_waiting() {
    let site = Site::new(config(), false);
    let mut browser = site.guest().await;
    site.calls();
    site.store.silent.store(true, Ordering::SeqCst);
    let read = async |session: Session| session.names().await.map(drop);
    let start = tokio::time::Instant::now();
    for _ in 0..10 {
        let response = browser.visit(read).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(
        start.elapsed(),
        Duration::from_secs(6),
        "three waited, seven did not"
    );
    assert_eq!(site.calls(), (3, 0));
    site.clock.advance(Duration::from_secs(1));
    browser.visit(read).await;
    browser.visit(read).await;
    assert_eq!(site.calls(), (1, 0));
    site.store.silent.store(false, Ordering::SeqCst);
    site.clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        assert_eq!(browser.visit(read).await.status(), StatusCode::OK);
    }
}
