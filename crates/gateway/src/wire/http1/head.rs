//! The head of a request.

use std::mem::MaybeUninit;

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{CONNECTION, EXPECT};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};

use crate::http1::{Extent, has_token, head_end};
use crate::proxy_protocol;
use crate::spares::Spares;
use crate::wire::framing::{Violation, framed};

/// The most headers that are parsed without a table on the heap. A lower limit is held by the intake,
/// which counts those of HTTP/2 too.
pub(crate) const PARSED: usize = 100;

/// The longest target that [`Uri`] takes.
const LONGEST_TARGET: usize = (u16::MAX - 1) as usize;

/// The longest beginning of a head that is looked at each time more of it has come.
const GLANCE: usize = 1 << 10;

/// The bounds of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    pub(super) headers: usize,
}

/// A request, but for its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request<()>,
    pub(super) extent: Extent,
    /// Whether the client sends another request on this connection.
    pub(super) lasts: bool,
    /// Whether it waits for leave to send the body (RFC 9110 §10.1.1).
    pub(super) expects: bool,
}

/// Why a head is refused, and by which rule if by one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) violation: Option<Violation>,
    /// Whether it is of the PROXY protocol, which nobody was to speak.
    pub(super) announces: bool,
}

impl Refused {
    const fn with(status: StatusCode) -> Self {
        Self {
            status,
            violation: None,
            announces: false,
        }
    }
}

impl From<Violation> for Refused {
    fn from(violation: Violation) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            violation: Some(violation),
            announces: false,
        }
    }
}

const MALFORMED: Refused = Refused::with(StatusCode::BAD_REQUEST);
const TOO_LARGE: Refused = Refused::with(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);

/// Takes a head off `bytes` once all of it is there, into maps that are spare.
pub(super) fn take(
    bytes: &mut BytesMut,
    bounds: Bounds,
    spares: &Spares,
) -> Result<Option<Head>, Refused> {
    let announces = proxy_protocol::begins(bytes);
    taken(bytes, bounds, spares).map_err(|refused| Refused {
        announces,
        ..refused
    })
}

fn taken(bytes: &mut BytesMut, bounds: Bounds, spares: &Spares) -> Result<Option<Head>, Refused> {
    let end = head_end(bytes);
    if end.unwrap_or(bytes.len()) > bounds.bytes {
        return Err(TOO_LARGE);
    }
    let Some(end) = end else {
        // Whoever speaks something else is told at once.
        let glance = bytes.get(..bytes.len().min(GLANCE)).unwrap_or(&[]);
        let mut fields = [httparse::EMPTY_HEADER; PARSED];
        let begun = httparse::Request::new(&mut fields).parse(glance);
        let wrong = begun.is_err_and(|error| error != httparse::Error::TooManyHeaders);
        return if wrong { Err(MALFORMED) } else { Ok(None) };
    };
    let raw = bytes.split_to(end).freeze();
    let extent = framed(&raw)?;
    let mut fields = [const { MaybeUninit::uninit() }; PARSED];
    let mut more = Vec::new();
    let table = if bounds.headers > PARSED {
        more.resize_with(bounds.headers, MaybeUninit::uninit);
        &mut *more
    } else {
        &mut fields[..]
    };
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(&raw, table) {
        Ok(httparse::Status::Complete(length)) if length == raw.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(TOO_LARGE),
        _ => return Err(MALFORMED),
    }
    of(&raw, &parsed, extent, spares).map(Some)
}

fn of(
    raw: &Bytes,
    parsed: &httparse::Request<'_, '_>,
    extent: Extent,
    spares: &Spares,
) -> Result<Head, Refused> {
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(MALFORMED);
    };
    if target.len() > LONGEST_TARGET {
        return Err(Refused::with(StatusCode::URI_TOO_LONG));
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| MALFORMED)?;
    let uri = Uri::from_maybe_shared(raw.slice_ref(target.as_bytes())).map_err(|_| MALFORMED)?;
    let http_11 = minor == 1;
    let (mut closes, mut keeps, mut expects) = (false, http_11, false);
    // Room for the host of an absolute target, which the intake adds.
    let mut headers = spares.headers(parsed.headers.len() + 1);
    for field in &*parsed.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| MALFORMED)?;
        let value = raw.slice_ref(field.value);
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| MALFORMED)?;
        if name == CONNECTION {
            closes |= has_token(&value, b"close");
            keeps |= has_token(&value, b"keep-alive");
        } else if name == EXPECT {
            expects |= http_11 && value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        }
        headers.append(name, value);
    }
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    *request.extensions_mut() = spares.extensions();
    *request.version_mut() = if http_11 {
        Version::HTTP_11
    } else {
        Version::HTTP_10
    };
    Ok(Head {
        request,
        extent,
        // Whatever else is said, `close` is meant (RFC 9112 §9.3).
        lasts: keeps && !closes,
        expects,
    })
}

/// Takes the empty lines off that may stand before a request (RFC 9112 §2.2). One that ends in LF alone is
/// left, to be refused as everywhere else: two readers would not begin at the same byte.
pub(super) fn skip_empty(bytes: &mut BytesMut) {
    let lines = bytes.chunks_exact(2).take_while(|pair| *pair == b"\r\n");
    let whole = 2 * lines.count();
    bytes.advance(whole);
}
