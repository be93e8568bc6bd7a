//! A request through the session layer, and a handler that reads or writes a value.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use panoply::cookies::Sealer;
use panoply::{KeyRing, Session, SessionConfig, Sessions};
use panoply_store_memory::MemorySessionStore;
use tower::{Layer as _, Service};

use super::layers::request;
use super::{Path, at_once};

/// What a handler does, by the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        Box::pin(async move {
            let session = request.extensions().get::<Session>();
            let done = match (session, request.uri().path()) {
                (Some(session), "/make") => session.insert("views", &1_u64).await.is_ok(),
                (Some(session), "/read") => {
                    matches!(session.get::<u64>("views").await, Ok(Some(_)))
                }
                (Some(session), "/write") => match session.get::<u64>("views").await {
                    Ok(Some(views)) => session.insert("views", &(views + 1)).await.is_ok(),
                    _ => false,
                },
                _ => true,
            };
            let mut answer = Response::new(Bytes::new());
            if !done {
                *answer.status_mut() = StatusCode::IM_A_TEAPOT;
            }
            Ok(answer)
        })
    }
}

/// Sessions in memory, so many, and a request to each in turn.
pub(crate) fn many(sessions: &Sessions, many: u32) -> Result<Vec<HeaderValue>> {
    let mut service = sessions.layer().layer(Handler);
    let mut cookies = Vec::new();
    for _ in 0..many {
        let answer = at_once(service.call(request("/make"))).context("it waits")??;
        ensure!(answer.status().is_success(), "a session could not be made");
        let cookie = answer.headers().get(SET_COOKIE).context("no cookie")?;
        let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
        cookies.push(HeaderValue::from_str(pair)?);
    }
    Ok(cookies)
}

/// One request of each session in turn.
pub(crate) fn asks(sessions: &Sessions, cookies: Vec<HeaderValue>, path: &'static str) -> Path {
    let mut service = sessions.layer().layer(Handler);
    Box::new(move |number| {
        let mut request = request(path);
        if let Some(cookie) = cookies.get(number as usize % cookies.len().max(1)) {
            request.headers_mut().insert(COOKIE, cookie.clone());
        }
        let answer = at_once(service.call(request));
        matches!(answer, Some(Ok(answer)) if answer.status().is_success())
    })
}

fn stored() -> Result<Sessions> {
    Ok(Sessions::server_side(Arc::new(
        MemorySessionStore::default(),
    ))?)
}

fn sealed() -> Result<Sessions> {
    let sealer = Sealer::new(&KeyRing::random()?, "shop.example");
    Ok(SessionConfig::new().build_sealed(Arc::new(sealer))?)
}

/// How many there are where that does not matter.
const FEW: u32 = 1_000;

/// A request with a cookie whose handler does not look at its session.
pub(super) fn none() -> Result<Path> {
    let sessions = stored()?;
    let cookies = many(&sessions, FEW)?;
    Ok(asks(&sessions, cookies, "/"))
}

/// One that reads a value.
pub(super) fn read() -> Result<Path> {
    let sessions = stored()?;
    let cookies = many(&sessions, FEW)?;
    Ok(asks(&sessions, cookies, "/read"))
}

/// One that raises it by one.
pub(super) fn write() -> Result<Path> {
    let sessions = stored()?;
    let cookies = many(&sessions, FEW)?;
    Ok(asks(&sessions, cookies, "/write"))
}

/// One that begins a session.
pub(super) fn make() -> Result<Path> {
    Ok(asks(&stored()?, Vec::new(), "/make"))
}

/// One that reads a value that is sealed in its cookie.
pub(super) fn sealed_read() -> Result<Path> {
    let sessions = sealed()?;
    let cookies = many(&sessions, FEW)?;
    Ok(asks(&sessions, cookies, "/read"))
}

/// One that raises such a value, and so is sealed again.
pub(super) fn sealed_write() -> Result<Path> {
    let sessions = sealed()?;
    let cookies = many(&sessions, FEW)?;
    Ok(asks(&sessions, cookies, "/write"))
}
