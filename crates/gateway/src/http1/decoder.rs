//! A body, taken off the bytes that came.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};
use memchr::{memchr, memchr_iter};

/// Where a body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// After so many bytes.
    Sized(u64),
    /// After the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// Why a body cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// The connection was closed where something had to follow.
    #[error("the connection was closed before the end of the message")]
    Incomplete,
    /// Chunks that cannot be told from each other.
    #[error("the chunks of the message are not well-formed")]
    Chunk,
    /// A trailer section that cannot be read, or is too long.
    #[error("the trailers of the message are not well-formed, or longer than 16 KiB")]
    Trailers,
}

/// The most of a trailer section: 16 KiB.
pub(crate) const MOST_TRAILERS: usize = 16 << 10;

/// The most fields of it.
const MOST_FIELDS: usize = 100;

/// The most that the lines of chunks may say besides their sizes: nobody reads it.
const MOST_EXTENSIONS: usize = 16 << 10;

/// The longest line of a chunk's size.
const LONGEST_LINE: usize = 4 << 10;

/// How much of a body has come, and where it ends.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// What is left of [`MOST_EXTENSIONS`].
    extensions: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes before its end.
    Sized(u64),
    /// Before the line with a chunk's size.
    Size,
    /// So many bytes before the end of a chunk.
    Chunk(u64),
    /// Before the empty line that ends a chunk.
    ChunkEnd,
    /// After the last chunk.
    Trailers,
    /// Until the connection ends.
    Close,
    Done,
}

impl Decoder {
    pub(crate) const fn new(extent: Extent) -> Self {
        let state = match extent {
            Extent::Sized(0) => State::Done,
            Extent::Sized(length) => State::Sized(length),
            Extent::Chunked => State::Size,
            Extent::Close => State::Close,
        };
        Self {
            state,
            extensions: MOST_EXTENSIONS,
        }
    }

    /// Whether all of it has been given.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next piece off `bytes`; nothing when more bytes are needed, or it is done.
    pub(crate) fn decode(
        &mut self,
        bytes: &mut BytesMut,
    ) -> Result<Option<Frame<Bytes>>, Malformed> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Done => break,
                State::Close => return Ok(Some(Frame::data(bytes.split().freeze()))),
                State::Sized(left) => {
                    let data = piece(left, bytes);
                    if *left == 0 {
                        self.state = State::Done;
                    }
                    return Ok(Some(Frame::data(data)));
                }
                State::Chunk(left) => {
                    let data = piece(left, bytes);
                    if *left == 0 {
                        self.state = State::ChunkEnd;
                        // So that an answer which is there whole is known to be.
                        self.end_chunk(bytes)?;
                    }
                    return Ok(Some(Frame::data(data)));
                }
                State::ChunkEnd => {
                    if !self.end_chunk(bytes)? {
                        break;
                    }
                }
                State::Size => {
                    if !self.size(bytes)? {
                        break;
                    }
                }
                State::Trailers => {
                    let Some(fields) = trailers(bytes)? else {
                        break;
                    };
                    self.state = State::Done;
                    return Ok((!fields.is_empty()).then(|| Frame::trailers(fields)));
                }
            }
        }
        Ok(None)
    }

    /// What is to be known of a body when its connection has ended.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        match self.state {
            State::Done | State::Close => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(Malformed::Incomplete),
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.state {
            State::Done => SizeHint::with_exact(0),
            State::Sized(left) => SizeHint::with_exact(left),
            State::Chunk(left) => {
                let mut hint = SizeHint::new();
                hint.set_lower(left);
                hint
            }
            _ => SizeHint::new(),
        }
    }

    /// The line end behind a chunk, and the whole end of a body without trailers behind that.
    fn end_chunk(&mut self, bytes: &mut BytesMut) -> Result<bool, Malformed> {
        match **bytes {
            [b'\r', b'\n', ..] => bytes.advance(2),
            [] | [b'\r'] => return Ok(false),
            _ => return Err(Malformed::Chunk),
        }
        self.state = State::Size;
        if bytes.starts_with(b"0\r\n\r\n") {
            bytes.advance(5);
            self.state = State::Done;
        }
        Ok(true)
    }

    /// The line with a chunk's size (RFC 9112 §7.1); false while it has not come whole.
    fn size(&mut self, bytes: &mut BytesMut) -> Result<bool, Malformed> {
        let Some(end) = memchr(b'\n', bytes) else {
            let long = bytes.len() > LONGEST_LINE;
            return if long {
                Err(Malformed::Chunk)
            } else {
                Ok(false)
            };
        };
        let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r"));
        let line = line.filter(|line| line.len() <= LONGEST_LINE);
        let line = line.ok_or(Malformed::Chunk)?;
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (size, rest) = line.split_at(digits);
        let ends = rest.trim_ascii_start();
        let odd = memchr(b'\r', rest).is_some() || !matches!(ends.first(), None | Some(b';'));
        if odd || !(1..=16).contains(&digits) {
            return Err(Malformed::Chunk);
        }
        self.extensions = self
            .extensions
            .checked_sub(ends.len())
            .ok_or(Malformed::Chunk)?;
        let size = std::str::from_utf8(size).map_err(|_| Malformed::Chunk)?;
        let size = u64::from_str_radix(size, 16).map_err(|_| Malformed::Chunk)?;
        self.state = match size {
            0 => State::Trailers,
            size => State::Chunk(size),
        };
        bytes.advance(end + 1);
        Ok(true)
    }
}

/// As much of `bytes` as is `left`.
fn piece(left: &mut u64, bytes: &mut BytesMut) -> Bytes {
    let take = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left -= take as u64;
    bytes.split_to(take).freeze()
}

/// The fields behind the last chunk, once all of them are there (RFC 9112 §7.1.2).
fn trailers(bytes: &mut BytesMut) -> Result<Option<HeaderMap>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let (length, fields) = match httparse::parse_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete(parsed)) if parsed.0 <= MOST_TRAILERS => parsed,
        Ok(httparse::Status::Partial) if bytes.len() <= MOST_TRAILERS => return Ok(None),
        _ => return Err(Malformed::Trailers),
    };
    if !bytes.get(..length).is_some_and(is_strict) {
        return Err(Malformed::Trailers);
    }
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(Malformed::Trailers);
        };
        map.append(name, value);
    }
    bytes.advance(length);
    Ok(Some(map))
}

/// Whether each line ends in CRLF, and no CR stands elsewhere: readers differ on what that means.
fn is_strict(section: &[u8]) -> bool {
    let before = |at: usize| at.checked_sub(1).and_then(|before| section.get(before));
    memchr_iter(b'\n', section).all(|at| before(at) == Some(&b'\r'))
        && memchr_iter(b'\r', section).all(|at| section.get(at + 1) == Some(&b'\n'))
}
