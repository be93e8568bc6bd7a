use bytes::BytesMut;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use panoply_headers::Headers;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::head::Head;
use super::request::upload;
use super::{Error, Line};
use crate::body::RequestBody;
use crate::http1::{Decoder, Extent, Malformed};
use crate::proxy::AppStream;
use crate::spares::Spares;

fn head(text: &str) -> Result<Head, Error> {
    let mut bytes = BytesMut::from(text);
    let head = take(&mut bytes, &Method::GET)?;
    Ok(head.expect("a whole head"))
}

/// A head, whatever comes before it.
fn take(bytes: &mut BytesMut, method: &Method) -> Result<Option<Head>, Error> {
    Head::take(bytes, method, &Spares::default(), |_, _| {})
}

#[test]
fn what_concerns_the_connection_alone_ends_here() {
    let head = head(
        "HTTP/1.1 200 Fine\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=7\r\n\
         Proxy-Authenticate: Basic\r\nTE: x\r\nUpgrade: h2c\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\
         Content-Length: 3, 3\r\n\r\n",
    )
    .unwrap();
    let mut names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "set-cookie"]);
    assert_eq!(head.headers["content-length"], "3");
    assert_eq!(head.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(head.reason.unwrap().as_bytes(), b"Fine");
    assert_eq!(head.keep, Some(std::time::Duration::from_secs(7)));
    assert_eq!((head.extent, head.lasts), (Extent::Sized(3), true));
}

#[test]
fn where_a_body_ends_and_whether_the_connection_lasts() {
    let of = |text: &str| head(text).map(|head| (head.extent, head.lasts, head.coded));
    let ok = |text: &str| of(text).unwrap();
    let one = "HTTP/1.1 200 OK\r\n";
    assert_eq!(ok(&format!("{one}\r\n")), (Extent::Close, false, false));
    assert_eq!(
        ok("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"),
        (Extent::Sized(1), false, false)
    );
    assert_eq!(
        ok("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\n"),
        (Extent::Sized(1), true, false)
    );
    let both = format!("{one}Content-Length: 9\r\nTransfer-Encoding: Chunked\r\n\r\n");
    assert_eq!(ok(&both), (Extent::Chunked, false, false));
    assert!(!head(&both).unwrap().headers.contains_key("content-length"));
    let coded = |coding| ok(&format!("{one}Transfer-Encoding: {coding}\r\n\r\n")).2;
    assert!(coded("gzip, chunked") && coded("chunked\r\nTransfer-Encoding: chunked"));
    for without in ["204 No Content", "304 Not Modified"] {
        let text = format!("HTTP/1.1 {without}\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(ok(&text).0, Extent::Sized(0));
    }
    // Of what is not sent a 304 may say how long it is, and nothing else (RFC 9110 §8.6).
    for (status, lengths) in [
        (
            "204 No Content",
            ["5", "0", "5, 5"].map(|length| (length, None)),
        ),
        (
            "101 Switching Protocols",
            ["5", "0", "5, 5"].map(|length| (length, None)),
        ),
        (
            "304 Not Modified",
            [("5", Some("5")), ("0", Some("0")), ("5, 5", Some("5"))],
        ),
    ] {
        for (length, passed) in lengths {
            let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
            let headers = head(&text).unwrap().headers;
            let found = headers.get("content-length");
            assert_eq!(found.map(|value| value.to_str().unwrap()), passed, "{text}");
        }
    }
    let mut bytes = BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let head = take(&mut bytes, &Method::HEAD).unwrap().unwrap();
    assert_eq!(head.extent, Extent::Sized(0));
    assert_eq!(head.headers["content-length"], "5");
}

#[test]
fn interim_answers_are_told_of_and_passed_over() {
    let text = "\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    let mut told = Vec::new();
    let interim = |status: StatusCode, said: &httparse::Response<'_, '_>| {
        told.push((status.as_u16(), said.headers.len()));
    };
    let head = Head::take(
        &mut BytesMut::from(text),
        &Method::GET,
        &Spares::default(),
        interim,
    );
    let head = head.unwrap().unwrap();
    assert_eq!(head.status, StatusCode::CREATED);
    assert!(!head.headers.contains_key("link"));
    assert_eq!(told, [(100, 0), (103, 1)]);
}

#[test]
fn what_is_no_answer_is_refused() {
    for text in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 99 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName : x\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ] {
        let taken = take(&mut BytesMut::from(text), &Method::GET);
        assert!(taken.is_err(), "{text:?}: {taken:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert!(matches!(head(&many), Err(Error::LongHead)));
    let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(300 << 10));
    assert!(matches!(
        take(&mut BytesMut::from(&*long), &Method::GET),
        Err(Error::LongHead)
    ));
}

/// Data, trailers, and what was not the body's own.
type Parts = (Vec<u8>, Option<HeaderMap>, Vec<u8>);

/// What a decoder makes of `pieces`.
#[test]
fn an_app_that_speaks_something_else_is_told_of_as_that() {
    let told = |bytes: &[u8]| take(&mut BytesMut::from(bytes), &Method::GET).unwrap_err();
    let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\xff\xff";
    assert!(matches!(told(settings), Error::Http2));
    assert!(matches!(told(b"\x15\x03\x01\0\x02\x02\x46"), Error::Tls));
    assert!(matches!(told(b"\0\0\x06\x05"), Error::Head(_)));
    assert!(matches!(told(b"SSH-2.0-x\r\n"), Error::Head(_)));
}

fn decoded(extent: Extent, pieces: &[&[u8]]) -> Result<Parts, Malformed> {
    let mut decoder = Decoder::new(extent);
    let (mut bytes, mut data, mut trailers) = (BytesMut::new(), Vec::new(), None);
    for piece in pieces {
        bytes.extend_from_slice(piece);
        while let Some(frame) = decoder.decode(&mut bytes)? {
            match frame.into_data() {
                Ok(piece) => data.extend_from_slice(&piece),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
    }
    if !decoder.is_done() {
        decoder.end()?;
    }
    Ok((data, trailers, bytes.to_vec()))
}

#[test]
fn chunks_that_two_readers_may_read_differently_are_refused() {
    let of = |text: &str| decoded(Extent::Chunked, &[text.as_bytes()]);
    let (data, _, rest) = of("3 ;x=y\r\nabc\r\n0\r\n\r\nHTTP").unwrap();
    assert_eq!((data, rest), (b"abc".to_vec(), b"HTTP".to_vec()));
    let (_, trailers, _) = of("0\r\nDigest: x\r\n\r\n").unwrap();
    assert_eq!(trailers.unwrap()["digest"], "x");
    for text in [
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3x\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "11111111111111111\r\n",
        "3\r\nabc\n0\r\n\r\n",
    ] {
        assert!(matches!(of(text), Err(Malformed::Chunk)), "{text:?}");
    }
    assert!(matches!(of("5\r\nab"), Err(Malformed::Incomplete)));
    assert!(matches!(of("2\r\nab\r\n"), Err(Malformed::Incomplete)));
    let wordy = format!("1;{}\r\na\r\n", "x".repeat(3000)).repeat(6);
    assert!(matches!(of(&wordy), Err(Malformed::Chunk)));
    let trailers = format!("0\r\na: {}", "b".repeat(20 << 10));
    assert!(matches!(of(&trailers), Err(Malformed::Trailers)));
}

proptest! {
    #[test]
    fn a_body_is_the_same_however_it_is_cut(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        cuts in prop::collection::vec(1_usize..30, 1..10),
        trailer in any::<bool>(),
    ) {
        let mut text = Vec::new();
        for chunk in &chunks {
            text.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
            text.extend_from_slice(chunk);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(if trailer { b"0\r\nx: 1\r\n\r\nrest" } else { b"0\r\n\r\nrest" });
        let mut pieces = Vec::new();
        let (mut left, mut cuts) = (&text[..], cuts.iter().cycle());
        while !left.is_empty() {
            let (piece, after) = left.split_at(left.len().min(*cuts.next().unwrap()));
            pieces.push(piece);
            left = after;
        }
        let (data, trailers, rest) = decoded(Extent::Chunked, &pieces).unwrap();
        prop_assert_eq!(&data, &chunks.concat());
        prop_assert_eq!(trailers.is_some(), trailer);
        prop_assert_eq!(rest, b"rest");
        let whole = chunks.concat();
        let (sized, _, rest) = decoded(Extent::Sized(data.len() as u64), &[&whole]).unwrap();
        prop_assert_eq!(sized, data);
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn bytes_that_mean_nothing_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = take(&mut BytesMut::from(&*bytes), &Method::GET);
        let _ = decoded(Extent::Chunked, &[&bytes]);
        let text = [b"HTTP/1.1 200 OK\r\n", &*bytes, b"\r\n\r\n"].concat();
        let _ = take(&mut BytesMut::from(&*text), &Method::GET);
    }

    /// A HTTP/1.1 server reads the fields that were meant, and where the message ends.
    #[test]
    fn a_head_says_what_the_request_said(
        fields in prop::collection::vec(("[a-z]{1,8}(-[a-z]{1,6})?", "[!-~]{0,20}"), 0..12),
        length in prop::option::of(0_u64..1000),
    ) {
        let mut request = Request::builder().method("PUT").uri("http://a.test/x?y=%20");
        for (name, value) in &fields {
            request = request.header(name, value);
        }
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let request = request.body(RequestBody::empty()).unwrap();
        let mut wanted: Vec<(String, String)> = Vec::new();
        for (name, value) in request.headers() {
            let ends = crate::proxy::headers::ends_with_the_request(name.as_str());
            let ours = ["host", "content-length", "cookie"].contains(&name.as_str());
            if !ends && !ours {
                wanted.push((name.to_string(), value.to_str().unwrap().to_owned()));
            }
        }
        let sent = sent(request);
        let mut parsed = [httparse::EMPTY_HEADER; 64];
        let mut reader = httparse::Request::new(&mut parsed);
        let end = reader.parse(&sent).unwrap();
        prop_assert!(end.is_complete());
        prop_assert_eq!(end.unwrap(), sent.len());
        prop_assert_eq!((reader.method, reader.path), (Some("PUT"), Some("/x?y=%20")));
        let of = |name: &str| {
            let all = reader.headers.iter().filter(|field| field.name == name);
            all.map(|field| String::from_utf8(field.value.to_vec()).unwrap()).collect::<Vec<_>>()
        };
        // There is no body: another length would take the next request for one.
        prop_assert_eq!(of("content-length"), length.map(|_| "0").into_iter().collect::<Vec<_>>());
        prop_assert!(of("transfer-encoding").is_empty());
        for (name, value) in wanted {
            prop_assert!(of(&name).contains(&value), "{name}: {value}");
        }
    }
}

/// What goes out for a request without a body.
fn sent(request: Request<RequestBody>) -> Vec<u8> {
    let mut upload = upload(request, None, None, false, (Vec::new(), &Spares::default())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut near, mut far) = tokio::io::duplex(1 << 16);
        let out = std::future::poll_fn(|cx| upload.poll(cx, &mut near));
        assert!(out.await.is_ok());
        drop(near);
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        sent
    })
}

#[test]
fn crumbs_become_one_cookie_and_the_host_comes_first() {
    let request = Request::builder()
        .uri("http://a.test/")
        .header("accept", "*/*")
        .header("cookie", "a=1")
        .header("connection", "x-secret, host")
        .header("x-secret", "1")
        .header("te", "trailers, gzip")
        .header("cookie", "b=2");
    let sent = sent(request.body(RequestBody::empty()).unwrap());
    assert_eq!(
        String::from_utf8(sent).unwrap(),
        "GET / HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\ncookie: a=1; b=2\r\nte: trailers\r\n\
         connection: te\r\nx-forwarded-host: a.test\r\n\r\n"
    );
}

/// A connection, and the app's end of it.
async fn pair() -> (Line, tokio::net::TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let near = tokio::net::TcpStream::connect(address);
    let (near, far) = tokio::join!(near, listener.accept());
    let near = AppStream::Tcp(near.unwrap());
    let line = Line::new(near, 0, super::Room::default());
    (line, far.unwrap().0)
}

#[tokio::test]
async fn a_connection_that_waits_holds_no_room() {
    let (mut line, mut app) = pair().await;
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(line.read(cx, 0).is_pending());
    assert_eq!(line.bytes.capacity(), 0);
    app.write_all(b"x").await.unwrap();
    assert!(std::future::poll_fn(|cx| line.read(cx, 0)).await.unwrap());
    assert_eq!(&line.bytes[..], b"x");
    // What has come stays, whatever else is waited for.
    assert!(line.read(cx, 0).is_pending());
    assert_eq!(&line.bytes.split()[..], b"x");
    line.rest();
    assert_eq!(line.bytes.capacity(), 0);
}

#[tokio::test]
async fn a_connection_that_was_closed_or_spoke_unasked_is_not_used_again() {
    let (line, mut app) = pair().await;
    assert!(line.stands());
    app.write_all(b"x").await.unwrap();
    line.from.readable().await.unwrap();
    assert!(!line.stands());
    let (line, app) = pair().await;
    drop(app);
    line.from.readable().await.unwrap();
    assert!(!line.stands());
}

/// What is given of an answer of which `said` is all that comes.
async fn begun(said: &[u8]) -> Box<super::Answer> {
    let (line, mut app) = pair().await;
    app.write_all(said).await.unwrap();
    app.shutdown().await.unwrap();
    let upload = upload(
        Request::new(RequestBody::empty()),
        None,
        None,
        false,
        (Vec::new(), &Spares::default()),
    )
    .unwrap();
    let mut exchange = super::Exchange::new(line, upload, Method::GET);
    let (interims, headers) = (
        super::Interims::default(),
        Headers::helmet().build().unwrap(),
    );
    let ahead = super::Ahead {
        interims: &interims,
        headers: &headers,
        placeholder: None,
    };
    let head = std::future::poll_fn(|cx| exchange.poll(cx, ahead, &Spares::default()))
        .await
        .unwrap();
    let home = super::Home {
        pool: std::rc::Weak::new(),
        keep: std::time::Duration::ZERO,
    };
    let patience = super::Patience {
        deadlines: std::rc::Rc::default(),
        going_on: std::rc::Rc::default(),
        limit: std::time::Duration::from_secs(1),
    };
    match super::begin(exchange, head.extent, home, patience).unwrap() {
        super::Begun::Rest(answer) => answer,
        super::Begun::Whole(_) => panic!("it has not come whole"),
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_none_however_often_it_is_asked_for() {
    for said in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx",
    ] {
        let mut answer = begun(said.as_bytes()).await;
        let mut broken = 0;
        for _ in 0..4 {
            match answer.frame().await {
                Some(Ok(frame)) => assert!(frame.is_data(), "{said:?}"),
                Some(Err(_)) => broken += 1,
                None => panic!("{said:?} came to an end"),
            }
        }
        assert!(
            broken >= 2 && !http_body::Body::is_end_stream(&*answer),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn what_is_announced_is_read_at_once() {
    let body = "x".repeat(40 << 10);
    for said in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: 40960\r\n\r\n{body}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na000\r\n{body}\r\n0\r\n\r\n"),
    ] {
        let mut answer = begun(said.as_bytes()).await;
        let mut pieces = Vec::new();
        while let Some(frame) = answer.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap().len());
        }
        assert_eq!(pieces.iter().sum::<usize>(), body.len());
        // One with the head, and the rest.
        assert_eq!(pieces.len(), 2, "{pieces:?}");
    }
}

#[test]
fn close_is_meant_whatever_else_is_said() {
    for (said, lasts) in [
        ("", true),
        ("Connection: close, keep-alive\r\n", false),
        ("Connection: close\r\nConnection: keep-alive\r\n", false),
        ("Connection: keep-alive\r\nConnection: x, Close\r\n", false),
        ("Transfer-Encoding: chunked\r\n", true),
        // Two ways to end a body are one too many to go on after it.
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", false),
    ] {
        let length = if said.contains("chunked") {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        let text = format!("HTTP/1.1 200 OK\r\n{said}{length}\r\n");
        assert_eq!(head(&text).unwrap().lasts, lasts, "{said:?}");
    }
    let old = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    assert!(head(old).unwrap().lasts);
    let old = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(!head(old).unwrap().lasts);
}
