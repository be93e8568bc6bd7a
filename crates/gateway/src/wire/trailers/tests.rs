use std::io::IoSlice;
use std::sync::Arc;

use http_body::Frame;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        })
        .collect()
}

#[test]
fn what_a_trailer_may_not_say_is_dropped() {
    let mut all = fields(&[
        ("x-digest", "feed"),
        ("grpc-status", "0"),
        ("server-timing", "db;dur=5"),
        ("set-cookie", "a=1"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("host", "b.test"),
        ("authorization", "Basic x"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("if-match", "*"),
        ("content-security-policy", "default-src *"),
    ]);
    permit(&mut all);
    let mut names: Vec<_> = all.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["grpc-status", "server-timing", "x-digest"]);
    assert!(
        Outlet::Body
            .pass(Frame::trailers(fields(&[("host", "b.test")])))
            .is_none(),
        "a section with nothing in it is none"
    );
}

#[test]
fn te_is_read_as_a_list() {
    let te = |value| welcome(&fields(&[("te", value)]));
    assert!(te("trailers") && te("gzip, Trailers"));
    assert!(!te("gzip") && !te("trailers;q=0.5x") && !welcome(&HeaderMap::new()));
}

/// What arrives when hyper's buffer holds `body`, cut at `cuts`, and the trailers were left.
async fn sent(body: &[u8], cuts: &[usize], room: usize) -> Vec<u8> {
    let (near, mut far) = tokio::io::duplex(room);
    let trailers = Arc::<Trailers>::default();
    let mut stream = Trailing::new(near, Arc::clone(&trailers));
    trailers.put(&fields(&[("x-a", "1"), ("x-b", "0")]));
    let mut slices = Vec::new();
    let mut at = 0;
    for cut in cuts {
        let cut = (*cut).clamp(at, body.len());
        slices.push(body.get(at..cut).unwrap());
        at = cut;
    }
    slices.push(body.get(at..).unwrap());
    let write = async move {
        let mut written = 0;
        while written < body.len() {
            // Always all that is left, as hyper does it.
            let mut skip = written;
            let mut left = Vec::new();
            for slice in &slices {
                let from = skip.min(slice.len());
                skip -= from;
                left.push(IoSlice::new(slice.get(from..).unwrap()));
            }
            written += stream.write_vectored(&left).await.unwrap();
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n0\r\n\r\n")
            .await
            .unwrap();
    };
    let mut read = Vec::new();
    let reading = far.read_to_end(&mut read);
    let ((), seen) = tokio::join!(write, reading);
    seen.unwrap();
    read
}

proptest! {
    #[test]
    fn they_stand_before_the_last_empty_line_however_it_is_written(
        data in "(0|\r\n|x){0,12}",
        cuts in proptest::collection::vec(0_usize..40, 0..4),
        room in 1_usize..50,
    ) {
        let head = format!("HTTP/1.1 200 OK\r\n\r\n{:x}\r\n{data}\r\n0\r\n", data.len());
        let mut cuts = cuts;
        cuts.sort_unstable();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = runtime.block_on(sent(format!("{head}\r\n").as_bytes(), &cuts, room));
        let wanted = format!("{head}x-a: 1\r\nx-b: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n0\r\n\r\n");
        prop_assert_eq!(String::from_utf8(seen).unwrap(), wanted);
    }
}

#[tokio::test]
async fn what_has_no_last_chunk_is_left_alone() {
    for body in ["HTTP/1.1 200 OK\r\n\r\nfive!", "\r\n", "0\r\n"] {
        let seen = sent(body.as_bytes(), &[], 10).await;
        let wanted = format!("{body}HTTP/1.1 200 OK\r\n\r\n0\r\n\r\n");
        assert_eq!(String::from_utf8(seen).unwrap(), wanted);
    }
}
