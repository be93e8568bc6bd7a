//! A reader of HTTP/1 requests that takes no form but the plainest, and looks at all bytes at once.

/// What the bytes hold.
#[derive(Debug)]
pub(super) struct Model {
    /// The bodies of whole messages.
    pub(super) bodies: Vec<Vec<u8>>,
    /// How many bytes those messages take.
    pub(super) length: usize,
    /// What comes after them.
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Between,
    Head,
    Body,
    Malformed,
}

enum Length {
    Exact(usize),
    Chunked,
}

impl Model {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut bodies = Vec::new();
        let mut rest = bytes;
        let end = loop {
            while let Some(after) = rest.strip_prefix(b"\r\n") {
                rest = after;
            }
            match message(rest) {
                Ok((body, after)) => {
                    bodies.push(body);
                    rest = after;
                }
                Err(end) => break end,
            }
        };
        Self {
            bodies,
            length: bytes.len() - rest.len(),
            end,
        }
    }
}

fn message(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), End> {
    if bytes.is_empty() {
        return Err(End::Between);
    }
    let mut http_10 = None;
    let (mut lengths, mut codings) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    loop {
        let (line, after) = line(rest, End::Head)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        if http_10.is_none() {
            http_10 = Some(line.ends_with(b"HTTP/1.0"));
            if line.contains(&b'#') {
                return Err(End::Malformed);
            }
            continue;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .ok_or(End::Malformed)?;
        let (name, value) = (
            line[..colon].to_ascii_lowercase(),
            line[colon + 1..].trim_ascii(),
        );
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte >= 0x7f) {
            return Err(End::Malformed);
        }
        match name.as_slice() {
            b"content-length" => lengths.push(value),
            b"transfer-encoding" => codings.push(value.to_ascii_lowercase()),
            _ => {}
        }
    }
    match length(&lengths, &codings, http_10 == Some(true))? {
        Length::Exact(length) if rest.len() < length => Err(End::Body),
        Length::Exact(length) => Ok((rest[..length].to_vec(), &rest[length..])),
        Length::Chunked => chunks(rest),
    }
}

fn length(lengths: &[&[u8]], codings: &[Vec<u8>], http_10: bool) -> Result<Length, End> {
    match (lengths, codings) {
        ([], []) => Ok(Length::Exact(0)),
        ([length], []) if length.len() <= 19 => number(length, 10).map(Length::Exact),
        ([], [coding]) if coding == b"chunked" && !http_10 => Ok(Length::Chunked),
        _ => Err(End::Malformed),
    }
}

fn chunks(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), End> {
    let mut body = Vec::new();
    loop {
        let (first, after) = line(rest, End::Body)?;
        let size = first.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = size.trim_ascii_end();
        let size = if size.len() > 16 {
            Err(End::Malformed)
        } else {
            number(size, 16)
        }?;
        if size == 0 {
            rest = after;
            break;
        }
        let Some((data, after)) = after.split_at_checked(size) else {
            return Err(End::Body);
        };
        body.extend_from_slice(data);
        rest = match after {
            [b'\r', b'\n', after @ ..] => after,
            [] | [b'\r'] => return Err(End::Body),
            _ => return Err(End::Malformed),
        };
    }
    loop {
        let (field, after) = line(rest, End::Body)?;
        rest = after;
        if field.is_empty() {
            return Ok((body, rest));
        }
    }
}

/// A line up to its CRLF; `cut` when the bytes end before it.
fn line(bytes: &[u8], cut: End) -> Result<(&[u8], &[u8]), End> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Err(cut);
    };
    match bytes[..end].strip_suffix(b"\r") {
        Some(line) if !line.contains(&b'\r') => Ok((line, &bytes[end + 1..])),
        _ => Err(End::Malformed),
    }
}

fn number(digits: &[u8], radix: u32) -> Result<usize, End> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain);
    text.and_then(|text| usize::from_str_radix(text, radix).ok())
        .ok_or(End::Malformed)
}
