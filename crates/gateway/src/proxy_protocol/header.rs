//! The header itself, in both versions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// How version 2 begins. No protocol that a client speaks does.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// How version 1 begins.
const WORD: &[u8] = b"PROXY ";

/// The longest line of version 1, its end included.
const LONGEST_LINE: usize = 107;

/// What comes before the addresses of version 2: the signature, what it is, and how long the rest is.
const FIXED: usize = 16;

/// The longest header that is read, as in nginx: what a proxy adds to the addresses (TLVs) has some hundred bytes.
pub(super) const LONGEST: usize = 4 << 10;

/// How a header reads as far as it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoded {
    /// All that is there belongs to it, and more of it is to come.
    Unfinished,
    /// The header takes so many bytes.
    Whole {
        length: usize,
        /// Who is calling; nobody where the proxy calls for itself (`LOCAL`, `UNKNOWN`).
        source: Option<SocketAddr>,
    },
}

/// What came is no such header; the reason.
pub(super) type Malformed = &'static str;

/// Reads what a connection begins with.
///
/// # Errors
///
/// When it cannot become a header, however much more comes.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Malformed> {
    if agrees(bytes, SIGNATURE) {
        return block(bytes);
    }
    if agrees(bytes, WORD) {
        return line(bytes);
    }
    Err("it does not begin with a header of the PROXY protocol")
}

/// Whether a connection that was to begin with a request begins with such a header. The empty lines that version 2
/// has in front may have been passed over.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    let rest = SIGNATURE.strip_prefix(b"\r\n\r\n").unwrap_or(SIGNATURE);
    bytes.starts_with(WORD) || bytes.starts_with(SIGNATURE) || bytes.starts_with(rest)
}

/// Whether one begins with the other.
fn agrees(bytes: &[u8], word: &[u8]) -> bool {
    let common = bytes.len().min(word.len());
    bytes.get(..common) == word.get(..common)
}

/// Version 1: `PROXY TCP4 192.0.2.7 198.51.100.1 56324 443`.
fn line(bytes: &[u8]) -> Result<Decoded, Malformed> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE {
            Ok(Decoded::Unfinished)
        } else {
            Err("its first line does not end")
        };
    };
    let length = end + 1;
    let text = bytes
        .get(WORD.len()..end)
        .and_then(|text| text.strip_suffix(b"\r"))
        .and_then(|text| str::from_utf8(text).ok())
        .filter(|_| length <= LONGEST_LINE)
        .ok_or("its first line does not end as it should")?;
    let mut words = text.split(' ');
    let source = match words.next() {
        // What else stands there does not count.
        Some("UNKNOWN") => None,
        Some("TCP4") => Some(endpoints::<Ipv4Addr>(words)?),
        Some("TCP6") => Some(endpoints::<Ipv6Addr>(words)?),
        _ => return Err("its first line names none of TCP4, TCP6 and UNKNOWN"),
    };
    Ok(Decoded::Whole { length, source })
}

/// Two addresses of a family and two ports, of which the client's are given.
fn endpoints<'a, A: FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'a str>,
) -> Result<SocketAddr, Malformed> {
    let mut address = || words.next()?.parse::<A>().ok();
    let addresses = (address(), address());
    let mut port = || {
        let word = words.next()?;
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse().ok().filter(|_: &u16| is_number)
    };
    let ports = (port(), port());
    match (addresses, ports, words.next()) {
        ((Some(source), Some(_)), (Some(port), Some(_)), None) => {
            Ok(SocketAddr::new(source.into(), port))
        }
        _ => Err("its first line does not hold two addresses and two ports"),
    }
}

/// Version 2.
fn block(bytes: &[u8]) -> Result<Decoded, Malformed> {
    let Some(&[what, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else {
        return Ok(Decoded::Unfinished);
    };
    let rest = usize::from(u16::from_be_bytes([high, low]));
    let length = FIXED + rest;
    if length > LONGEST {
        return Err("its header is longer than 4 KiB");
    }
    let addresses = |each: usize| match rest.checked_sub(2 * each + 4) {
        Some(_) => Ok(()),
        None => Err("its header is shorter than its addresses"),
    };
    // The addresses of TCP are followed by its ports, and whatever the proxy adds by that.
    let each = match (what, family) {
        (0x20, _) | (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => 0,
        (0x21, 0x11) => addresses(4).map(|()| 4)?,
        (0x21, 0x21) => addresses(16).map(|()| 16)?,
        (0x21, _) => return Err("its header names no family of addresses that there is"),
        _ => return Err("its header is neither LOCAL nor PROXY of version 2"),
    };
    let Some(said) = bytes.get(FIXED..length) else {
        return Ok(Decoded::Unfinished);
    };
    let source = match each {
        4 => read::<4>(said).map(IpAddr::from),
        16 => read::<16>(said).map(IpAddr::from),
        _ => None,
    };
    let port = read::<2>(said.get(2 * each..).unwrap_or_default());
    let source = source
        .zip(port)
        .map(|(ip, port)| SocketAddr::new(ip, u16::from_be_bytes(port)));
    Ok(Decoded::Whole { length, source })
}

fn read<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

#[cfg(test)]
mod tests;
