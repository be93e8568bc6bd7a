//! Bodies of logins that do not end share a room, from which nobody keeps the others out.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt as _, Full};
use panoply_core::{ClientAddress, Scheme, Secret};
use panoply_limits::{GuardedBody, LoginConfig, LoginLayer};
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, ServiceExt as _, service_fn};

type Sent = Channel<Bytes, Infallible>;
type Answer = Pin<Box<dyn Future<Output = Response<GuardedBody<Full<Bytes>>>>>>;

fn ask(layer: &LoginLayer, client: &str, path: &str, body: Sent) -> Answer {
    let app = service_fn(|request: Request<GuardedBody<Sent>>| async {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Full::new(body)))
    });
    let peer = format!("{client}:1").parse().unwrap();
    let mut request = Request::post(path).body(body).unwrap();
    let client = ClientAddress::direct(peer, Scheme::Https);
    request.extensions_mut().insert(client);
    let service = layer.layer(app);
    Box::pin(async move { service.oneshot(request).await.unwrap() })
}

/// A login of which `kib` KiB have come, and the rest has not.
async fn begun(layer: &LoginLayer, client: &str, path: &str, kib: usize) -> (Answer, impl Sized) {
    let (mut sender, body) = Sent::new(2);
    let data = Bytes::from(vec![b'x'; kib * 1024]);
    sender.send_data(data).await.unwrap();
    (ask(layer, client, path, body), sender)
}

async fn whole(layer: &LoginLayer, client: &str, kib: usize) -> u16 {
    let (answer, sender) = begun(layer, client, "/login", kib).await;
    drop(sender);
    answer.await.status().as_u16()
}

#[tokio::test]
async fn who_begins_long_logins_and_leaves_them_keeps_nobody_else_out() {
    let store = Arc::new(MemoryStore::default());
    let layers = [LoginConfig::route("/login"), LoginConfig::usual()]
        .map(|config| config.build(store.clone(), &Secret::new(vec![7; 32])));
    let layer = LoginLayer::all(layers.map(Result::unwrap));
    let mut cx = Context::from_waker(Waker::noop());
    let (mut held, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let (mut answer, sender) = begun(&layer, "203.0.113.1", "/login", 63).await;
        match answer.as_mut().poll(&mut cx) {
            Poll::Pending => held.push((answer, sender)),
            Poll::Ready(answer) => refused.push(answer),
        }
    }
    // 60 KiB of each are counted.
    assert_eq!((held.len(), refused.len()), (17, 83));
    for answer in refused {
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    assert_eq!(whole(&layer, "203.0.113.1", 60).await, 503);
    assert_eq!(whole(&layer, "203.0.113.1", 4).await, 200);
    assert_eq!(whole(&layer, "203.0.113.2", 60).await, 200);
    // What only ends as a login may be something else, and goes on in full.
    let (answer, sender) = begun(&layer, "203.0.113.1", "/files/login", 60).await;
    drop(sender);
    let body = answer.await.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes().len(), 60 * 1024);
    // Who leaves makes room.
    held.pop();
    assert_eq!(whole(&layer, "203.0.113.1", 60).await, 200);
}
