//! What hyper lets through and a gateway must not, caught on the raw bytes.
//!
//! hyper forgives forms of HTTP/1 that two servers in a row may read differently, and tidies them
//! up before any layer can see them: a `Content-Length` beside `Transfer-Encoding` is dropped, a
//! repeated length is folded into one, a bare LF ends a line. [`Framing`] follows the bytes of a
//! connection just far enough to tell heads from bodies and refuses those forms (RFC 9112 §2.2,
//! §5, §6.3). It never decides where a message ends for the app: that is hyper's word alone.

use memchr::memchr;

/// A form of request that is refused on sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A request line with a `#`, which belongs to no request target (RFC 9112 §3.2).
    Target,
    /// A line that ends in LF alone.
    BareLf,
    /// A CR that no LF follows.
    BareCr,
    /// A header line that begins with white space (RFC 9112 §5.2).
    ObsFold,
    /// A header line without a colon, without a name, or with a space before the colon.
    HeaderName,
    /// A second `Content-Length`, or one that is not a plain number.
    ContentLength,
    /// `Transfer-Encoding` other than exactly one `chunked`, or in HTTP/1.0.
    TransferEncoding,
    /// Both `Content-Length` and `Transfer-Encoding`.
    BothLengths,
    /// A chunk whose size is not up to sixteen hexadecimal digits.
    ChunkSize,
    /// A line longer than any that hyper reads.
    LongLine,
}

impl Violation {
    /// The rule's id, as the log and the metrics name it.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Target => "intake/target",
            Self::BareLf => "intake/bare-lf",
            Self::BareCr => "intake/bare-cr",
            Self::ObsFold => "intake/obs-fold",
            Self::HeaderName => "intake/header-name",
            Self::ContentLength => "intake/content-length",
            Self::TransferEncoding => "intake/transfer-encoding",
            Self::BothLengths => "intake/both-lengths",
            Self::ChunkSize => "intake/chunk-size",
            Self::LongLine => "intake/long-line",
        }
    }
}

/// Where in the stream of a client's bytes we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between the first byte of a request line and the empty line after the headers.
    Head,
    /// Inside a body of known length, this many bytes before its end.
    Sized(u64),
    /// In the line that gives a chunk's size.
    ChunkSize,
    /// Inside a chunk and the CRLF after it, this many bytes before its end.
    Chunk(u64),
    /// In the trailer section.
    Trailers,
    /// Nothing more to follow: the connection is a tunnel.
    Blind,
}

/// Follows one HTTP/1 connection's incoming bytes.
#[derive(Debug)]
pub(crate) struct Framing {
    state: State,
    /// The part of the current line that came with earlier reads.
    carry: Vec<u8>,
    head: Head,
}

/// What the lines of the current head have said.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    started: bool,
    http_10: bool,
    length: Option<u64>,
    chunked: bool,
}

/// The longest line that is followed; hyper refuses longer heads before they get here.
const MAX_CARRY: usize = 1 << 20;

impl Framing {
    pub(crate) const fn new() -> Self {
        let head = Head {
            started: false,
            http_10: false,
            length: None,
            chunked: false,
        };
        Self {
            state: State::Head,
            carry: Vec::new(),
            head,
        }
    }

    /// Whether a head has begun and not ended.
    pub(crate) fn in_head(&self) -> bool {
        self.state == State::Head && (self.head.started || !self.carry.is_empty())
    }

    /// Whether a body has begun and not ended.
    pub(crate) const fn in_body(&self) -> bool {
        matches!(
            self.state,
            State::Sized(_) | State::ChunkSize | State::Chunk(_) | State::Trailers
        )
    }

    /// Follows the stream no longer.
    pub(crate) fn stop(&mut self) {
        self.state = State::Blind;
        self.carry = Vec::new();
    }

    /// Follows all of `bytes`, or says how many of them came before what must be refused.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Result<(), (usize, Violation)> {
        let mut before = 0;
        while let Some(rest @ [_, ..]) = bytes.get(before..) {
            let followed = self.follow_message(rest);
            before += followed.map_err(|(good, violation)| (before + good, violation))?;
        }
        Ok(())
    }

    /// Follows `bytes` to their end, or to that of a body in them; gives how many that were, or how
    /// many came before what must be refused.
    pub(crate) fn follow_message(&mut self, bytes: &[u8]) -> Result<usize, (usize, Violation)> {
        let mut rest = bytes;
        let mut was_in_body = self.in_body();
        while !rest.is_empty() {
            let is_in_body = self.in_body();
            if std::mem::replace(&mut was_in_body, is_in_body) && !is_in_body {
                break;
            }
            match &mut self.state {
                State::Blind => rest = &[],
                State::Sized(left) => {
                    skip(left, &mut rest);
                    if *left == 0 {
                        self.state = State::Head;
                    }
                }
                State::Chunk(left) => {
                    skip(left, &mut rest);
                    if *left == 0 {
                        self.state = State::ChunkSize;
                    }
                }
                State::Head | State::ChunkSize | State::Trailers => {
                    let begun = bytes.len() - rest.len();
                    let Some(end) = memchr(b'\n', rest) else {
                        self.keep(rest).map_err(|violation| (begun, violation))?;
                        rest = &[];
                        break;
                    };
                    let (piece, after) = rest.split_at(end);
                    rest = after.get(1..).unwrap_or(&[]);
                    self.line(piece)
                        .map_err(|violation| (begun + end, violation))?;
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), Violation> {
        if self.carry.len() + piece.len() > MAX_CARRY {
            return Err(Violation::LongLine);
        }
        self.carry.extend_from_slice(piece);
        Ok(())
    }

    /// One line, whose LF has been found; `piece` is what the current read holds of it.
    fn line(&mut self, piece: &[u8]) -> Result<(), Violation> {
        if self.carry.is_empty() {
            return self.whole_line(piece);
        }
        let mut line = std::mem::take(&mut self.carry);
        line.extend_from_slice(piece);
        self.whole_line(&line)
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let stripped = line.strip_suffix(b"\r");
        match self.state {
            State::Head => {
                let line = stripped.ok_or(Violation::BareLf)?;
                if memchr(b'\r', line).is_some() {
                    return Err(Violation::BareCr);
                }
                if line.is_empty() {
                    self.end_of_head();
                    Ok(())
                } else {
                    self.head.line(line)
                }
            }
            // Whatever is not followed here hyper must not follow either.
            State::ChunkSize => {
                let size = stripped.and_then(chunk_size);
                self.state = match size.ok_or(Violation::ChunkSize)? {
                    0 => State::Trailers,
                    size => State::Chunk(size.saturating_add(2)),
                };
                Ok(())
            }
            // hyper takes a bare LF for the end of the fields, but not for that of the message.
            State::Trailers => {
                let line = stripped.ok_or(Violation::BareLf)?;
                if memchr(b'\r', line).is_some() {
                    return Err(Violation::BareCr);
                }
                if line.is_empty() {
                    self.state = State::Head;
                }
                Ok(())
            }
            State::Sized(_) | State::Chunk(_) | State::Blind => Ok(()),
        }
    }

    fn end_of_head(&mut self) {
        if !self.head.started {
            return; // an empty line before a request is allowed (RFC 9112 §2.2)
        }
        let head = std::mem::take(&mut self.head);
        self.state = match (head.chunked, head.length) {
            (true, _) => State::ChunkSize,
            (false, Some(length)) if length > 0 => State::Sized(length),
            (false, _) => State::Head,
        };
    }
}

impl Head {
    fn line(&mut self, line: &[u8]) -> Result<(), Violation> {
        if !self.started {
            self.started = true;
            self.http_10 = line.ends_with(b"HTTP/1.0");
            return if memchr(b'#', line).is_some() {
                Err(Violation::Target)
            } else {
                Ok(())
            };
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(Violation::ObsFold);
        }
        let colon = memchr(b':', line).ok_or(Violation::HeaderName)?;
        let (name, value) = line.split_at(colon);
        if matches!(name.last(), None | Some(b' ' | b'\t')) {
            return Err(Violation::HeaderName);
        }
        let value = value.get(1..).unwrap_or(&[]).trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.chunked {
                return Err(Violation::BothLengths);
            }
            if self
                .length
                .replace(plain_number(value).ok_or(Violation::ContentLength)?)
                .is_some()
            {
                return Err(Violation::ContentLength);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.length.is_some() {
                return Err(Violation::BothLengths);
            }
            let again = std::mem::replace(&mut self.chunked, true);
            if again || self.http_10 || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Violation::TransferEncoding);
            }
        }
        Ok(())
    }
}

/// Takes as much of `rest` as is `left`.
fn skip(left: &mut u64, rest: &mut &[u8]) {
    let take = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
    *left -= take as u64;
    *rest = rest.get(take..).unwrap_or(&[]);
}

/// A `Content-Length`: digits alone (RFC 9110 §8.6), nineteen at most.
fn plain_number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
    digits
        .then_some(value)
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
}

/// The size in a chunk's first line (RFC 9112 §7.1).
fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    let hex = !size.is_empty() && size.len() <= 16 && size.iter().all(u8::is_ascii_hexdigit);
    hex.then(|| std::str::from_utf8(size).ok())
        .flatten()
        .and_then(|s| u64::from_str_radix(s, 16).ok())
}

#[cfg(test)]
mod tests;
