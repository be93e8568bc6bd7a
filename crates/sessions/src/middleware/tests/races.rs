//! Several requests of one client at once, and several sessions of one user.

use std::num::NonZeroU32;

use super::*;

#[tokio::test]
async fn a_hundred_requests_lose_nothing() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        browser
            .visit(async |session| session.insert("views", &0).await)
            .await;
        std::thread::scope(|scope| {
            for thread in 0..20u32 {
                let browser = browser.clone();
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_time()
                        .build()
                        .unwrap();
                    for number in thread * 5..thread * 5 + 5 {
                        let request = browser.request(async |session| {
                            session
                                .update("views", |n: Option<u32>| n.unwrap_or(0) + 1)
                                .await?;
                            std::thread::yield_now();
                            session.insert(&format!("n{number}"), &number).await
                        });
                        assert_eq!(runtime.block_on(request).status(), StatusCode::OK);
                    }
                });
            }
        });
        assert_eq!(browser.value("views").await, Some(100));
        for number in 0..100 {
            assert_eq!(browser.value(&format!("n{number}")).await, Some(number));
        }
    }
}

#[tokio::test]
async fn a_write_in_flight_never_brings_a_session_back() {
    for at_once in [false, true] {
        for renew in [false, true] {
            let site = Site::new(config(), at_once);
            let mut browser = site.alice().await;
            if renew {
                site.pass(16);
            }
            let other = browser.clone();
            let response = browser
                .request(async |session| {
                    session.insert("a", &1).await?;
                    session.cycle_id().await?;
                    // The user logs out in another tab.
                    other.request(async |session| session.logout().await).await;
                    Ok(())
                })
                .await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(set_cookie(&response), None, "nor does its cookie come back");
            assert_eq!(browser.user().await, None);
            assert!(
                site.sessions
                    .list("alice", None, 10)
                    .await
                    .unwrap()
                    .is_empty()
            );
            // The browser still has the old id, and may begin anew.
            browser
                .visit(async |session| session.insert("a", &1).await)
                .await;
            assert_eq!(
                (browser.value("a").await, browser.user().await),
                (Some(1), None)
            );
        }
    }
}

#[tokio::test]
async fn an_update_and_a_save_say_that_it_is_gone() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let browser = site.alice().await;
        let other = browser.clone();
        let response = browser
            .request(async |session| {
                session.insert("a", &1).await?;
                other.request(async |session| session.logout().await).await;
                assert!(matches!(session.save().await, Err(Error::Gone)));
                let update = session.update("n", |n: Option<u8>| n.unwrap_or(0)).await;
                assert!(matches!(update, Err(Error::Gone)));
                session.reload().await?;
                assert_eq!(session.user().await?, None);
                Ok(())
            })
            .await;
        assert_eq!(
            (response.status(), set_cookie(&response)),
            (StatusCode::OK, None)
        );
    }
}

#[tokio::test]
async fn a_login_during_a_logout_is_a_session_of_its_own() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        browser
            .visit(async |session| {
                session.insert("old", &1).await?;
                session.login("alice").await
            })
            .await;
        let other = browser.clone();
        let response = browser
            .visit(async |session| {
                session.login("alice").await?;
                session.insert("new", &2).await?;
                other.request(async |session| session.logout().await).await;
                Ok(())
            })
            .await;
        assert!(set_cookie(&response).is_some());
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        assert_eq!(
            (browser.value("old").await, browser.value("new").await),
            (None, Some(2))
        );
    }
}

#[tokio::test]
async fn a_request_during_a_login_takes_no_cookie_from_it() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        browser
            .visit(async |session| session.insert("cart", &1).await)
            .await;
        let poll = browser.clone();
        let login = browser
            .request(async |session| session.login("alice").await)
            .await;
        // A poll that was sent before the answer came.
        let late = poll
            .request(async |session| session.insert("polled", &1).await)
            .await;
        browser.keep(&login);
        browser.keep(&late);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn a_user_has_no_more_sessions_than_the_cap() {
    for at_once in [false, true] {
        let site = Site::new(config().most_per_user(NonZeroU32::new(2).unwrap()), at_once);
        let mut browsers = [site.browser(), site.browser(), site.browser()];
        for browser in &mut browsers {
            browser
                .visit(async |session| session.login("alice").await)
                .await;
            site.pass(1);
        }
        let [first, second, third] = browsers;
        assert_eq!(first.user().await, None);
        assert_eq!(second.user().await.as_deref(), Some("alice"));
        let listed = site.sessions.list("alice", None, 10).await.unwrap();
        assert_eq!(listed.len(), 2);
        let seen = std::sync::Mutex::new(None);
        third
            .request(async |session| {
                let own = session.fingerprint().await?.unwrap();
                let all = session.list().await?;
                assert_eq!(all.len(), 2);
                let other = all.iter().find(|info| info.fingerprint != own).unwrap();
                *seen.lock().unwrap() = Some(other.fingerprint);
                Ok(())
            })
            .await;
        let other = seen.into_inner().unwrap().unwrap();
        assert!(!site.sessions.revoke("bob", other).await.unwrap());
        assert!(site.sessions.revoke("alice", other).await.unwrap());
        assert_eq!(second.user().await, None);
        let fourth = site.alice().await;
        third
            .request(async |session| {
                assert_eq!(session.revoke_others().await?, 1);
                Ok(())
            })
            .await;
        assert_eq!(
            (fourth.user().await, third.user().await.as_deref()),
            (None, Some("alice"))
        );
        assert_eq!(site.sessions.revoke_all("alice").await.unwrap(), 1);
        assert_eq!(third.user().await, None);
        let nobody = third
            .request(async |session| session.list().await.map(drop))
            .await;
        assert_eq!(nobody.status(), StatusCode::IM_A_TEAPOT);
    }
}
