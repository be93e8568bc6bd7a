//! A service of this process, in the place of an app behind the gateway.

mod answer;
mod call;
mod incoming;
mod switch;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::AppBody;

pub(crate) use answer::OwnBody;
pub(crate) use call::Calling;
pub use incoming::{Incoming, IncomingError};
pub(crate) use switch::{Failed, switch};

/// An error of any kind.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service's answer, under way.
type Answering = Pin<Box<dyn Future<Output = Result<Response<AppBody>, BoxError>>>>;

/// A service of one's own, of which each worker has one for itself.
#[derive(Clone)]
pub(crate) struct Own(Arc<dyn Template>);

trait Template: Send + Sync {
    fn settle(&self) -> Resident;
}

/// One worker's.
#[derive(Clone)]
pub(crate) struct Resident(Rc<dyn Answers>);

trait Answers {
    fn answer(&self, request: Request<Incoming>) -> Answering;
}

impl Own {
    pub(crate) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Arc::new(Kept(Mutex::new(service))))
    }

    /// One for a worker.
    pub(crate) fn settle(&self) -> Resident {
        self.0.settle()
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Own {}

impl Resident {
    fn answer(&self, request: Request<Incoming>) -> Answering {
        self.0.answer(request)
    }
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resident")
    }
}

/// What may be sent to another thread, and not shared with it.
struct Kept<S>(Mutex<S>);

/// What is cloned for each request, where a panic of it is that request's.
struct Settled<S>(Rc<S>);

impl<S, B> Template for Kept<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    fn settle(&self) -> Resident {
        let service = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Resident(Rc::new(Settled(Rc::new(service.clone()))))
    }
}

impl<S, B> Answers for Settled<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    S::Future: 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    fn answer(&self, request: Request<Incoming>) -> Answering {
        let template = Rc::clone(&self.0);
        let is_head = *request.method() == Method::HEAD;
        Box::pin(async move {
            let mut service = S::clone(&template);
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            let answer = service.call(request).await.map_err(Into::into)?;
            if is_head || answer::is_bodiless(answer.status()) {
                return Ok(answer::without_body(answer));
            }
            let (parts, body) = answer.into_parts();
            Ok(Response::from_parts(parts, answer::taken(body).await))
        })
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::Full;

    use super::*;

    /// What goes out of ten bytes.
    fn answered(method: Method, status: u16) -> Response<AppBody> {
        let service = tower::service_fn(move |_: Request<Incoming>| async move {
            let body = Full::new(Bytes::from_static(b"0123456789"));
            let answer = Response::builder().status(status);
            // As axum does.
            let answer = answer.header("content-length", 10).body(body);
            Ok::<_, BoxError>(answer.unwrap())
        });
        let request = Request::builder().method(method).body(Incoming::empty());
        let answering = Own::new(service).settle().answer(request.unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(answering).unwrap()
    }

    #[test]
    fn what_has_no_body_is_sent_none() {
        let ok = answered(Method::GET, 200);
        assert!(!ok.body().is_end_stream());
        // Over HTTP/2 it would be one, and the stream broken for it.
        for status in [204, 304] {
            let answer = answered(Method::GET, status);
            assert_eq!(answer.status(), StatusCode::from_u16(status).unwrap());
            assert!(answer.body().is_end_stream(), "{status}");
            let tells = answer.headers().contains_key("content-length");
            assert_eq!(tells, status == 304);
        }
        let head = answered(Method::HEAD, 200);
        assert!(head.body().is_end_stream());
        assert_eq!(head.headers()["content-length"], "10");
    }
}
