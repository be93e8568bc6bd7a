//! Handlers that fail behind what they have done to the session.

use std::num::NonZeroU32;

use super::*;

/// What a handler answers that has failed, or panicked under a layer that makes an answer of it.
async fn answered<F>(browser: &mut Browser, status: StatusCode, handler: F) -> Response<Bytes>
where
    F: AsyncFn(&Session) -> Result<(), Error>,
{
    let mut request = Request::new(());
    if let Some(cookie) = &browser.cookie {
        request
            .headers_mut()
            .insert(COOKIE, cookie.parse().unwrap());
    }
    let handler = &handler;
    let app = service_fn(async |request: Request<()>| {
        let session = request.extensions().get::<Session>().unwrap().clone();
        handler(&session).await.unwrap();
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        Ok::<_, std::convert::Infallible>(response)
    });
    let app = browser.sessions.layer().layer(app);
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), status);
    browser.keep(&response);
    response
}

const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

#[tokio::test]
async fn a_login_whose_handler_fails_is_none() {
    for at_once in [false, true] {
        let site = Site::new(config().most_per_user(NonZeroU32::MIN), at_once);
        let other = site.alice().await;
        let login = async |session: &Session| {
            session.insert("b", &2).await?;
            session.login("alice").await?;
            session.remember(Duration::from_hours(48)).await
        };
        let mut stranger = site.browser();
        let response = answered(&mut stranger, FAILED, login).await;
        assert_eq!(set_cookie(&response), None);
        let mut guest = site.guest().await;
        let before = guest.cookie.clone();
        answered(&mut guest, StatusCode::BAD_GATEWAY, login).await;
        assert_eq!(guest.cookie, before);
        assert_eq!(guest.user().await, None);
        assert_eq!(
            (guest.value("a").await, guest.value("b").await),
            (Some(1), None)
        );
        assert_eq!(
            other.user().await.as_deref(),
            Some("alice"),
            "and ends nobody else"
        );
        assert_eq!(site.sessions.list("alice", None, 9).await.unwrap().len(), 1);
        // A wrong request is no failure.
        answered(&mut guest, StatusCode::NOT_FOUND, login).await;
        assert_eq!(guest.user().await.as_deref(), Some("alice"));
        assert_eq!(guest.value("b").await, Some(2));
    }
}

#[tokio::test]
async fn a_login_that_was_saved_stands() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        let login = async |session: &Session| {
            session.login("alice").await?;
            session.save().await?;
            session.insert("b", &2).await
        };
        answered(&mut browser, FAILED, login).await;
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        assert_eq!(browser.value("b").await, Some(2));
    }
}

#[tokio::test]
async fn what_else_a_handler_has_done_stays_though_it_fails() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.alice().await;
        answered(&mut browser, FAILED, async |session| {
            session.insert("b", &2).await
        })
        .await;
        assert_eq!(browser.value("b").await, Some(2));
        let before = browser.cookie.clone();
        answered(&mut browser, FAILED, async |session| {
            session.cycle_id().await
        })
        .await;
        assert_ne!(browser.cookie, before);
        answered(&mut browser, FAILED, async |session| session.logout().await).await;
        assert_eq!(browser.cookie, None);
    }
}
