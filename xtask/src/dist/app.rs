//! The app behind the gateway: a small shop, with all that an app answers.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Interval, interval};

use crate::bench::backend::{self, Protocol};

/// What the app writes where the gateway is to put its nonce.
pub(super) const PLACEHOLDER: &str = "dHJhaW5pbmctcGxhY2Vob2xk";

/// The version of all files.
const ETAG: &str = "\"v1\"";

type Answer = Either<Full<Bytes>, Pieces>;

/// Starts it, for as long as the process lives.
pub(super) fn start(protocol: Protocol) -> Result<SocketAddr> {
    backend::serve_all(protocol, answer)
}

async fn answer(mut request: Request<Incoming>) -> Response<Answer> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/" => whole("text/plain", HOME.clone()),
        "/shop" => whole("text/html; charset=utf-8", SHOP.clone()),
        "/cart" => {
            let mut response = whole("text/html; charset=utf-8", CART.clone());
            visitor(&mut response);
            response
        }
        "/style.css" => file(&request, "text/css", STYLE.clone()),
        "/logo.png" => file(&request, "image/png", PICTURE.clone()),
        "/app.js" => {
            let mut response = file(&request, "text/javascript", SCRIPT.clone());
            set(&mut response, header::CONTENT_ENCODING, "gzip");
            set(&mut response, header::VARY, "Accept-Encoding");
            response
        }
        "/api/items" | "/search" => whole("application/json", ITEMS.clone()),
        "/chunked" => pieces("text/html; charset=utf-8", ROW.clone(), 12, None),
        "/64k" => whole("application/octet-stream", LARGE.slice(..64 << 10)),
        "/1m" => whole("application/octet-stream", LARGE.clone()),
        "/download" => pieces(
            "application/octet-stream",
            LARGE.slice(..64 << 10),
            64,
            None,
        ),
        "/events" => {
            let every = interval(Duration::from_millis(100));
            let event = Bytes::from_static(b"id: 1\ndata: still here\n\n");
            pieces("text/event-stream", event, u32::MAX, Some(every))
        }
        "/upload" | "/comment" => {
            let length = count(request.into_body()).await;
            whole("text/plain", Bytes::from(length.to_string()))
        }
        "/login" => login(request, StatusCode::UNAUTHORIZED).await,
        // As frameworks do that show the form again.
        "/session" => login(request, StatusCode::OK).await,
        "/old" => {
            let mut response = whole("text/plain", Bytes::new());
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            set(&mut response, header::LOCATION, "/shop");
            response
        }
        "/ws" => {
            echo(&mut request);
            let mut response = whole("text/plain", Bytes::new());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            set(&mut response, header::CONNECTION, "Upgrade");
            set(&mut response, header::UPGRADE, "websocket");
            // Of the key that the visitors send.
            set(
                &mut response,
                header::SEC_WEBSOCKET_ACCEPT,
                "ICX+Yqv66kxgM0FcWaLWlFLwTAI=",
            );
            response
        }
        _ => {
            let mut response = whole("text/html; charset=utf-8", Bytes::from_static(b"None.\n"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn whole(kind: &'static str, body: Bytes) -> Response<Answer> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    set(&mut response, header::CONTENT_TYPE, kind);
    // What frameworks say of themselves, and the gateway takes away.
    set(
        &mut response,
        header::HeaderName::from_static("x-powered-by"),
        "Express",
    );
    response
}

/// What a browser may keep, and asks after.
fn file(request: &Request<Incoming>, kind: &'static str, body: Bytes) -> Response<Answer> {
    let known = request.headers().get(header::IF_NONE_MATCH);
    let known = known.is_some_and(|known| known == ETAG);
    let mut response = whole(kind, if known { Bytes::new() } else { body });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    set(&mut response, header::ETAG, ETAG);
    set(&mut response, header::CACHE_CONTROL, "public, max-age=600");
    response
}

/// A body of so many pieces, whose length nobody knows.
fn pieces(
    kind: &'static str,
    piece: Bytes,
    left: u32,
    every: Option<Interval>,
) -> Response<Answer> {
    let mut response = Response::new(Either::Right(Pieces { piece, left, every }));
    set(&mut response, header::CONTENT_TYPE, kind);
    response
}

async fn login(request: Request<Incoming>, wrong: StatusCode) -> Response<Answer> {
    if request.method() != http::Method::POST {
        return whole("text/html; charset=utf-8", FORM.clone());
    }
    let form = request.into_body().collect().await;
    let form = form.map(http_body_util::Collected::to_bytes);
    let right = |form: &[u8]| form.ends_with(b"=right") || form.ends_with(b":\"right\"}");
    if form.is_ok_and(|form| right(&form)) {
        let mut response = whole("text/plain", Bytes::new());
        *response.status_mut() = StatusCode::FOUND;
        set(&mut response, header::LOCATION, "/cart");
        visitor(&mut response);
        response
    } else {
        let mut response = whole("text/html; charset=utf-8", FORM.clone());
        *response.status_mut() = wrong;
        response
    }
}

/// A session that is named by its framework, one that stands in its cookie, and a choice of the visitor's.
fn visitor(response: &mut Response<Answer>) {
    for cookie in [
        "connect.sid=s%3A0f8fad5bd9cb469fa16570867728950e.7c9e6679a1b2; Path=/; HttpOnly",
        "session=eyJjYXJ0IjpbMTcsNDIsOTldLCJ1c2VyIjoiYWRhIn0; Path=/",
        "theme=dark; Path=/; Max-Age=31536000; SameSite=Lax",
    ] {
        let value = header::HeaderValue::from_static(cookie);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

async fn count(body: Incoming) -> u64 {
    let (mut body, mut length) = (pin!(body), 0);
    while let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        length += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    length
}

/// Gives back the short messages of a WebSocket that were masked with zeros.
fn echo(request: &mut Request<Incoming>) {
    let upgraded = hyper::upgrade::on(request);
    tokio::task::spawn_local(async move {
        let mut stream = TokioIo::new(upgraded.await.ok()?);
        let mut message = [0; 10];
        while stream.read_exact(&mut message).await.is_ok() {
            let [_, _, _, _, _, _, text @ ..] = message;
            let [a, b, c, d] = text;
            let back = [0x81, 4, a, b, c, d];
            stream.write_all(&back).await.ok()?;
        }
        Some(())
    });
}

fn set(response: &mut Response<Answer>, name: header::HeaderName, value: &'static str) {
    let value = header::HeaderValue::from_static(value);
    response.headers_mut().insert(name, value);
}

/// A piece again and again, at once or in time.
struct Pieces {
    piece: Bytes,
    left: u32,
    every: Option<Interval>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(every) = &mut self.every {
            ready!(every.poll_tick(cx));
        }
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Of the length that the visitors of the soak count.
static HOME: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b'x'; 1 << 10]));

static ROW: LazyLock<Bytes> = LazyLock::new(|| {
    Bytes::from("<tr><td>Gorget</td><td>15th century</td><td>240.00</td></tr>\n".repeat(12))
});

static SHOP: LazyLock<Bytes> = LazyLock::new(|| {
    let rows = String::from_utf8_lossy(&ROW).repeat(12);
    Bytes::from(format!(
        "<!doctype html><title>Shop</title><link rel=stylesheet href=/style.css>\n\
         <script nonce=\"{PLACEHOLDER}\" src=/app.js></script>\n<table>{rows}</table>\n\
         <script nonce=\"{PLACEHOLDER}\">start()</script>\n"
    ))
});

static CART: LazyLock<Bytes> = LazyLock::new(|| {
    let rows = String::from_utf8_lossy(&ROW).repeat(2);
    Bytes::from(format!(
        "<!doctype html><title>Cart</title>\n<table>{rows}</table>\n"
    ))
});

static FORM: LazyLock<Bytes> = LazyLock::new(|| {
    let field = "<input name=username><input name=password type=password><button>Log in</button>";
    Bytes::from(format!(
        "<!doctype html><title>Log in</title>\n<form method=post>{field}</form>\n"
    ))
});

static STYLE: LazyLock<Bytes> =
    LazyLock::new(|| Bytes::from("table td { padding: 0.25rem 1rem; color: #223; }\n".repeat(160)));

static SCRIPT: LazyLock<Bytes> = LazyLock::new(|| {
    use std::io::Write as _;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // A Vec takes all that is written into it.
    for number in 0..2000 {
        let _ = writeln!(
            packed,
            "export const part{number} = () => document.title + {number};"
        );
    }
    Bytes::from(packed.finish().unwrap_or_default())
});

/// Bytes of no kind, as in pictures.
static LARGE: LazyLock<Bytes> = LazyLock::new(|| {
    let next = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(state.to_be_bytes()[0])
    };
    let bytes = (0..1 << 20).scan(1, |state, _| next(state));
    bytes.collect()
});

static PICTURE: LazyLock<Bytes> = LazyLock::new(|| LARGE.slice(..6000));

static ITEMS: LazyLock<Bytes> = LazyLock::new(|| {
    let items = vec![r#"{"id":17,"name":"Gorget","price":240.0,"in_stock":true}"#; 18];
    Bytes::from(format!("[{}]", items.join(",")))
});
