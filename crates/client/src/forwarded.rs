//! What proxies wrote: one hop an entry, the nearest last.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, HeaderName, header};
use panoply_core::{Scheme, parse_host};

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

/// The entries of `X-Forwarded-For`, the nearest first; several lines are one list.
pub(crate) fn x_forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    const NAME: HeaderName = HeaderName::from_static("x-forwarded-for");
    let lines = headers.get_all(NAME).iter().rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // proxy-addr leaves empty entries out too.
    entries
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
        .map(address)
        .take(MOST_HOPS)
}

/// The values of `X-Forwarded-Proto` or `-Host`, the nearest first.
pub(crate) fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers
        .get_all(name)
        .iter()
        .rev()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.rsplit(','))
        .map(str::trim)
        .take(MOST_HOPS)
}

/// `http` or `https`, in any case; `ws` and `wss` are what they run over.
pub(crate) fn scheme(text: &str) -> Option<Scheme> {
    match text.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(Scheme::Http),
        "https" | "wss" => Some(Scheme::Https),
        _ => None,
    }
}

/// A host with an optional port, and nothing else.
pub(crate) fn host(text: &str) -> Option<Authority> {
    parse_host(text.as_bytes())
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
            "proto" => hop.scheme = scheme(std::str::from_utf8(&value).ok()?),
            "host" => hop.host = host(std::str::from_utf8(&value).ok()?),
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
    use http::HeaderValue;
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
            host("a.test:65535").and_then(|host| host.port_u16()),
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
