use hyper_util::rt::{TokioExecutor, TokioIo};
use panoply_core::ManualClock;
use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn a_connection_to_where_the_app_was_is_not_kept() {
    let pool = Rc::new(Pool::new(
        Rc::new(ManualClock::new()),
        Descriptors::default(),
    ));
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    ];
    let [before, after] = listeners.each_ref().map(|one| one.local_addr().unwrap());
    pool.move_to(Some(&AppAddress::Tcp(before)));
    let (stays, _) = pool.connect().await.unwrap();
    let (moves, _) = pool.connect().await.unwrap();
    pool.give_back(stays, &pool.home(true, None));
    assert!(pool.reuse().is_some());
    // The answer that it was waiting for begins only now.
    pool.move_to(Some(&AppAddress::Tcp(after)));
    pool.give_back(moves, &pool.home(true, None));
    assert!(pool.reuse().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_unix_socket_with_a_full_queue_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
    let socket = socket.unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    socket.listen(1).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(socket.into()).unwrap();
    let pool = Pool::new(Rc::new(ManualClock::new()), Descriptors::default());
    pool.move_to(Some(&AppAddress::Unix(path.as_path().into())));
    let app = async {
        // As long as an app may be busy with something else.
        tokio::time::sleep(CONNECT / 2).await;
        for _ in 0..8 {
            let accepted = tokio::time::timeout(CONNECT, listener.accept()).await;
            accepted.expect("a connection is given up").unwrap();
        }
    };
    let requests = futures_util::future::join_all((0..8).map(|_| pool.dial()));
    let (connected, ()) = tokio::join!(requests, app);
    assert!(connected.iter().all(Result::is_ok), "{connected:?}");
    // Not for ever.
    let connected = futures_util::future::join_all((0..8).map(|_| pool.dial())).await;
    let late = |one| matches!(one, &Err(Failure::ConnectTimeout));
    assert!(connected.iter().any(late), "{connected:?}");
}

#[tokio::test(start_paused = true)]
async fn where_another_instance_may_accept_it_nobody_waits_as_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let address = socket2::SockAddr::unix(&path).unwrap();
    socket.bind(&address).unwrap();
    socket.listen(1).unwrap();
    let alone = Pool::new(Rc::new(ManualClock::new()), Descriptors::default());
    let several = alone.beside().counted_by(1, &Arc::default());
    for (pool, limit) in [(alone, CONNECT), (several, CONNECT_OR_ANOTHER)] {
        pool.move_to(Some(&AppAddress::Unix(path.as_path().into())));
        // Until its queue is full.
        let begun = tokio::time::Instant::now();
        let mut kept = Vec::new();
        let failure = loop {
            match pool.dial().await {
                Ok(stream) => kept.push(stream),
                Err(failure) => break failure,
            }
        };
        assert!(matches!(failure, Failure::ConnectTimeout), "{failure:?}");
        let waited = begun.elapsed();
        assert!(waited >= limit && waited < limit * 2, "{waited:?}");
    }
}

#[tokio::test]
async fn without_a_descriptor_a_place_that_becomes_free_is_taken() {
    let descriptors = Descriptors::default();
    let pool = Rc::new(Pool::new(Rc::new(ManualClock::new()), descriptors.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    pool.move_to(Some(&AppAddress::Tcp(listener.local_addr().unwrap())));
    let app = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let service = hyper::service::service_fn(|_| std::future::pending::<NoAnswer>());
        let serve = server.max_concurrent_streams(1);
        let _ = serve.serve_connection(TokioIo::new(stream), service).await;
    };
    let requests = async {
        let lines = pool.multiplexed();
        let first = lines.open(pool.dial_shared()).await.unwrap();
        descriptors.leave(1);
        let free = async {
            tokio::time::sleep(LOOK * 5).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(lines.open(pool.dial_shared()), free);
        assert!(second.is_ok(), "{second:?}");
    };
    let both = async {
        tokio::select! {
            () = app => panic!("the app ends first"),
            () = requests => {}
        }
    };
    tokio::task::LocalSet::new().run_until(both).await;
}

type NoAnswer = Result<http::Response<String>, std::convert::Infallible>;
