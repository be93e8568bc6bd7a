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
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use panoply::limits::GuardedBody;
use panoply_core::{ClientAddress, HostName, Refusal};
use panoply_headers::Headers;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::body::{RequestBody, ResponseBody};

pub use evidence::{CspEvidence, Sighting};
pub(crate) use keep::{keep, pass_on};
pub(crate) use kept::Kept;
pub use parse::Report;
pub use proposal::{CspAdditions, CspProposal, CspSource};

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

/// How long one may take to come: a browser has all of it before it begins.
const PATIENCE: Duration = Duration::from_secs(10);

fn refuse(status: StatusCode, detail: &'static str) -> Refusal {
    Refusal::new(status, "reports/malformed", detail)
}

fn too_large() -> Refusal {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "The report is too large.")
}

/// The name that a report is sent to, which is that of its page, where other headers are sent there than for the site.
pub(crate) fn own_name<B>(request: &Request<B>, headers: &Headers) -> Option<HostName> {
    HostName::asked(request).filter(|name| headers.domain_of(name).is_some())
}

/// Takes the reports in a request, of pages under a `name` of their own; the answer says nothing of what became of them.
pub(crate) async fn receive(
    request: Request<RequestBody>,
    reports: &mpsc::Sender<Received>,
    name: Option<HostName>,
) -> Result<Response<GuardedBody<ResponseBody>>, Refusal> {
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
    if http_body::Body::size_hint(request.body()).lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let read = tokio::time::timeout(PATIENCE, read(request.into_body())).await;
    let body = read.unwrap_or_else(|_| {
        let late = "The report did not come in time.";
        Err(refuse(StatusCode::REQUEST_TIMEOUT, late))
    })?;
    let parsed = parse::parse(&media, &body).ok_or_else(|| {
        refuse(
            StatusCode::BAD_REQUEST,
            "The report is not one of a Content-Security-Policy.",
        )
    })?;
    for mut report in parsed {
        if let Some(name) = &name {
            report.be_of(name);
        }
        // A flood of reports is dropped here; the first ones have been told of already.
        let _ = reports.try_send(Received { report, client });
    }
    let mut response = Response::new(GuardedBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// The whole body, in one piece, however small the pieces are that it comes in.
async fn read(mut body: RequestBody) -> Result<Vec<u8>, Refusal> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let broke_off = |_| refuse(StatusCode::BAD_REQUEST, "The report broke off.");
        let Ok(data) = frame.map_err(broke_off)?.into_data() else {
            continue;
        };
        if all.len() + data.len() > MAX_BODY {
            return Err(too_large());
        }
        all.extend_from_slice(&data);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::rc::Rc;
    use std::task::{Context, Poll};

    use http_body::{Frame, SizeHint};

    use super::*;
    use crate::body::Source;
    use crate::wire::Feed;

    /// A client that begins a report and sends no more of it.
    #[derive(Debug, Default)]
    struct Stalls(Cell<bool>);

    impl Feed for Stalls {
        fn poll(&self, _: u64, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            if self.0.replace(true) {
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{")))))
        }

        fn is_end(&self, _: u64) -> bool {
            false
        }

        fn size_hint(&self, _: u64) -> SizeHint {
            SizeHint::new()
        }

        fn let_go(&self, _: u64) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_that_does_not_come_is_not_waited_for() {
        let body = RequestBody::new(Source::http1(Rc::<Stalls>::default(), 1), 1 << 20);
        let request = Request::post("/").header(CONTENT_TYPE, "application/csp-report");
        let (reports, _taken) = mpsc::channel(1);
        let begun = tokio::time::Instant::now();
        let received = receive(request.body(body).unwrap(), &reports, None);
        let received = tokio::time::timeout(10 * PATIENCE, received).await;
        let refusal = received.expect("it waits for ever").unwrap_err();
        assert_eq!(refusal.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(begun.elapsed(), PATIENCE);
    }
}
