//! What browsers say the Content-Security-Policy blocked.
//!
//! Anybody can send a report, so each is hostile input: small, parsed into a few short fields, and
//! handed to one task through a queue that drops what it cannot hold.

mod book;
mod evidence;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod keep;
mod kept;
mod ledger;
mod parse;
mod proposal;
mod witnesses;

use std::net::IpAddr;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use panoply::limits::GuardedBody;
use panoply_core::{ClientAddress, Refusal};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::body::{RequestBody, ResponseBody};

pub use evidence::{CspEvidence, Sighting};
pub(crate) use keep::{keep, pass_on};
pub(crate) use kept::Kept;
pub use parse::Report;
pub use proposal::{CspProposal, CspSource};

/// Who is shown each report that was taken.
#[derive(Clone, Default)]
pub(crate) struct Watcher(Option<Arc<See>>);

type See = dyn Fn(&Report) + Send + Sync;

impl Watcher {
    pub(crate) fn new(see: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(see)))
    }

    fn see(&self, report: &Report) {
        if let Some(see) = &self.0 {
            see(report);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watches = if self.0.is_some() {
            "somebody"
        } else {
            "nobody"
        };
        f.debug_tuple("Watcher").field(&watches).finish()
    }
}

/// A report, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    report: Report,
    /// What counts as one client.
    client: Option<IpAddr>,
}

/// The largest body of reports that is read, in bytes.
const MAX_BODY: usize = 64 << 10;

/// Takes the reports in a request; the answer says nothing of what became of them.
pub(crate) async fn receive(
    request: Request<RequestBody>,
    reports: &mpsc::Sender<Received>,
) -> Result<Response<GuardedBody<ResponseBody>>, Refusal> {
    let refuse = |status, detail: &'static str| Refusal::new(status, "reports/malformed", detail);
    if request.method() != Method::POST {
        return Err(refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "Reports are sent by POST.",
        ));
    }
    let media = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = media
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let client = request.extensions().get().map(ClientAddress::network);
    let too_large = || refuse(StatusCode::PAYLOAD_TOO_LARGE, "The report is too large.");
    if http_body::Body::size_hint(request.body()).lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let body = match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(too_large());
        }
        Err(_) => return Err(refuse(StatusCode::BAD_REQUEST, "The report broke off.")),
    };
    let parsed = parse::parse(&media, &body).ok_or_else(|| {
        refuse(
            StatusCode::BAD_REQUEST,
            "The report is not one of a Content-Security-Policy.",
        )
    })?;
    for report in parsed {
        // A flood of reports is dropped here; the first ones have been told of already.
        let _ = reports.try_send(Received { report, client });
    }
    let mut response = Response::new(GuardedBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
