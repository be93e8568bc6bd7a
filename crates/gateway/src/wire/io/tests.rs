use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;

use super::super::watch::Sweeper;
use super::*;

fn alone<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(test)
}

async fn turns() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// All that comes until nothing more does.
async fn taken(client: &mut DuplexStream) -> String {
    let (mut said, mut block) = (Vec::new(), [0; 4096]);
    while let Ok(Ok(read @ 1..)) =
        timeout(Duration::from_millis(200), client.read(&mut block)).await
    {
        said.extend_from_slice(&block[..read]);
    }
    String::from_utf8(said).unwrap()
}

/// hyper behind a wire with room for 64 bytes, and a service that answers 500 before it has read.
fn serve() -> (DuplexStream, Arc<Watch>) {
    let (client, server) = tokio::io::duplex(64);
    let watch = Sweeper::default().watch();
    let speaking = Arc::clone(&watch);
    let service = service_fn(move |request: Request<Incoming>| {
        tokio::task::spawn_local(request.into_body().collect());
        speaking.voice().begin();
        let answer = Response::new(Full::new(Bytes::from(vec![b'a'; 500])));
        async { Ok::<_, Infallible>(answer) }
    });
    let wire = Wire::http1(server, Arc::clone(&watch));
    let served = http1::Builder::new().serve_connection(TokioIo::new(wire), service);
    tokio::task::spawn_local(served);
    (client, watch)
}

#[test]
fn a_refusal_behind_an_answer_that_is_not_taken_is_told_apart() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx";
    for rest in [
        &["y", "G(T / HTTP/1.1\r\n\r\n"][..],
        &["yG(T / HTTP/1.1\r\n\r\n"],
    ] {
        alone(async {
            let (mut client, watch) = serve();
            client.write_all(head).await.unwrap();
            turns().await;
            for part in rest {
                client.write_all(part.as_bytes()).await.unwrap();
                turns().await;
            }
            assert_eq!(
                watch.voice().wanted(),
                None,
                "nothing of the answer is taken"
            );
            let said = taken(&mut client).await;
            assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
            assert!(said.ends_with(&"a".repeat(500)), "{rest:?}: {said}");
            assert_eq!(watch.voice().wanted(), Some(StatusCode::BAD_REQUEST));
        });
    }
}

#[test]
fn what_comes_behind_a_body_is_the_next_request() {
    alone(async {
        let (mut client, watch) = serve();
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
        client
            .write_all(format!("{post}x").as_bytes())
            .await
            .unwrap();
        turns().await;
        // The end of one, all of another and the beginning of a third in one piece.
        client
            .write_all(b"yGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / H")
            .await
            .unwrap();
        let said = taken(&mut client).await;
        assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
        client
            .write_all(b"TTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let said = taken(&mut client).await;
        assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 1, "{said}");
        assert_eq!(watch.voice().wanted(), None);
    });
}

#[test]
fn a_byte_of_room_is_enough_to_begin() {
    alone(async {
        let (mut client, server) = tokio::io::duplex(64);
        let watch = Sweeper::default().watch();
        let mut wire = Wire::http1(server, Arc::clone(&watch));
        let mut begun = Box::pin(wire.begun());
        assert!(
            timeout(Duration::from_millis(20), &mut begun)
                .await
                .is_err()
        );
        client.write_all(b"GET").await.unwrap();
        assert!(begun.await.unwrap());
        let mut all = [0; 3];
        wire.read_exact(&mut all).await.unwrap();
        assert_eq!(&all, b"GET");
        drop(client);
        assert!(!wire.begun().await.unwrap(), "the client has gone");
    });
}
