//! What is known of a request once it has been answered.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, Uri, Version};
use panoply_core::{AppTime, BlockId, RequestId};

/// One request and its answer, complete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The id that the answer carries as `X-Request-Id`.
    pub id: RequestId,
    /// The client's address, when the client layer has found it.
    pub client: Option<IpAddr>,
    /// The request's method.
    pub method: Method,
    /// The request's target. Its query may hold secrets: log the path.
    pub uri: Uri,
    /// The request's `Host`.
    pub host: Option<HeaderValue>,
    /// The request's `User-Agent`.
    pub user_agent: Option<HeaderValue>,
    /// The version of HTTP the client speaks.
    pub version: Version,
    /// The answer's status, of a refusal the one that was decided, which a gRPC client is told otherwise; 499, as nginx has it, where the client did not wait for one, and 500 where the
    /// service panicked or failed in place of one.
    pub status: StatusCode,
    /// Bytes of the answer's body that were sent.
    pub bytes: u64,
    /// From the request's head to the last byte of the answer's body.
    pub duration: Duration,
    /// From the request's head to the answer's head.
    pub first_byte: Duration,
    /// How long the app took, where whoever asked it has said so.
    pub app: Option<AppTime>,
    /// The rule that refused the request, if one did.
    pub rule: Option<&'static str>,
    /// The block that refused it, if one did.
    pub block: Option<BlockId>,
    /// Whether the answer's body ended before its time, on either side.
    pub aborted: bool,
}

/// Is told of every exchange, when the last byte of its answer has been sent or given up.
///
/// Called on the thread that serves the connection: do not block.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Takes note of one exchange.
    fn answered(&self, exchange: &Exchange);

    /// Whether it wants to be told of the exchange that begins now; by default always. Where it does not, nothing is
    /// noted down of it, and no time is read.
    fn is_listening(&self) -> bool {
        true
    }
}

/// The observer for services of their own: an event a request at level `debug`, target
/// `panoply::access`; nothing is noted down of a request that begins while nobody listens.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Events;

impl Observer for Events {
    fn is_listening(&self) -> bool {
        // To ask the subscriber itself for what no event follows would have one with a filter for each layer pass over
        // the next event.
        tracing::level_enabled!(tracing::Level::DEBUG)
    }

    fn answered(&self, exchange: &Exchange) {
        tracing::debug!(
            target: "panoply::access",
            id = %exchange.id,
            client.ip = exchange.client.map(tracing::field::display),
            method = %exchange.method,
            path = exchange.uri.path(),
            status = exchange.status.as_u16(),
            bytes = exchange.bytes,
            duration_us = exchange.duration.as_micros(),
            rule = exchange.rule,
            block = exchange.block.map(tracing::field::display),
            aborted = exchange.aborted,
            "answered"
        );
    }
}
