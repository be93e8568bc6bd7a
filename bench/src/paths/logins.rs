//! A login through the guard: the attempt is reserved, and settled by the answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use panoply::limits::GuardedBody;
use panoply::{ClientAddress, LoginConfig, Scheme, Secret};
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, Service};

use super::layers::address;
use super::{Path, at_once};

/// A login that sends the client on, or says that the password was wrong.
#[derive(Debug, Clone, Copy)]
struct Login {
    lets_in: bool,
}

impl Service<Request<GuardedBody<Full<Bytes>>>> for Login {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<GuardedBody<Full<Bytes>>>) -> Self::Future {
        let mut answer = Response::new(Full::new(Bytes::new()));
        if self.lets_in {
            *answer.status_mut() = StatusCode::SEE_OTHER;
            let home = HeaderValue::from_static("/account");
            answer.headers_mut().insert(LOCATION, home);
        } else {
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
        }
        ready(Ok(answer))
    }
}

fn attempt(user: u32, from: u32) -> Request<Full<Bytes>> {
    let body = format!("username=user{user:06}&password=correct+horse");
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = http::Uri::from_static("/login");
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, form);
    let peer = SocketAddr::from((address(from), 4000));
    let client = ClientAddress::direct(peer, Scheme::Https);
    request.extensions_mut().insert(client);
    request
}

/// Attempts of so many users, and how each is to be answered.
fn attempts(lets_in: bool, users: u32, expected: StatusCode) -> Result<Path> {
    let store = Arc::new(MemoryStore::default());
    let secret = Secret::new(vec![7; 32]);
    let layer = LoginConfig::route("/login").build(store, &secret)?;
    let mut service = layer.layer(Login { lets_in });
    let mut ask = move |number: u32| {
        let number = number % users;
        let answer = at_once(service.call(attempt(number, number)));
        answer.and_then(Result::ok).map(|answer| answer.status())
    };
    if !lets_in {
        // Until all of them are locked.
        let last = (0..users * 20).filter_map(&mut ask).last();
        let last = last.context("a login waits")?;
        ensure!(last == expected, "the last answer was {last}");
    }
    Ok(Box::new(move |number| ask(number) == Some(expected)))
}

/// The password is right.
pub(super) fn succeeds() -> Result<Path> {
    attempts(true, 1_000, StatusCode::SEE_OTHER)
}

/// The user is locked out.
pub(super) fn locked() -> Result<Path> {
    attempts(false, 100, StatusCode::TOO_MANY_REQUESTS)
}
