//! What is done to a session behind the head of the answer, as in a WebSocket, and by tasks that outlive it.

use std::pin::pin;
use std::task::{Context, Waker};

use super::*;

/// How a session comes to be used behind the head.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// The handler did not look at it.
    Untouched,
    /// It did.
    Touched,
    /// Nobody waited for the answer.
    Dropped,
}

const WAYS: [Way; 3] = [Way::Untouched, Way::Touched, Way::Dropped];

/// The session of a request that is over.
async fn left(browser: &mut Browser, way: Way) -> Session {
    let kept = std::sync::Mutex::new(None);
    let dropped = way == Way::Dropped;
    let answer = browser.request(async |session| {
        if way == Way::Touched {
            session.names().await?;
        }
        *kept.lock().unwrap() = Some(session);
        if dropped {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    if dropped {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(answer).poll(&mut cx).is_pending());
    } else {
        let response = answer.await;
        browser.keep(&response);
    }
    kept.into_inner().unwrap().unwrap()
}

/// With a session that is due for another id.
#[tokio::test]
async fn a_session_that_is_used_behind_the_head_keeps_its_id() {
    for at_once in [false, true] {
        for way in WAYS {
            let site = Site::new(config(), at_once);
            let mut browser = site.alice().await;
            site.pass(16);
            let session = left(&mut browser, way).await;
            session.insert("b", &2).await.unwrap();
            session.save().await.unwrap();
            let raised = session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1);
            assert_eq!(raised.await.unwrap(), 1);
            session.touch().await.unwrap();
            session.save().await.unwrap();
            let case = format!("{way:?} {at_once}");
            let look = async |session: Session| session.names().await.map(drop);
            let renewed = set_cookie(&browser.visit(look).await).is_some();
            assert_eq!(renewed, way != Way::Touched, "still due: {case}");
            site.clock.advance(Duration::from_secs(31));
            assert_eq!(browser.value("b").await, Some(2), "{case}");
            assert_eq!(browser.user().await.as_deref(), Some("alice"), "{case}");
        }
    }
}

#[tokio::test]
async fn what_takes_a_cookie_is_too_late_behind_the_head() {
    for at_once in [false, true] {
        for way in WAYS {
            let site = Site::new(config(), at_once);
            let is_late = async |session: &Session| {
                let late = matches!(session.save().await, Err(Error::Late));
                assert!(late, "{way:?} {at_once}");
                session.save().await.unwrap();
            };
            let session = left(&mut site.browser(), way).await;
            session.insert("b", &2).await.unwrap();
            is_late(&session).await;
            let raised = session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1);
            assert!(matches!(raised.await, Err(Error::Late)));
            session.login("alice").await.unwrap();
            is_late(&session).await;
            assert!(
                site.sessions
                    .list("alice", None, 9)
                    .await
                    .unwrap()
                    .is_empty()
            );

            let mut browser = site.guest().await;
            let session = left(&mut browser, way).await;
            session.cycle_id().await.unwrap();
            is_late(&session).await;
            session.login("alice").await.unwrap();
            is_late(&session).await;
            assert_eq!(browser.value("a").await, Some(1));
            assert_eq!(browser.user().await, None);
        }
    }
}

/// A layer within finishes nothing, and what it answers is not out yet.
#[tokio::test]
async fn a_layer_within_ends_nothing() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let sessions = &site.sessions;
        let app = service_fn(async |request: Request<()>| {
            let session = request.extensions().get::<Session>().unwrap().clone();
            let inner = service_fn(async |_: Request<()>| {
                Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
            });
            let answer = sessions.layer().layer(inner).oneshot(request).await;
            session.login("alice").await.unwrap();
            session.save().await.unwrap();
            answer
        });
        let app = sessions.layer().layer(app);
        let response = app.oneshot(Request::new(())).await.unwrap();
        assert!(set_cookie(&response).is_some());
    }
}
