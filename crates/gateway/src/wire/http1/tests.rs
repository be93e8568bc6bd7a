use proptest::prelude::*;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::BytesMut;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::finish;
use super::head::{Bounds, PARSED, take};
use super::inlet::{BLOCK, Block, Feed as _, Inlet};
use super::replay::{Stop, replay};
use crate::http1::Malformed;
use crate::spares::Spares;
use crate::wire::Sweeper;
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
    for size in [
        "00000000000000005",
        "",
        "0x5",
        "5 5",
        "+5",
        "-1",
        "5\n",
        "5\r",
        "5;a\rb",
    ] {
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

fn alone<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(test)
}

/// A client, and what the server has of its connection.
fn connected() -> (DuplexStream, Rc<Inlet<DuplexStream>>) {
    let (client, server) = tokio::io::duplex(1 << 16);
    let block: Rc<Block> = Rc::new(RefCell::new(vec![0; BLOCK].into()));
    let inlet = Inlet::new(server, BytesMut::new(), Sweeper::default().watch(), block);
    (client, Rc::new(inlet))
}

const BOUNDS: Bounds = Bounds {
    bytes: 1 << 14,
    headers: PARSED,
};

async fn next_body(inlet: &Inlet<DuplexStream>) -> Option<u64> {
    let head = poll_fn(|cx| inlet.poll_head(cx, BOUNDS, &Spares::default()))
        .await
        .unwrap();
    let head = head.unwrap().unwrap();
    inlet.begin(head.extent, head.expects)
}

/// A client that has said `request`, and the number of that one's body.
async fn asked(request: &[u8]) -> (DuplexStream, Rc<Inlet<DuplexStream>>, u64) {
    let (mut client, inlet) = connected();
    client.write_all(request).await.unwrap();
    let number = next_body(&inlet).await.unwrap();
    (client, inlet, number)
}

/// A waker that counts, and the count.
fn counted() -> (Arc<Woken>, Waker) {
    let woken = Arc::<Woken>::default();
    (Arc::clone(&woken), Waker::from(woken))
}

async fn all_of(inlet: &Inlet<DuplexStream>, number: u64) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| inlet.poll(number, cx)).await {
        all.extend_from_slice(frame.ok()?.data_ref().unwrap());
    }
    Some(all)
}

#[test]
fn whoever_comes_late_has_no_part_in_the_next_request() {
    alone(async {
        let (mut client, inlet) = connected();
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
        client
            .write_all(format!("{post}ab{post}cd").as_bytes())
            .await
            .unwrap();
        let first = next_body(&inlet).await.unwrap();
        assert_eq!(all_of(&inlet, first).await.unwrap(), b"ab");
        let second = next_body(&inlet).await.unwrap();
        // The first one's reader is only now done with it.
        assert!(inlet.is_end(first) && !inlet.is_end(second));
        assert_eq!(all_of(&inlet, first).await.unwrap(), b"");
        inlet.let_go(first);
        assert_eq!(all_of(&inlet, second).await.unwrap(), b"cd");
    });
}

#[test]
fn leave_is_given_when_somebody_wants_the_body_and_not_before() {
    alone(async {
        let (mut client, inlet) = connected();
        let head = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let number = next_body(&inlet).await.unwrap();
        let mut said = [0; 25];
        let reading = async {
            client.read_exact(&mut said).await.unwrap();
            client.write_all(b"hi").await.unwrap();
        };
        let (body, ()) = tokio::join!(all_of(&inlet, number), reading);
        assert_eq!(body.unwrap(), b"hi");
        assert_eq!(&said[..], b"HTTP/1.1 100 Continue\r\n\r\n");
    });
}

#[test]
fn a_body_that_breaks_off_or_has_bad_chunks_is_an_error() {
    for rest in ["5\r\nab", "x\r\n"] {
        alone(async {
            let (mut client, inlet) = connected();
            let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
            client
                .write_all(format!("{head}{rest}").as_bytes())
                .await
                .unwrap();
            let number = next_body(&inlet).await.unwrap();
            drop(client);
            assert_eq!(all_of(&inlet, number).await, None, "{rest}");
            assert!(!inlet.is_done() && !inlet.may_last());
            let again = poll_fn(|cx| inlet.poll(number, cx)).await;
            assert!(
                matches!(again, Some(Err(_))),
                "an end would pass for its own: {rest}"
            );
        });
    }
}

#[test]
fn a_client_that_hangs_up_is_missed_while_its_answer_is_made() {
    alone(async {
        let (mut client, inlet) = connected();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET")
            .await
            .unwrap();
        assert_eq!(next_body(&inlet).await, None);
        let gone = |cx: &mut Context<'_>| Poll::Ready(inlet.poll_gone(cx).is_ready());
        assert!(!poll_fn(gone).await, "what it says ahead is kept");
        drop(client);
        assert!(poll_fn(gone).await);
    });
}

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
const EXPECTING: &[u8] =
    b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";

#[test]
fn whoever_reads_a_body_ends_with_its_connection() {
    alone(async {
        let (mut client, inlet, number) = asked(POST).await;
        let (woken, waker) = counted();
        let cx = &mut Context::from_waker(&waker);
        assert!(inlet.poll(number, cx).is_pending());
        inlet.close();
        assert_eq!(woken.times(), 1);
        assert!(matches!(inlet.poll(number, cx), Poll::Ready(Some(Err(_)))));
        assert_eq!(
            client.read(&mut [0]).await.unwrap(),
            0,
            "the socket is closed, though another has a share in it"
        );
    });
}

#[test]
fn leave_that_was_not_given_goes_out_with_the_answer_or_not_at_all() {
    alone(async {
        let (mut client, inlet, number) = asked(EXPECTING).await;
        // Somebody is to read the body and has not come to it.
        assert_eq!(inlet.begin_answer(), b"HTTP/1.1 100 Continue\r\n\r\n");
        assert!(inlet.may_last());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(inlet.poll(number, cx).is_pending());
        client.write_all(b"hi").await.unwrap();
        assert_eq!(all_of(&inlet, number).await.unwrap(), b"hi");
        inlet.close();
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"", "nobody else writes it");

        let (_client, inlet, number) = asked(EXPECTING).await;
        inlet.let_go(number);
        assert_eq!(inlet.begin_answer(), b"");
        assert!(!inlet.may_last(), "nobody knows whether the body comes");
        let mut most = 100;
        assert!(!poll_fn(|cx| inlet.poll_discard(cx, &mut most)).await);
    });
}

#[test]
fn what_goes_ahead_of_the_answer_is_in_order_and_whole() {
    alone(async {
        let (mut client, inlet, number) = asked(EXPECTING).await;
        let cx = &mut Context::from_waker(Waker::noop());
        inlet.say(b"HTTP/1.1 103 Early Hints\r\n\r\n");
        assert!(inlet.poll_ahead(cx).is_ready());
        let mut said = [0; 28];
        client.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"HTTP/1.1 103 Early Hints\r\n\r\n");
        // What waits to be sent does not come between the bytes of anything else.
        inlet.say(b"one");
        assert!(inlet.poll(number, cx).is_pending());
        inlet.say(b"two");
        assert_eq!(inlet.begin_answer(), b"two");
        let mut said = [0; 28];
        client.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"oneHTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(inlet.begin_answer(), b"");
    });
}

#[test]
fn what_a_client_does_not_take_waits_for_the_answer() {
    alone(async {
        let (client, server) = tokio::io::duplex(4);
        let block: Rc<Block> = Rc::new(RefCell::new(vec![0; BLOCK].into()));
        let inlet = Inlet::new(server, BytesMut::new(), Sweeper::default().watch(), block);
        let cx = &mut Context::from_waker(Waker::noop());
        inlet.say(b"interim");
        assert!(inlet.poll_ahead(cx).is_pending());
        assert_eq!(inlet.begin_answer(), b"rim");
        drop(client);
        inlet.say(b"more");
        assert!(matches!(inlet.poll_ahead(cx), Poll::Ready(Err(_))));
    });
}

#[test]
fn a_little_that_nobody_reads_is_thrown_away() {
    alone(async {
        let (mut client, inlet, number) = asked(POST).await;
        inlet.let_go(number);
        assert!(inlet.may_last());
        client
            .write_all(b"helloGET / HTTP/1.1\r\n\r\n")
            .await
            .unwrap();
        let mut most = 5;
        assert!(poll_fn(|cx| inlet.poll_discard(cx, &mut most)).await);
        assert_eq!(next_body(&inlet).await, None);

        let long = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n";
        client.write_all(long).await.unwrap();
        let number = next_body(&inlet).await.unwrap();
        inlet.let_go(number);
        assert!(!inlet.may_last(), "that is too much");

        let chunked =
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        for (rest, whole) in [("", false), ("5\r\nhe", false), ("0\r\n\r\n", true)] {
            let (_client, inlet, number) = asked(&[chunked, rest.as_bytes()].concat()).await;
            inlet.let_go(number);
            assert_eq!(
                inlet.may_last(),
                whole,
                "nobody knows how much comes: {rest:?}"
            );
        }
    });
}

#[test]
fn who_sends_all_before_he_reads_has_an_early_answer_all_the_same() {
    alone(async {
        for (mebibytes, whole) in [(30, true), (64, true), (65, false)] {
            let (mut client, inlet) = connected();
            let sends = async {
                let block = vec![0; 1 << 20];
                for _ in 0..mebibytes {
                    client.write_all(&block).await?;
                }
                client.shutdown().await
            };
            let lingers = async {
                finish(&inlet).await.unwrap();
                inlet.close();
            };
            let (sent, ()) = tokio::join!(sends, lingers);
            assert_eq!(sent.is_ok(), whole, "{mebibytes} MiB");
        }
    });
}

#[test]
fn a_client_that_goes_is_missed_as_soon_as_its_body_is_through() {
    alone(async {
        let (mut client, inlet, number) = asked(POST).await;
        let (woken, waker) = counted();
        assert!(
            inlet
                .poll_gone(&mut Context::from_waker(&waker))
                .is_pending()
        );
        client.write_all(b"hello").await.unwrap();
        drop(client);
        assert_eq!(all_of(&inlet, number).await.unwrap(), b"hello");
        assert_eq!(woken.times(), 1, "the connection looks again");
        poll_fn(|cx| inlet.poll_gone(cx)).await;
    });
}

#[test]
fn close_is_meant_whatever_else_the_client_says() {
    for (said, lasts) in [
        ("", true),
        ("Connection: close\r\nConnection: keep-alive\r\n", false),
        ("Connection: keep-alive, Close\r\n", false),
        ("Connection: upgrade\r\n", true),
    ] {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{said}\r\n");
        let head = take(&mut BytesMut::from(&*text), BOUNDS, &Spares::default())
            .unwrap()
            .unwrap();
        assert_eq!(head.lasts, lasts, "{said:?}");
    }
}
