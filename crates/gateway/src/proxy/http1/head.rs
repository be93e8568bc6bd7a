//! The head of an answer.

use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::ext::ReasonPhrase;

use super::{Error, START};
use crate::http1::{Extent, head_end};
use crate::proxy::headers::{self, ends_with_the_answer};
use crate::spares::Spares;

/// How many headers an answer may have; hyper takes as many.
const MOST_HEADERS: usize = 100;

/// The most bytes of a head.
pub(super) const MOST_BYTES: usize = 256 << 10;

/// Room for what the layers add to nearly every answer.
const ADDED: usize = 2;

/// What is known of an answer before its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// Without what concerns this connection alone (RFC 9110 §7.6.1).
    pub(crate) headers: HeaderMap,
    /// What the app said in place of the status's own words.
    pub(crate) reason: Option<ReasonPhrase>,
    pub(crate) extent: Extent,
    /// Whether the app keeps the connection open.
    pub(crate) lasts: bool,
    /// How long it does, if it says so.
    pub(crate) keep: Option<Duration>,
    /// Whether the body is in a transfer coding other than one `chunked` (RFC 9112 §6.1).
    pub(crate) coded: bool,
}

impl Head {
    /// Takes a head off `bytes` once all of it is there, and interim answers before it, each of which
    /// `interim` is told of: 1xx other than 101 (RFC 9110 §15.2).
    pub(crate) fn take(
        bytes: &mut BytesMut,
        method: &Method,
        spares: &Spares,
        mut interim: impl FnMut(StatusCode, &httparse::Response<'_, '_>),
    ) -> Result<Option<Self>, Error> {
        loop {
            while let [b'\r' | b'\n', ..] = **bytes {
                bytes.advance(1);
            }
            let Some(length) = length(bytes)? else {
                return Ok(None);
            };
            let raw = bytes.split_to(length).freeze();
            let mut fields = [const { MaybeUninit::uninit() }; MOST_HEADERS];
            let mut parsed = httparse::Response::new(&mut []);
            let parsing = httparse::ParserConfig::default().parse_response_with_uninit_headers(
                &mut parsed,
                &raw,
                &mut fields,
            );
            match parsing {
                Ok(httparse::Status::Complete(end)) if end == raw.len() => {}
                Err(httparse::Error::TooManyHeaders) => return Err(Error::LongHead),
                Err(error) => return Err(Error::Head(error)),
                Ok(_) => return Err(Error::Head(httparse::Error::NewLine)),
            }
            let status = StatusCode::from_u16(parsed.code.unwrap_or(0))
                .map_err(|_| Error::Head(httparse::Error::Status))?;
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Self::of(&raw, &parsed, (status, method), spares).map(Some);
            }
            interim(status, &parsed);
        }
    }

    fn of(
        raw: &Bytes,
        parsed: &httparse::Response<'_, '_>,
        (status, method): (StatusCode, &Method),
        spares: &Spares,
    ) -> Result<Self, Error> {
        let mut lines = Lines::new(parsed.version == Some(1));
        let mut map = spares.headers(parsed.headers.len() + ADDED);
        for field in &*parsed.headers {
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| Error::Head(httparse::Error::HeaderName))?;
            let value = HeaderValue::from_maybe_shared(raw.slice_ref(field.value))
                .map_err(|_| Error::Head(httparse::Error::HeaderValue))?;
            if lines.passes(&name, &value)? {
                map.append(name, value);
            }
        }
        let lasts = lines.lasts();
        for name in lines.named {
            map.remove(name);
        }
        let switching = status == StatusCode::SWITCHING_PROTOCOLS;
        if let Some(protocol) = lines.upgrade.filter(|_| switching) {
            map.insert(UPGRADE, protocol);
            map.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        let bodiless = switching || status == StatusCode::NO_CONTENT;
        let without = bodiless || *method == Method::HEAD || status == StatusCode::NOT_MODIFIED;
        let extent = if without {
            Extent::Sized(0)
        } else if lines.coding != Coding::None {
            Extent::Chunked
        } else {
            lines.length.map_or(Extent::Close, Extent::Sized)
        };
        // A length beside chunks is none (RFC 9112 §6.3), and some clients of HTTP/2 break off over one that is said
        // of no body at all (RFC 9110 §8.6).
        let is_sized = lines.coding == Coding::None && !bodiless;
        if !is_sized {
            map.remove(CONTENT_LENGTH);
        }
        if let Some(length) = lines.length.filter(|_| lines.folded && is_sized) {
            map.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let reason = parsed
            .reason
            .filter(|said| status.canonical_reason() != Some(said));
        Ok(Self {
            status,
            headers: map,
            reason: reason.and_then(|said| ReasonPhrase::try_from(said.as_bytes()).ok()),
            extent,
            lasts: lasts && extent != Extent::Close,
            keep: lines.keep,
            coded: lines.coding == Coding::Other,
        })
    }
}

/// What a body's transfer codings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    None,
    Chunked,
    Other,
}

/// What the lines about the connection and the body say.
#[derive(Debug)]
struct Lines {
    length: Option<u64>,
    /// Whether the length came as a list.
    folded: bool,
    coding: Coding,
    http_11: bool,
    /// Whether the app says that the connection ends, or that it does not.
    ends: Option<bool>,
    keep: Option<Duration>,
    named: Vec<HeaderName>,
    upgrade: Option<HeaderValue>,
}

impl Lines {
    const fn new(http_11: bool) -> Self {
        Self {
            length: None,
            folded: false,
            coding: Coding::None,
            http_11,
            ends: None,
            keep: None,
            named: Vec::new(),
            upgrade: None,
        }
    }

    /// Whether the connection can be used again: whatever else is said, `close` is meant (RFC 9112 §9.3),
    /// and whoever says the end of a body in two ways, or as HTTP/1.0 has none, may mean another (§6.1).
    fn lasts(&self) -> bool {
        let plain = self.coding == Coding::None || (self.http_11 && self.length.is_none());
        !self.ends.unwrap_or(!self.http_11) && plain
    }

    /// Whether a header goes on to the client.
    fn passes(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<bool, Error> {
        if *name == CONTENT_LENGTH {
            let length = length_in(value.as_bytes()).ok_or(Error::Length)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(Error::Length);
            }
            // Said once more it is no other; one line of one number goes on (RFC 9110 §8.6).
            let plain = value.as_bytes().iter().all(u8::is_ascii_digit);
            let first = self.length.replace(length).is_none();
            self.folded |= !plain;
            return Ok(first && plain);
        }
        if !ends_with_the_answer(name.as_str()) {
            return Ok(true);
        }
        if *name == CONNECTION {
            for token in value.as_bytes().split(|byte| *byte == b',') {
                self.option(token.trim_ascii());
            }
        } else if *name == TRANSFER_ENCODING {
            let chunked = value.as_bytes().eq_ignore_ascii_case(b"chunked");
            self.coding = match self.coding {
                Coding::None if chunked => Coding::Chunked,
                _ => Coding::Other,
            };
        } else if *name == UPGRADE {
            self.upgrade = Some(value.clone());
        } else if *name == headers::KEEP_ALIVE {
            self.keep = headers::kept(value);
        }
        Ok(false)
    }

    /// One of the words of `Connection` (RFC 9110 §7.6.1).
    fn option(&mut self, token: &[u8]) {
        if token.eq_ignore_ascii_case(b"close") {
            self.ends = Some(true);
        } else if token.eq_ignore_ascii_case(b"keep-alive") {
            self.ends.get_or_insert(false);
        } else if let Ok(name) = HeaderName::from_bytes(token) {
            self.named.push(name);
        }
    }
}

/// Where the head that `bytes` begin with ends, if it does.
fn length(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let begun = bytes.get(..START.len()).unwrap_or(bytes);
    if !START.starts_with(begun) {
        return Err(match bytes {
            // A frame of SETTINGS, with which HTTP/2 begins.
            [0, 0, _, 4, ..] => Error::Http2,
            // An alert of any version.
            [0x15, 3, ..] => Error::Tls,
            _ => Error::Head(httparse::Error::Version),
        });
    }
    // Lines of some apps end in LF alone.
    let end = head_end(bytes);
    if end.unwrap_or(bytes.len()) > MOST_BYTES {
        return Err(Error::LongHead);
    }
    Ok(end)
}

/// A length, or the same one several times (RFC 9112 §6.3).
fn length_in(value: &[u8]) -> Option<u64> {
    let mut lengths = value.split(|byte| *byte == b',').map(|length| {
        let length = length.trim_ascii();
        let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(length).ok().filter(|_| digits);
        text.and_then(|text| text.parse::<u64>().ok())
    });
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}
