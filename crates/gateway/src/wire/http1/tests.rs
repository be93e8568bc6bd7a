use proptest::prelude::*;

use http::StatusCode;

use super::replay::{Stop, replay};
use crate::http1::Malformed;
use crate::wire::framing::Violation;

/// The rule that refuses a head of `bytes`.
fn follow(bytes: &[u8]) -> Result<(), Violation> {
    match replay([bytes]).1 {
        Stop::Refused(StatusCode::BAD_REQUEST, Some(violation)) => Err(violation),
        Stop::Between => Ok(()),
        stop => panic!("{stop:?}"),
    }
}

#[test]
fn refuses_what_two_servers_may_read_differently() {
    let cases: [(&str, Violation); 17] = [
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Violation::BothLengths,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            Violation::BothLengths,
        ),
        (
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            Violation::ContentLength,
        ),
        ("Content-Length: 5, 5\r\n", Violation::ContentLength),
        ("Content-Length: +5\r\n", Violation::ContentLength),
        ("Content-Length: 0x5\r\n", Violation::ContentLength),
        ("Content-Length:\r\n", Violation::ContentLength),
        (
            "Content-Length: 99999999999999999999\r\n",
            Violation::ContentLength,
        ),
        (
            "Transfer-Encoding: xchunked\r\n",
            Violation::TransferEncoding,
        ),
        (
            "Transfer-Encoding: chunked, chunked\r\n",
            Violation::TransferEncoding,
        ),
        (
            "Transfer-Encoding: identity\r\n",
            Violation::TransferEncoding,
        ),
        (
            "tRANSFER-eNCODING: chunked\r\nTransfer-Encoding: x\r\n",
            Violation::TransferEncoding,
        ),
        ("X: a\r\n b\r\n", Violation::ObsFold),
        ("X : a\r\n", Violation::HeaderName),
        ("nothing\r\n", Violation::HeaderName),
        ("X: a\nY: b\r\n", Violation::BareLf),
        ("X: a\rY: b\r\n", Violation::BareCr),
    ];
    for (headers, violation) in cases {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        assert_eq!(follow(request.as_bytes()), Err(violation), "{headers:?}");
        let second = format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{request}");
        assert_eq!(
            follow(second.as_bytes()),
            Err(violation),
            "second on the line: {headers:?}"
        );
    }
    assert_eq!(follow(b"GET /x#y HTTP/1.1\r\n\r\n"), Err(Violation::Target));
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(follow(old), Err(Violation::TransferEncoding));
}

#[test]
fn lets_whole_requests_pass_one_after_another() {
    let requests = b"\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n\n\r folded\n x\
        POST /b HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\na\nb\n\r\r\n0\r\nT: 1\r\n\r\n\
        GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (bodies, stop) = replay([&requests[..]]);
    assert_eq!(stop, Stop::Between);
    assert_eq!(bodies, [&b"\n\r folded\n x"[..], b"a\nb\n\r", b""]);
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let sized = prop::collection::vec(any::<u8>(), 0..64).prop_map(|body| {
        let head = format!(
            "PUT /x HTTP/1.1\r\nHost: h\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    });
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..32), 0..4);
    let chunked = chunks.prop_map(|chunks| {
        let mut request = b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in chunks {
            request.extend(format!("{:X};e\r\n", chunk.len()).into_bytes());
            request.extend(chunk);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\nTrailer: x\r\n\r\n");
        request
    });
    prop_oneof![sized, chunked]
}

#[test]
fn no_chunk_size_ends_the_check() {
    let chunk = |size| {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let smuggled = "GET / HTTP/1.1\r\nX : y\r\n\r\n";
        replay([format!("{head}{size}\r\nhello\r\n0\r\n\r\n{smuggled}").as_bytes()]).1
    };
    let name = Stop::Refused(StatusCode::BAD_REQUEST, Some(Violation::HeaderName));
    for size in ["5", "0005;a=b", "0000000000000005", "5 \t"] {
        assert_eq!(chunk(size), name, "{size}");
    }
    for size in ["00000000000000005", "", "0x5", "5 5", "+5", "-1", "5\n"] {
        assert_eq!(chunk(size), Stop::Malformed(Malformed::Chunk), "{size}");
    }
}

#[test]
fn a_bare_line_end_does_not_end_the_trailers() {
    for trailers in ["\n", "X: a\n\r\n", "X: a\r\n\n", "X: a\rb\r\n\r\n"] {
        let request =
            format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{trailers}");
        let smuggled = "GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
        let (bodies, stop) = replay([format!("{request}{smuggled}").as_bytes()]);
        assert_eq!(stop, Stop::Malformed(Malformed::Trailers), "{trailers:?}");
        assert!(bodies.is_empty());
    }
}

proptest! {
    #[test]
    fn however_the_bytes_are_cut(
        requests in prop::collection::vec(request(), 1..5),
        cuts in prop::collection::vec(1_usize..40, 1..50),
    ) {
        let stream = requests.concat();
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (stream.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            pieces.push(piece);
            rest = after;
        }
        let whole = replay([&stream[..]]);
        prop_assert_eq!(whole.0.len(), requests.len());
        prop_assert_eq!(whole.1, Stop::Between);
        prop_assert_eq!(replay(pieces), whole);
    }

    #[test]
    fn never_panics(stream: Vec<u8>) {
        let _ = replay([&stream[..]]);
    }
}
