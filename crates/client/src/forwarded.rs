//! What proxies wrote: one hop an entry, the nearest last.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, header};
use panoply_core::{Scheme, parse_host};
use smallvec::SmallVec;

/// Entries that are looked at; a longer list is not a chain of proxies but an attack.
pub(crate) const MOST_HOPS: usize = 64;

/// Pairs in one element; RFC 7239 knows four.
const MOST_PAIRS: usize = 16;

/// What one proxy says of who spoke to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) address: Option<IpAddr>,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) host: Option<Authority>,
}

/// The lines of one header, which is seldom more than one.
pub(crate) type Lines<'a> = SmallVec<[&'a HeaderValue; 1]>;

/// What proxies wrote of a request in headers of one meaning each, in the order of its lines.
#[derive(Debug, Default)]
pub(crate) struct XForwarded<'a> {
    /// `X-Forwarded-For`.
    pub(crate) clients: Lines<'a>,
    /// `X-Forwarded-Proto`.
    pub(crate) schemes: Lines<'a>,
    /// `X-Forwarded-Host`.
    pub(crate) hosts: Lines<'a>,
}

impl<'a> XForwarded<'a> {
    /// All of them by one walk: hashing three long names takes longer than looking at the few headers that
    /// a request has.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut all = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "x-forwarded-for" => all.clients.push(value),
                "x-forwarded-proto" => all.schemes.push(value),
                "x-forwarded-host" => all.hosts.push(value),
                _ => {}
            }
        }
        all
    }
}

/// The entries of `X-Forwarded-For`, the nearest first; several lines are one list.
pub(crate) fn addresses(lines: &Lines<'_>) -> impl Iterator<Item = Option<IpAddr>> {
    let entries = Pieces { lines, rest: None };
    // proxy-addr leaves empty entries out too.
    entries
        .filter(|entry| !entry.is_empty())
        .map(address)
        .take(MOST_HOPS)
}

/// The values of `X-Forwarded-Proto` or `-Host`, the nearest first; none of a line with other letters than ASCII's.
pub(crate) fn list<'a>(lines: &mut Lines<'a>) -> impl Iterator<Item = &'a [u8]> {
    lines.retain(|line| line.to_str().is_ok());
    Pieces { lines, rest: None }.take(MOST_HOPS)
}

/// What stands between the commas of some lines, the last first, without the spaces around it.
struct Pieces<'l, 'a> {
    lines: &'l [&'a HeaderValue],
    /// What is left of the line at hand.
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Pieces<'_, 'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = if let Some(rest) = self.rest.take() {
            rest
        } else {
            let (last, before) = self.lines.split_last()?;
            self.lines = before;
            last.as_bytes()
        };
        let comma = line.iter().rposition(|byte| *byte == b',');
        self.rest = comma.and_then(|at| line.get(..at));
        let piece = comma.and_then(|at| line.get(at + 1..));
        Some(piece.unwrap_or(line).trim_ascii())
    }
}

/// `http` or `https`, in any case; `ws` and `wss` are what they run over.
pub(crate) fn scheme(text: &[u8]) -> Option<Scheme> {
    let is = |names: [&[u8]; 2]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    if is([b"https", b"wss"]) {
        Some(Scheme::Https)
    } else if is([b"http", b"ws"]) {
        Some(Scheme::Http)
    } else {
        None
    }
}

/// A host with an optional port, and nothing else.
pub(crate) fn host(text: &[u8]) -> Option<Authority> {
    parse_host(text)
}

/// An address with or without a port, IPv6 with or without brackets (RFC 7239 §6).
pub(crate) fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?;
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address: Option<IpAddr> = entry.parse().ok().or_else(bracketed).or_else(with_port);
    address.map(|address| address.to_canonical())
}

/// The elements of `Forwarded` (RFC 7239 §4), the nearest first; one that does not parse says
/// nothing, which ends the walk there.
///
/// They are read from the right, so that nothing a client wrote, such as a quote that stays open,
/// changes how the elements are read that proxies have added behind it.
pub(crate) fn rfc_7239(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let lines = headers.get_all(header::FORWARDED).iter().rev();
    let elements = lines.flat_map(|line| rsplit_unquoted(line.as_bytes(), b','));
    elements
        .map(|element| element.and_then(hop).unwrap_or_default())
        .take(MOST_HOPS)
}

/// One element: pairs separated by semicolons, each name at most once.
fn hop(element: &[u8]) -> Option<Hop> {
    let mut hop = Hop::default();
    let mut seen: Vec<String> = Vec::new();
    for pair in rsplit_unquoted(element, b';') {
        let pair = pair?.trim_ascii();
        if pair.is_empty() {
            continue;
        }
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at(equals);
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        let value = unquote(value.get(1..)?)?;
        if seen.len() == MOST_PAIRS || seen.contains(&name) {
            return None;
        }
        match name.as_str() {
            "for" => hop.address = address(&value),
            "proto" => hop.scheme = scheme(std::str::from_utf8(&value).ok()?.as_bytes()),
            "host" => hop.host = host(std::str::from_utf8(&value).ok()?.as_bytes()),
            _ => {}
        }
        seen.push(name);
    }
    Some(hop)
}

/// Splits from the right at `separator` outside of quotes; `None` for the leftmost piece when a
/// quote stays open in it.
fn rsplit_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        for (index, byte) in text.iter().enumerate().rev() {
            if *byte == b'"' && !is_escaped(text, index) {
                quoted = !quoted;
            } else if *byte == separator && !quoted {
                rest = text.get(..index);
                return Some(text.get(index + 1..));
            }
        }
        rest = None;
        Some((!quoted).then_some(text))
    })
}

/// Whether an odd number of backslashes stands before `index`.
fn is_escaped(text: &[u8], index: usize) -> bool {
    let before = text.get(..index).unwrap_or_default();
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// A token as it is, or a quoted string without its quotes and escapes (RFC 9110 §5.6.4).
fn unquote(value: &[u8]) -> Option<Vec<u8>> {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return Some(value.to_vec());
    };
    let inner = inner.strip_suffix(b"\"")?;
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.push(*bytes.next()?),
            b'"' => return None,
            byte => plain.push(*byte),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hops(value: &str) -> Vec<Hop> {
        let mut headers = HeaderMap::new();
        headers.insert(header::FORWARDED, HeaderValue::from_str(value).unwrap());
        rfc_7239(&headers).collect()
    }

    #[test]
    fn addresses_in_every_form() {
        for (text, expected) in [
            ("203.0.113.9", Some("203.0.113.9")),
            ("203.0.113.9:4711", Some("203.0.113.9")),
            ("::ffff:203.0.113.9", Some("203.0.113.9")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("010.0.0.7", None),
            ("0x0a.0.0.7", None),
            ("167772167", None),
            ("unknown", None),
            ("_hidden", None),
            ("<script>", None),
            ("203.0.113.9:99999", None),
            ("\"203.0.113.9\"", None),
        ] {
            assert_eq!(
                address(text.as_bytes()),
                expected.map(|ip| ip.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_by_rfc_7239() {
        let read =
            hops(r#"for=192.0.2.60;proto=HTTPS;host=a.test, For="[2001:db8::1]:4711";by=_x"#);
        assert_eq!(read[0].address, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(read[1].address, Some("192.0.2.60".parse().unwrap()));
        assert_eq!(read[1].scheme, Some(Scheme::Https));
        assert_eq!(read[1].host.as_ref().unwrap(), "a.test");
        assert_eq!(hops(r#"for="1.2.3.4"#), [Hop::default()], "an open quote");
        assert_eq!(
            hops("for=1.2.3.4;for=5.6.7.8"),
            [Hop::default()],
            "said twice"
        );
        assert_eq!(
            hops(r#"for="1.2.3.\4""#)[0].address,
            Some("1.2.3.4".parse().unwrap())
        );
        assert_eq!(hops("for=unknown")[0].address, None);
        assert_eq!(hops("for=1.2.3.4;host=\"a.test:65536\"")[0].host, None);
        assert_eq!(
            host(b"a.test:65535").and_then(|host| host.port_u16()),
            Some(65535)
        );
        let separators = r#"for=192.0.2.1, for=192.0.2.2;host="a,b;c\"";proto=https"#;
        assert_eq!(hops(separators).len(), 2, "separators in quotes are text");
        assert_eq!(hops(separators)[0].scheme, Some(Scheme::Https));
        let pairs = |count: u8| {
            let pairs: Vec<String> = (0..count).map(|number| format!("a{number}=")).collect();
            hops(&format!("{};for=192.0.2.1", pairs.join(";")))[0]
                .address
                .is_some()
        };
        assert_eq!((pairs(15), pairs(16)), (true, false));
    }

    proptest! {
        #[test]
        fn what_a_client_wrote_does_not_change_what_a_proxy_added(
            client in r#"([ -~]|["\\\\,;=]){0,60}"#,
            proxy in prop_oneof![
                Just("for=203.0.113.9"),
                Just("For=\"203.0.113.9:4711\";proto=https"),
                Just("host=\"a,b\";for=203.0.113.9"),
                Just("by=\"x\\\"y\";for=203.0.113.9"),
            ],
        ) {
            let found = hops(&format!("{client}, {proxy}"));
            prop_assert_eq!(found[0].address, Some("203.0.113.9".parse().unwrap()));
        }

        #[test]
        fn nothing_panics_and_everything_is_bounded(value in "[ -~]{0,400}") {
            prop_assert!(hops(&value).len() <= MOST_HOPS);
        }
    }
}
