use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use panoply_core::{ClientAddress, ManualClock, Refusal, RequestId, Scheme};
use tower::{Service as _, ServiceBuilder, ServiceExt as _, service_fn};

use super::{Exchange, Observer, TraceLayer};

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<Exchange>>);

impl Observer for Seen {
    fn answered(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

async fn exchange(method: Method, read: bool, refuse: bool) -> Exchange {
    let clock = ManualClock::new();
    let seen = Arc::new(Seen::default());
    let moved = clock.clone();
    let app = service_fn(move |request: Request<()>| {
        moved.advance(Duration::from_millis(5));
        let id = *request.extensions().get::<RequestId>().unwrap();
        let response = if refuse {
            let refusal = Refusal::new(StatusCode::FORBIDDEN, "test/no", "No.").with_id(id);
            refusal.into_response(&HeaderMap::new())
        } else {
            Response::new(Bytes::from_static(b"hello"))
        };
        async move { Ok::<_, Infallible>(response.map(Full::new)) }
    });
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new(seen.clone(), Arc::new(clock.clone())))
        .service(app);
    let request = Request::builder()
        .method(method)
        .uri("/a?secret=1")
        .body(())
        .unwrap();
    let response = service.oneshot(request).await.unwrap();
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    clock.advance(Duration::from_millis(7));
    if read {
        response.into_body().collect().await.unwrap();
    } else {
        drop(response);
    }
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 1, "an exchange is told of once");
    assert_eq!(seen[0].id.to_string(), id);
    seen[0].clone()
}

#[tokio::test]
async fn tells_of_a_whole_answer() {
    let told = exchange(Method::GET, true, false).await;
    assert_eq!(
        (told.status, told.bytes, told.aborted),
        (StatusCode::OK, 5, false)
    );
    assert_eq!(told.first_byte, Duration::from_millis(5));
    assert_eq!(told.duration, Duration::from_millis(12));
}

#[tokio::test]
async fn tells_of_an_answer_that_nobody_read() {
    let told = exchange(Method::GET, false, false).await;
    assert!(told.aborted);
    assert_eq!(told.bytes, 0);
    assert!(!exchange(Method::HEAD, false, false).await.aborted);
}

#[tokio::test]
async fn tells_the_rule_of_a_refusal() {
    let told = exchange(Method::GET, true, true).await;
    assert_eq!(
        (told.rule, told.status),
        (Some("test/no"), StatusCode::FORBIDDEN)
    );
}

/// What is told of a request that gets no answer, since `inner` has none.
fn unanswered<F>(inner: F) -> Vec<(u16, bool)>
where
    F: Future<Output = Result<Response<Full<Bytes>>, &'static str>>,
{
    let seen = Arc::new(Seen::default());
    let layer = TraceLayer::new(seen.clone(), Arc::new(ManualClock::new()));
    let inner = Mutex::new(Some(inner));
    let app = service_fn(|_: Request<()>| inner.lock().unwrap().take().unwrap());
    let mut service = ServiceBuilder::new().layer(layer).service(app);
    let once = AssertUnwindSafe(|| {
        let mut call = pin!(service.call(Request::new(())));
        // One look, and nobody waits.
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    });
    let _ = std::panic::catch_unwind(once);
    let seen = seen.0.lock().unwrap();
    let told = seen.iter().map(|told| (told.status.as_u16(), told.aborted));
    told.collect()
}

#[test]
fn tells_of_a_request_without_an_answer() {
    assert_eq!(unanswered(std::future::pending()), [(499, true)]);
    let told = unanswered(async { panic!("a handler falls over") });
    assert_eq!(told, [(500, true)]);
    let told = unanswered(async { Err("the service fails") });
    assert_eq!(told, [(500, true)]);
}

#[derive(Debug)]
struct Panics;

impl Observer for Panics {
    fn answered(&self, _: &Exchange) {
        panic!("at the observer");
    }
}

#[tokio::test]
async fn an_observer_that_panics_over_a_handler_that_did_ends_no_process() {
    let app = service_fn(async |request: Request<()>| {
        assert_eq!(request.uri(), "/", "at the handler");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
    });
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new(
            Arc::new(Panics),
            Arc::new(ManualClock::new()),
        ))
        .service(app);
    let other = Request::get("/other").body(()).unwrap();
    let task = tokio::spawn(service.clone().oneshot(other));
    assert!(task.await.unwrap_err().is_panic());
    let answer = service.oneshot(Request::new(())).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "hello");
}

#[derive(Debug)]
struct Deaf;

impl Observer for Deaf {
    fn answered(&self, _: &Exchange) {
        panic!("told of what it did not want to hear");
    }

    fn is_listening(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn who_does_not_listen_is_not_told_and_the_answer_is_the_same() {
    for (method, sent) in [(Method::GET, "hello"), (Method::HEAD, "")] {
        let app = service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
        });
        let layer = TraceLayer::new(Arc::new(Deaf), Arc::new(ManualClock::new()));
        let service = ServiceBuilder::new().layer(layer).service(app);
        let request = Request::builder().method(method).body(()).unwrap();
        let answer = service.oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["x-request-id"].len(), 24);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, sent);
    }
}

#[tokio::test]
async fn the_id_of_a_trusted_proxy_goes_on_and_nobody_else_s() {
    const GIVEN: &str = "0001090a0f107f80c8feff4d";
    let answered = async |trusted: Option<bool>, given: &[&str]| {
        let seen = Arc::new(Seen::default());
        let app = service_fn(async |request: Request<()>| {
            let id = *request.extensions().get::<RequestId>().unwrap();
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(id.to_string()))))
        });
        let clock = Arc::new(ManualClock::new());
        let layer = TraceLayer::new(seen.clone(), clock);
        let mut request = Request::new(());
        let peer = "192.0.2.1:9".parse().unwrap();
        if let Some(trusted) = trusted {
            let client = ClientAddress::direct(peer, Scheme::Http);
            let client = client.with_trusted_peer(trusted);
            request.extensions_mut().insert(client);
        }
        for id in given {
            let id = id.parse().unwrap();
            request.headers_mut().append("x-request-id", id);
        }
        let service = ServiceBuilder::new().layer(layer).service(app);
        let answer = service.oneshot(request).await.unwrap();
        let told = answer.headers()["x-request-id"].clone();
        let inner = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(told.as_bytes(), inner);
        assert_eq!(seen.0.lock().unwrap()[0].id.to_string().as_bytes(), inner);
        String::from_utf8(inner.to_vec()).unwrap()
    };
    assert_eq!(answered(Some(true), &[GIVEN]).await, GIVEN);
    for (trusted, given) in [
        (Some(false), &[GIVEN][..]),
        (None, &[GIVEN]),
        (Some(true), &[GIVEN, GIVEN]),
        (Some(true), &["order-17"]),
    ] {
        let id = answered(trusted, given).await;
        assert!(id.len() == 24 && id != GIVEN, "{trusted:?} {given:?}: {id}");
    }
}

#[tokio::test]
async fn a_layer_within_another_has_its_id() {
    let seen = Arc::new(Seen::default());
    let layer = || TraceLayer::new(seen.clone(), Arc::new(ManualClock::new()));
    let app = service_fn(async |request: Request<()>| {
        let id = *request.extensions().get::<RequestId>().unwrap();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(id.to_string()))))
    });
    let service = ServiceBuilder::new().layer(layer()).layer(layer());
    let request = Request::get("/").header("x-request-id", "0001090a0f107f80c8feff4d");
    let request = request.body(()).unwrap();
    let answer = service.service(app).oneshot(request).await.unwrap();
    let told = answer.headers()["x-request-id"].clone();
    let inner = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(told.as_bytes(), inner);
    assert_ne!(inner, "0001090a0f107f80c8feff4d");
    let ids = seen.0.lock().unwrap();
    let ids: Vec<_> = ids.iter().map(|exchange| exchange.id.to_string()).collect();
    assert_eq!(ids, [told.to_str().unwrap(); 2]);
}
