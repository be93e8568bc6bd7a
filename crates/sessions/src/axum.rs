//! The session in an axum handler.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::{Error, Session};

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoSession> {
        let session = parts.extensions.get::<Self>();
        session.cloned().ok_or(NoSession(()))
    }
}

/// There is no session: no [`SessionLayer`](crate::SessionLayer) stands around the handler.
/// Answered with 500.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no session: put a `SessionLayer` around this handler")]
pub struct NoSession(());

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// The user who is logged in, by whatever [`Session::login`] was given; nobody else gets into the handler.
///
/// ```
/// use panoply_sessions::LoggedIn;
///
/// async fn account(LoggedIn(user): LoggedIn) -> String {
///     format!("This is {user}'s.")
/// }
/// # let _ = account;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart")]
pub struct LoggedIn(pub String);

/// Nobody is logged in: 401. Or it cannot be told, as [`Error`] has it.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct NotLoggedIn(Error);

impl<S: Send + Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = NotLoggedIn;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotLoggedIn> {
        let session = parts.extensions.get::<Session>().cloned();
        let session = session.ok_or(NotLoggedIn(Error::NoLayer))?;
        let user = session.user().await.map_err(NotLoggedIn)?;
        user.map(Self).ok_or(NotLoggedIn(Error::NoUser))
    }
}

/// `Option<LoggedIn>` for pages that strangers see as well; while the store is away nobody is taken for one.
impl<S: Send + Sync> OptionalFromRequestParts<S> for LoggedIn {
    type Rejection = NotLoggedIn;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, NotLoggedIn> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(user) => Ok(Some(user)),
            Err(NotLoggedIn(Error::NoUser)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl IntoResponse for NotLoggedIn {
    fn into_response(self) -> Response {
        match self.0 {
            Error::NoUser => StatusCode::UNAUTHORIZED.into_response(),
            error => error.into_response(),
        }
    }
}

/// 503 for a store that failed, which the layer explains; 500 for anything else, with the error in
/// the log.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if matches!(self, Self::Store(_)) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        tracing::error!(error = %self, "a handler failed at its session");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn without_the_layer_it_is_500() {
        let (mut parts, ()) = Request::new(()).into_parts();
        let refused = Session::from_request_parts(&mut parts, &())
            .await
            .unwrap_err();
        let status = refused.into_response().status();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn who_is_not_logged_in_gets_into_no_handler() {
        type Optional = Option<LoggedIn>;
        async fn user(parts: &mut Parts) -> Result<LoggedIn, StatusCode> {
            let user = <LoggedIn as FromRequestParts<()>>::from_request_parts(parts, &()).await;
            user.map_err(|error| error.into_response().status())
        }
        async fn anybody(parts: &mut Parts) -> Result<Optional, StatusCode> {
            let user = <Optional as FromRequestParts<()>>::from_request_parts(parts, &()).await;
            user.map_err(|error| error.into_response().status())
        }
        let store = panoply_store_memory::MemorySessionStore::default();
        let sessions = crate::Sessions::server_side(std::sync::Arc::new(store)).unwrap();
        let session = Session::new(sessions.0.clone(), None, Some(true));
        let (mut parts, ()) = Request::new(()).into_parts();
        let missing = StatusCode::INTERNAL_SERVER_ERROR;
        assert_eq!(user(&mut parts).await, Err(missing));
        assert_eq!(anybody(&mut parts).await, Err(missing));
        parts.extensions.insert(session.clone());
        assert_eq!(user(&mut parts).await, Err(StatusCode::UNAUTHORIZED));
        assert_eq!(anybody(&mut parts).await, Ok(None));
        session.login("alice").await.unwrap();
        let alice = LoggedIn("alice".to_owned());
        assert_eq!(user(&mut parts).await, Ok(alice.clone()));
        assert_eq!(anybody(&mut parts).await, Ok(Some(alice)));
    }

    #[test]
    fn a_store_that_is_away_is_503_and_anything_else_500() {
        let away = panoply_core::StoreError::transient("the store is away");
        let status = |error: Error| error.into_response().status();
        assert_eq!(status(Error::store(away)), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(Error::Gone), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
