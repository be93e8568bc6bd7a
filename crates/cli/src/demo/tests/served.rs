use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::super::serve_app;

fn is_send<T: Send>(value: T) -> T {
    value
}

/// What the shop answers to `raw`, until it closes the connection.
fn answer(raw: &[u8]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(is_send(serve_app(listener)));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(raw).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is as good as an end.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    })
}

#[test]
fn a_page_is_served() {
    let page = answer(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("The Naive Shop"));
    let head = answer(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"));
}

#[test]
fn a_body_above_the_bound_is_refused() {
    let announced = "POST /comments HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
    let mut raw = announced.as_bytes().to_vec();
    raw.resize(raw.len() + super::super::server::BODY_BYTES + 1, b'a');
    let refused = answer(&raw);
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    assert!(refused.contains("connection: close"));
}

#[test]
fn what_is_no_http_is_refused() {
    assert!(answer(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").starts_with("HTTP/1.1 400"));
    let chunk = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    assert!(answer(chunk).starts_with("HTTP/1.1 400"));
}
