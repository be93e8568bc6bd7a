//! Forms of request that two servers in a row may read differently.
//!
//! Parsers forgive them: a `Content-Length` beside `Transfer-Encoding`, a repeated length, a bare LF at the
//! end of a line. Here they are refused on the bytes themselves, before anything has tidied them up
//! (RFC 9112 §2.2, §5, §6.3).

use memchr::{memchr, memchr_iter};

use crate::http1::Extent;

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
        }
    }
}

/// What the lines of a head have said.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    started: bool,
    http_10: bool,
    length: Option<u64>,
    chunked: bool,
}

/// Where the body behind a whole head ends, the empty line after it included; or what form must be
/// refused.
pub(crate) fn framed(head: &[u8]) -> Result<Extent, Violation> {
    let mut said = Head::default();
    let (mut start, mut lines) = (0, 0);
    for end in memchr_iter(b'\n', head) {
        let line = head.get(start..end).unwrap_or(&[]);
        let line = line.strip_suffix(b"\r").ok_or(Violation::BareLf)?;
        (start, lines) = (end + 1, lines + 1);
        if !line.is_empty() {
            said.line(line).map_err(|other| match memchr(b'\r', line) {
                Some(_) => Violation::BareCr,
                None => other,
            })?;
        }
    }
    // Each line has one at its end; to count them at once costs less than to look for more in each.
    if memchr_iter(b'\r', head).count() != lines {
        return Err(Violation::BareCr);
    }
    Ok(match (said.chunked, said.length) {
        (true, _) => Extent::Chunked,
        (false, length) => Extent::Sized(length.unwrap_or(0)),
    })
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
        // Names are short.
        let colon = line.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or(Violation::HeaderName)?;
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

/// A `Content-Length`: digits alone (RFC 9110 §8.6), nineteen at most.
fn plain_number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
    digits
        .then_some(value)
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
}
