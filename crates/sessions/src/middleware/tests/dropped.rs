//! What a handler has begun and given up waiting for, as under a time limit of its own.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

/// The output of a future that is given up after so many polls.
fn polled<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
    }
    None
}

const MOST_POLLS: usize = 6;

#[tokio::test]
async fn a_logout_that_was_given_up_is_not_answered_for() {
    for hangs in [false, true] {
        for times in 0..MOST_POLLS {
            let site = Site::new(config(), false);
            let browser = site.alice().await;
            site.store.hangs.store(hangs, Ordering::SeqCst);
            let done = std::sync::Mutex::new(true);
            let response = browser
                .request(async |session| {
                    *done.lock().unwrap() = polled(session.logout(), times).is_some();
                    Ok(())
                })
                .await;
            site.store.hangs.store(false, Ordering::SeqCst);
            let (done, begun) = (done.into_inner().unwrap(), times > 0);
            let ok = response.status() == StatusCode::OK;
            assert!(!hangs || !done);
            assert_eq!(ok, done || !begun, "{times} polls, hangs: {hangs}");
        }
    }
}

#[tokio::test]
async fn an_end_of_all_others_that_was_given_up_is_not_answered_for() {
    for times in 1..MOST_POLLS {
        let site = Site::new(config(), false);
        let (browser, other) = (site.alice().await, site.alice().await);
        site.store.hangs.store(true, Ordering::SeqCst);
        let response = browser
            .request(async |session| {
                session.user().await?;
                assert!(polled(session.revoke_others(), times).is_none());
                Ok(())
            })
            .await;
        site.store.hangs.store(false, Ordering::SeqCst);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(other.user().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn what_was_written_and_given_up_is_written_at_the_end() {
    for times in 0..MOST_POLLS {
        let site = Site::new(config(), false);
        let mut browser = site.guest().await;
        browser
            .visit(async |session| {
                session.insert("b", &2).await?;
                session.login("alice").await?;
                polled(session.save(), times);
                Ok(())
            })
            .await;
        assert_eq!(browser.user().await.as_deref(), Some("alice"), "{times}");
        assert_eq!(browser.value("b").await, Some(2), "{times}");
        let listed = site.sessions.list("alice", None, 10).await.unwrap().len();
        assert_eq!(browser.value("a").await, Some(1), "{times} {listed}");
    }
}

#[tokio::test]
async fn a_counter_that_was_given_up_is_raised_once_at_most() {
    for times in 0..MOST_POLLS {
        let site = Site::new(config(), false);
        let mut browser = site.guest().await;
        browser
            .visit(async |session| {
                let raised = session.update("a", |a: Option<u32>| a.unwrap_or(0) + 1);
                let raised = polled(raised, times);
                assert!(raised.is_none_or(|raised| raised.is_ok_and(|a| a == 2)));
                Ok(())
            })
            .await;
        assert!(matches!(browser.value("a").await, Some(1 | 2)));
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_leaves_one_session_or_the_other() {
    for times in 0..2 * MOST_POLLS {
        let site = Site::new(config(), false);
        let browser = site.guest().await;
        let login = browser.request(async |session| session.login("alice").await);
        let response = polled(login, times);
        let mut after = browser.clone();
        match response {
            Some(response) => after.keep(&response),
            // The cookie went nowhere, so what the old one opens is nobody's.
            None => assert_eq!(after.user().await, None),
        }
        let again = after
            .visit(async |session| session.login("alice").await)
            .await;
        assert_eq!(again.status(), StatusCode::OK);
        assert_eq!(after.user().await.as_deref(), Some("alice"));
    }
}

/// Two parts of a handler may ask at the same moment, and one waits for the other.
#[tokio::test]
async fn an_end_that_was_given_up_before_its_turn_is_not_answered_for() {
    for others in [false, true] {
        let site = Site::new(config(), false);
        let browser = site.alice().await;
        let response = browser
            .request(async |session| {
                let mut first = Box::pin(session.reload());
                let mut cx = Context::from_waker(Waker::noop());
                assert!(first.as_mut().poll(&mut cx).is_pending());
                if others {
                    assert!(polled(session.revoke_others(), 3).is_none());
                } else {
                    assert!(polled(session.logout(), 3).is_none());
                }
                first.await
            })
            .await;
        assert_eq!(
            response.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{others}"
        );
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
    }
    // One that is asked for again is done, and so is one that came to its turn.
    let site = Site::new(config(), false);
    let browser = site.alice().await;
    let response = browser
        .request(async |session| {
            let mut first = Box::pin(session.reload());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(first.as_mut().poll(&mut cx).is_pending());
            assert!(polled(session.logout(), 3).is_none());
            first.await?;
            session.logout().await
        })
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(browser.user().await, None);
    let site = Site::new(config(), false);
    let browser = site.alice().await;
    let response = browser
        .request(async |session| {
            let (first, ended) =
                futures_util::future::join(session.reload(), session.logout()).await;
            first.and(ended)
        })
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(browser.user().await, None);
}

#[tokio::test]
async fn an_end_of_all_others_that_failed_is_not_made_up_for_by_one_of_nobody() {
    let site = Site::new(config(), false);
    let (browser, other) = (site.alice().await, site.alice().await);
    let response = browser
        .request(async |session| {
            site.store.writes_fail.store(true, Ordering::SeqCst);
            assert!(session.revoke_others().await.is_err());
            site.store.writes_fail.store(false, Ordering::SeqCst);
            session.logout().await?;
            assert!(matches!(session.revoke_others().await, Err(Error::NoUser)));
            Ok(())
        })
        .await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(other.user().await.as_deref(), Some("alice"));
}
