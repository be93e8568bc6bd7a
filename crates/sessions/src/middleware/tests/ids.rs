//! Ids: who makes them, when they change, what becomes of the old ones.

use super::*;

#[tokio::test]
async fn nobody_chooses_an_id() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        let planted = format!("__Host-id={}", "A".repeat(43));
        browser.cookie = Some(planted.clone());
        let response = browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert_eq!(site.calls(), (1, 1));
        assert!(!set_cookie(&response).unwrap().starts_with(&planted));
        browser.cookie = Some("__Host-id=no%20id".to_owned());
        assert_eq!(browser.value("a").await, None);
        assert_eq!(site.calls(), (0, 0), "what can be no id costs no call");
    }
}

#[tokio::test]
async fn ids_are_renewed_and_the_old_ones_end() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        let first = browser.clone();
        // It is read in the last minute, so that it is due for no touch when it is for a new id.
        site.clock.advance(Duration::from_secs(14 * 60 + 30));
        let response = browser
            .visit(async |session| session.get::<u32>("a").await.map(drop))
            .await;
        assert_eq!(set_cookie(&response), None);
        site.clock.advance(Duration::from_secs(30));
        let response = browser
            .visit(async |session| session.get::<u32>("a").await.map(drop))
            .await;
        assert!(set_cookie(&response).is_some());
        assert_ne!(browser.cookie, first.cookie);
        // One that was on its way writes into the same session, and takes the new cookie from nobody.
        let late = first
            .request(async |session| session.insert("b", &2).await)
            .await;
        assert_eq!(set_cookie(&late), None);
        assert_eq!(browser.value("b").await, Some(2));
        site.clock.advance(Duration::from_secs(30));
        assert_eq!(first.value("a").await, None);
        assert_eq!(browser.value("a").await, Some(1));
    }
}

#[tokio::test]
async fn a_login_keeps_the_cart_and_closes_the_old_id() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        browser
            .visit(async |session| session.insert("cart", &1).await)
            .await;
        let planted = browser.clone();
        site.calls();
        let response = browser
            .visit(async |session| session.login("alice").await)
            .await;
        assert_eq!(site.calls(), (1, 1));
        assert!(set_cookie(&response).is_some());
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        assert_eq!(browser.value("cart").await, Some(1));
        assert_eq!(planted.user().await, None);
        // What comes by the old id is given no session of its own, or its cookie would take the place
        // of the new one.
        let late = planted
            .request(async |session| session.insert("a", &1).await)
            .await;
        assert_eq!((late.status(), set_cookie(&late)), (StatusCode::OK, None));
        // But for another login.
        let again = planted
            .request(async |session| session.login("alice").await)
            .await;
        assert!(set_cookie(&again).is_some());
        site.pass(1);
        let later = planted
            .request(async |session| session.insert("a", &1).await)
            .await;
        assert!(
            set_cookie(&later).is_some(),
            "in a while it is as any other old id"
        );
    }
}

#[tokio::test]
async fn another_user_finds_nothing_of_the_first() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        browser
            .visit(async |session| {
                session.insert("cart", &1).await?;
                session.login("alice").await
            })
            .await;
        assert_eq!(browser.value("cart").await, Some(1));
        let old = browser.clone();
        browser
            .visit(async |session| {
                session.login("bob").await?;
                // One of the first user's that is on its way.
                old.request(async |session| session.insert("secret", &3).await)
                    .await;
                session.insert("new", &2).await
            })
            .await;
        assert_eq!(
            (old.user().await, browser.value("secret").await),
            (None, None)
        );
        assert_eq!(browser.user().await.as_deref(), Some("bob"));
        assert_eq!(
            (browser.value("cart").await, browser.value("new").await),
            (None, Some(2))
        );
    }
}

#[tokio::test]
async fn logging_in_again_starts_the_lifetime_over() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        for _ in 0..45 {
            browser
                .visit(async |session| session.login("alice").await)
                .await;
            site.pass(20);
        }
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn a_logout_ends_the_session_and_the_cookie() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.alice().await;
        let stolen = browser.clone();
        let response = browser.visit(async |session| session.logout().await).await;
        assert!(
            set_cookie(&response)
                .unwrap()
                .starts_with("__Host-id=; Path=/; Max-Age=0; ")
        );
        assert_eq!(browser.cookie, None);
        assert_eq!(stolen.user().await, None);
        // What is inserted after it is in a session of its own.
        browser
            .visit(async |session| session.login("alice").await)
            .await;
        browser
            .visit(async |session| {
                session.insert("a", &1).await?;
                session.regenerate().await?;
                session.flash("note", &7).await
            })
            .await;
        assert_eq!(browser.user().await, None);
        assert_eq!(browser.value("a").await, None);
        let note = async |session: Session| {
            assert_eq!(session.flashed("note").await?, Some(7));
            Ok(())
        };
        assert_eq!(browser.visit(note).await.status(), StatusCode::OK);
        assert_eq!(
            browser
                .visit(async |s| {
                    assert_eq!(s.flashed::<u32>("note").await?, None);
                    Ok(())
                })
                .await
                .status(),
            StatusCode::OK
        );
    }
}
