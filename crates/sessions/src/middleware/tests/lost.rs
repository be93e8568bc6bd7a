//! Answers that bring another id and never arrive.

use super::*;

/// One request whose answer the browser never reads.
async fn aborted(browser: &Browser) {
    let response = browser.request(look).await;
    assert!(set_cookie(&response).is_some(), "it would have brought one");
}

async fn look(session: Session) -> Result<(), Error> {
    session.names().await.map(drop)
}

fn seconds(site: &Site, seconds: u64) {
    site.clock.advance(Duration::from_secs(seconds));
}

#[tokio::test]
async fn an_answer_that_is_lost_at_a_renewal_logs_nobody_out() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.alice().await;
        let before = browser.clone();
        site.pass(16);
        aborted(&browser).await;
        // A double click: the second one comes at once, and heals nothing.
        assert_eq!(set_cookie(&browser.visit(look).await), None);
        seconds(&site, 40);
        let healed = browser.visit(look).await;
        assert!(set_cookie(&healed).is_some());
        assert_ne!(browser.cookie, before.cookie);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        // However much later.
        site.pass(16);
        aborted(&browser).await;
        site.pass(12);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        for _ in 0..20 {
            seconds(&site, 40);
            aborted(&browser).await;
        }
        seconds(&site, 40);
        browser.visit(look).await;
        let last = browser.cookie.clone();
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        seconds(&site, 40);
        assert_eq!(set_cookie(&browser.visit(look).await), None);
        assert_eq!(browser.cookie, last);
    }
}

#[tokio::test]
async fn of_many_that_come_by_a_lost_id_one_gets_the_cookie() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.alice().await;
        site.pass(16);
        aborted(&browser).await;
        seconds(&site, 40);
        let old = browser.clone();
        let all = futures_util::future::join_all((0..9).map(|_| old.request(look))).await;
        let sent: Vec<_> = all.iter().filter(|a| set_cookie(a).is_some()).collect();
        assert_eq!(sent.len(), 1);
        browser.keep(sent[0]);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        assert_eq!(old.user().await.as_deref(), Some("alice"), "in its grace");
    }
}

/// Whoever has an old id has it for a grace once the browser came by the new one, in whichever way that is seen.
#[tokio::test]
async fn a_stolen_id_ends_when_the_new_one_was_used() {
    for at_once in [false, true] {
        for way in 0..4 {
            let site = Site::new(config(), at_once);
            let mut browser = site.alice().await;
            let stolen = browser.clone();
            site.pass(16);
            browser.visit(look).await;
            browser
                .visit(async |session| match way {
                    0 => look(session).await,
                    1 => session.insert("c", &1).await,
                    2 => session.update("c", |_| 1).await.map(|_: u8| ()),
                    _ => session.save().await,
                })
                .await;
            seconds(&site, 29);
            assert_eq!(stolen.user().await.as_deref(), Some("alice"));
            seconds(&site, 1);
            assert_eq!(stolen.user().await, None);
            let response = stolen.request(async |session| session.insert("b", &1).await);
            assert!(
                set_cookie(&response.await).is_some(),
                "a session of its own"
            );
            assert_eq!(browser.user().await.as_deref(), Some("alice"));
            assert_eq!(browser.value("b").await, None);
        }
    }
}

#[tokio::test]
async fn a_login_and_a_logout_end_a_lost_id_at_once() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        let planted = browser.clone();
        site.pass(16);
        aborted(&browser).await;
        seconds(&site, 40);
        let login = async |session: Session| session.login("alice").await;
        browser.visit(login).await;
        assert_eq!(planted.value("a").await, None);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        // In a while it is as any other id that leads nowhere.
        seconds(&site, 30);
        let own = planted.request(async |session| session.insert("b", &1).await);
        assert!(set_cookie(&own.await).is_some());

        site.pass(16);
        let old = browser.clone();
        aborted(&browser).await;
        site.pass(5);
        browser.visit(async |session| session.logout().await).await;
        assert_eq!(old.user().await, None);
    }
}

/// It is told once, and what is written meanwhile goes along.
#[tokio::test]
async fn the_new_id_costs_one_commit_more() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        for writes in [false, true] {
            site.pass(16);
            browser.visit(look).await;
            site.calls();
            browser
                .visit(async |session| {
                    if writes {
                        session.insert("b", &2).await?;
                    }
                    look(session).await
                })
                .await;
            assert_eq!(site.calls(), (1, 1));
            browser.visit(look).await;
            assert_eq!(site.calls(), (1, 0));
        }
        assert_eq!(browser.value("b").await, Some(2));
    }
}

#[tokio::test]
async fn without_a_grace_an_old_id_ends_at_once() {
    for at_once in [false, true] {
        let site = Site::new(config().grace(Duration::ZERO), at_once);
        let mut browser = site.alice().await;
        let old = browser.clone();
        site.pass(16);
        browser.visit(look).await;
        assert_eq!(old.user().await, None);
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
    }
}
