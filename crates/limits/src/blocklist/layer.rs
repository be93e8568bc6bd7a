//! The layer that refuses who is blocked by hand, and everybody while the site is closed.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use panoply_core::{BlockId, ClientAddress, Networks, Refusal, RefusedOr};
use tower_layer::Layer;
use tower_service::Service;

use super::holds::Hold;
use super::{Blocklist, MAINTENANCE, Maintenance};
use crate::answers::{Spares, refusal};

/// How soon to come again where nobody has said for how long the site is closed.
const AGAIN: Duration = Duration::from_mins(1);

/// Refuses clients that are on a [`Blocklist`], with 403, those that an [`AnswerLayer`](crate::AnswerLayer) holds
/// out, with 429, and during [maintenance](Blocklist::begin_maintenance) everybody, with 503.
#[derive(Debug, Clone)]
pub struct BlockLayer {
    list: Blocklist,
    open_to: Arc<Networks>,
    spares: Spares,
}

impl BlockLayer {
    /// Refuses whom `list` names.
    pub fn new(list: Blocklist) -> Self {
        Self {
            list,
            open_to: Arc::default(),
            spares: Spares::default(),
        }
    }

    /// Whom no answer holds out, though others of his network may be: what an
    /// [`AnswerLayer`](crate::AnswerLayer::spares) spares.
    #[must_use]
    pub fn sparing(mut self, spares: Spares) -> Self {
        self.spares = spares;
        self
    }

    /// Whom maintenance does not hold for: those who look whether the app is well again.
    #[must_use]
    pub fn open_to(mut self, networks: Networks) -> Self {
        self.open_to = Arc::new(networks);
        self
    }

    /// The block by which a request of `client` is refused, if there is one: by hand, or for what it was answered unless
    /// it is spared. Maintenance is none.
    pub fn block_of(&self, client: &ClientAddress) -> Option<BlockId> {
        let by_hand = self.list.held(client).map(|held| held.id);
        by_hand.or_else(|| held_out(&self.list, &self.spares, client).map(|(hold, _)| hold.id))
    }

    /// The list.
    pub const fn list(&self) -> &Blocklist {
        &self.list
    }
}

/// What holds a client out that is not spared, and for how much longer.
fn held_out(
    list: &Blocklist,
    spares: &Spares,
    client: &ClientAddress,
) -> Option<(Hold, Option<Duration>)> {
    let held = list.found_held(client);
    held.filter(|(hold, _)| !spares.include(&hold.rule, client))
}

impl<S> Layer<S> for BlockLayer {
    type Service = BlockService<S>;

    fn layer(&self, inner: S) -> BlockService<S> {
        BlockService {
            inner,
            list: self.list.clone(),
            open_to: Arc::clone(&self.open_to),
            spares: self.spares.clone(),
        }
    }
}

/// The service that [`BlockLayer`] makes.
#[derive(Debug, Clone)]
pub struct BlockService<S> {
    inner: S,
    list: Blocklist,
    open_to: Arc<Networks>,
    spares: Spares,
}

impl<S> BlockService<S> {
    fn refusal(&self, client: Option<&ClientAddress>) -> Option<Refusal> {
        if let Some(held) = client.and_then(|client| self.list.held(client)) {
            let detail = "Requests from your address are not accepted.";
            let refusal = Refusal::new(StatusCode::FORBIDDEN, held.rule, detail);
            return Some(refusal.with_block(held.id));
        }
        let held = client.and_then(|client| held_out(&self.list, &self.spares, client));
        if let Some((hold, left)) = held {
            return Some(refusal(hold.id, left));
        }
        let Maintenance { block, left } = self.list.maintenance()?;
        if client.is_some_and(|client| self.open_to.contains(client.ip())) {
            return None;
        }
        let detail = "The site is being worked on.";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, MAINTENANCE, detail);
        Some(
            refusal
                .with_retry_after(left.unwrap_or(AGAIN))
                .with_block(block),
        )
    }
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
        match self.refusal(client) {
            Some(refusal) => RefusedOr::refused(refusal.answer_to(&request)),
            None => RefusedOr::passed(self.inner.call(request)),
        }
    }
}

/// The future of [`BlockService`].
pub type BlockFuture<F> = RefusedOr<F>;
