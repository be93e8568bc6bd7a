//! The one question to a registry: what is known of these versions?

pub(crate) mod npmrc;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use self::npmrc::Registry;
use super::advisory::npm::{self, Saved};

/// Versions by name, as the question says them.
pub(crate) type Question = BTreeMap<String, BTreeSet<String>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("the address is not one that can be asked")]
    Address(#[source] http::Error),
    #[error("no certificates of authorities were found on this machine")]
    Roots(#[source] std::io::Error),
    #[error("the question could not be made")]
    Question(#[source] std::io::Error),
    #[error("it cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    #[error("it did not answer within {}s", TIMEOUT.as_secs())]
    Late,
    #[error("it takes no such question (it answers {0}), as mirrors do")]
    Unsupported(StatusCode),
    #[error("it wants to know who asks (it answers {0}); put a token for it into your own .npmrc")]
    Login(StatusCode),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("its answer broke off, or is longer than {} MiB", MAX_ANSWER >> 20)]
    Body,
    #[error("its answer is not understood")]
    Answer,
}

/// As long as a person waits.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longer than the answer for any lock file.
const MAX_ANSWER: usize = 16 << 20;

/// Asks, on a thread of its own, so that it may be called from anywhere.
pub(crate) fn ask(registry: &Registry, question: &Question) -> Result<Saved, NoAnswer> {
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.map_err(NoAnswer::Question)?;
            let answer = runtime.block_on(async {
                let answer = tokio::time::timeout(TIMEOUT, post(registry, question)).await;
                answer.unwrap_or(Err(NoAnswer::Late))
            });
            // A name that is still being looked up is not waited for.
            runtime.shutdown_background();
            answer
        });
        asking.join()
    });
    asked.unwrap_or(Err(NoAnswer::Answer))
}

async fn post(registry: &Registry, question: &Question) -> Result<Saved, NoAnswer> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let json = serde_json::to_vec(question).map_err(|error| NoAnswer::Question(error.into()))?;
    gzip.write_all(&json).map_err(NoAnswer::Question)?;
    let body = gzip.finish().map_err(NoAnswer::Question)?;
    let mut request = Request::post(format!("{}-/npm/v1/security/advisories/bulk", registry.url))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip")
        .header(header::ACCEPT, "application/json")
        .header(
            header::USER_AGENT,
            concat!("panoply-audit/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(authorization) = &registry.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(NoAnswer::Address)?;
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(NoAnswer::Roots)?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let response = client
        .request(request)
        .await
        .map_err(NoAnswer::Unreachable)?;
    match response.status() {
        StatusCode::OK => {}
        status @ (StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::NOT_IMPLEMENTED) => {
            return Err(NoAnswer::Unsupported(status));
        }
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            return Err(NoAnswer::Login(status));
        }
        status => return Err(NoAnswer::Status(status)),
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await;
    let body = body.map_err(|_| NoAnswer::Body)?.to_bytes();
    let value: Value = serde_json::from_slice(&body).map_err(|_| NoAnswer::Answer)?;
    npm::bulk(&value).ok_or(NoAnswer::Answer)
}

#[cfg(test)]
mod tests;
