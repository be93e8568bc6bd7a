use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;

/// What is read of a connection over which `pieces` come, each once the one before has been read, and what is left.
async fn received(pieces: &[&[u8]]) -> (io::Result<Option<SocketAddr>>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    client.set_nodelay(true).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let send = async {
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            // Until it has been taken.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        client.shutdown().await.unwrap();
    };
    let (source, ()) = tokio::join!(receive(&mut stream), send);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    (source, rest)
}

#[tokio::test]
async fn not_a_byte_is_taken_of_what_follows() {
    let line = &b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"[..];
    let long = {
        let filled = [
            &[192, 0, 2, 7, 198, 51, 100, 1, 220, 4, 1, 187][..],
            &[0; 1500],
        ]
        .concat();
        let length = u16::try_from(filled.len()).unwrap().to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..], &filled].concat()
    };
    let source = "192.0.2.7:56324".parse().unwrap();
    for header in [line, &long] {
        let at_once = [header, b"GET /"].concat();
        let (half, other) = header.split_at(header.len() / 2);
        let singly: Vec<&[u8]> = at_once.chunks(1).collect();
        for pieces in [&[&at_once[..]][..], &[half, other, b"GET /"], &singly] {
            let (read, rest) = received(pieces).await;
            assert_eq!(read.unwrap(), Some(source));
            assert_eq!(rest, b"GET /");
        }
    }
    // IPv4 within IPv6 is IPv4, as everywhere.
    let mapped = b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 56324 443\r\n";
    assert_eq!(received(&[mapped]).await.0.unwrap(), Some(source));
}

#[tokio::test]
async fn what_ends_before_its_end_and_what_is_something_else_are_told_apart() {
    for (sent, kind) in [
        (&b""[..], io::ErrorKind::UnexpectedEof),
        (b"PROXY TCP4 192.", io::ErrorKind::UnexpectedEof),
        (b"GET / HTTP/1.1\r\n\r\n", io::ErrorKind::InvalidData),
        (b"\x16\x03\x01", io::ErrorKind::InvalidData),
    ] {
        let (read, _) = received(&[sent]).await;
        assert_eq!(read.unwrap_err().kind(), kind, "{sent:?}");
    }
}
