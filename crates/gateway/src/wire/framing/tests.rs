use proptest::prelude::*;

use super::*;

fn follow(bytes: &[u8]) -> Result<(), Violation> {
    Framing::new()
        .follow(bytes)
        .map_err(|(_, violation)| violation)
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
    assert_eq!(follow(b"GET /x#y HTTP/1.1\r\n"), Err(Violation::Target));
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(follow(old), Err(Violation::TransferEncoding));
}

#[test]
fn lets_whole_requests_pass_one_after_another() {
    let requests = b"\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n\n\r folded\n x\
        POST /b HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\na\nb\n\r\r\n0\r\nT: 1\r\n\r\n\
        GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut framing = Framing::new();
    assert_eq!(framing.follow(requests), Ok(()));
    assert!(!framing.in_head() && !framing.in_body());
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
        follow(format!("{head}{size}\r\nhello\r\n0\r\n\r\n{smuggled}").as_bytes())
    };
    for size in ["5", "0005;a=b", "0000000000000005", "5 \t"] {
        assert_eq!(chunk(size), Err(Violation::HeaderName), "{size}");
    }
    for size in ["00000000000000005", "", "0x5", "5 5", "+5", "-1", "5\n"] {
        assert_eq!(chunk(size), Err(Violation::ChunkSize), "{size}");
    }
}

#[test]
fn a_bare_line_end_does_not_end_the_trailers() {
    for (trailers, violation) in [
        ("\n", Violation::BareLf),
        ("X: a\n\r\n", Violation::BareLf),
        ("X: a\r\n\n", Violation::BareLf),
        ("X: a\rb\r\n\r\n", Violation::BareCr),
    ] {
        let request =
            format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{trailers}");
        let smuggled = "GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(
            follow(format!("{request}{smuggled}").as_bytes()),
            Err(violation),
            "{trailers:?}"
        );
    }
}

proptest! {
    #[test]
    fn however_the_bytes_are_cut(
        requests in prop::collection::vec(request(), 1..5),
        cuts in prop::collection::vec(1_usize..40, 1..50),
    ) {
        let stream = requests.concat();
        let mut framing = Framing::new();
        let (mut rest, mut cuts) = (stream.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            prop_assert_eq!(framing.follow(piece), Ok(()));
            rest = after;
        }
        prop_assert!(!framing.in_head() && !framing.in_body());
        prop_assert_eq!(
            framing.follow(b"GET / HTTP/1.1\r\nA : b\r\n").map_err(|v| v.1),
            Err(Violation::HeaderName)
        );
    }

    #[test]
    fn never_panics(stream: Vec<u8>) {
        let _ = follow(&stream);
    }
}
