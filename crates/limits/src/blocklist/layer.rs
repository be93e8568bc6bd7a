//! The layer that refuses who is blocked by hand.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use panoply_core::{ClientAddress, Refusal, RefusedOr};
use tower_layer::Layer;
use tower_service::Service;

use super::Blocklist;

/// Refuses clients that are on a [`Blocklist`], with 403.
#[derive(Debug, Clone)]
pub struct BlockLayer(Blocklist);

impl BlockLayer {
    /// Refuses whom `list` names.
    pub const fn new(list: Blocklist) -> Self {
        Self(list)
    }

    /// The list.
    pub const fn list(&self) -> &Blocklist {
        &self.0
    }
}

impl<S> Layer<S> for BlockLayer {
    type Service = BlockService<S>;

    fn layer(&self, inner: S) -> BlockService<S> {
        BlockService {
            inner,
            list: self.0.clone(),
        }
    }
}

/// The service that [`BlockLayer`] makes.
#[derive(Debug, Clone)]
pub struct BlockService<S> {
    inner: S,
    list: Blocklist,
}

impl<S, B, R> Service<Request<B>> for BlockService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BlockFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = request.extensions().get::<ClientAddress>();
        if client.is_none() {
            self.list.tell_of_nobody();
        }
        let held = client.and_then(|client| self.list.held(client));
        let Some(held) = held else {
            return RefusedOr::passed(self.inner.call(request));
        };
        let detail = "Requests from your address are not accepted.";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, held.rule, detail).with_block(held.id);
        RefusedOr::refused(refusal.answer_to(&request))
    }
}

/// The future of [`BlockService`].
pub type BlockFuture<F> = RefusedOr<F>;
