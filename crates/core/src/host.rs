//! The host that a request names, as it may be written.

use std::net::Ipv6Addr;

use http::uri::Authority;

/// The longest that is looked at: a name has at most 253 characters, and a port six.
const LONGEST: usize = 260;

/// Reads a host as it may stand in `Host`: a name, an IPv4 address or an IPv6 address in brackets, and
/// a port (RFC 9110 §7.2); no user information, path or list.
///
/// A port above 65535 is none, and who writes one means no host. [`Authority`] takes it, says that there is
/// no port, and so it would pass for the usual one.
///
/// ```
/// use panoply_core::parse_host;
///
/// assert_eq!(parse_host(b"a.test:8443").unwrap().port_u16(), Some(8443));
/// assert!(parse_host(b"a.test:65536").is_none());
/// assert!(parse_host(b"user@a.test").is_none());
/// ```
pub fn parse_host(value: &[u8]) -> Option<Authority> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    if value.is_empty() || value.len() > LONGEST || !value.iter().all(plain) {
        return None;
    }
    let authority = Authority::try_from(value).ok()?;
    let host = authority.host();
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_is_good = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains(['[', ']', ':']),
    };
    let port = authority.as_str().get(host.len()..)?;
    let port_is_good = match port.strip_prefix(':') {
        Some(port) => is_port(port.as_bytes()),
        None => port.is_empty(),
    };
    (host_is_good && port_is_good).then_some(authority)
}

/// Whether [`parse_host`] finds a host here; the usual name with a port is told without it.
pub fn is_host(value: &[u8]) -> bool {
    let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let (name, rest) = value.split_at(value.iter().take_while(plain).count());
    match rest {
        _ if name.is_empty() || value.len() > LONGEST => parse_host(value).is_some(),
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => parse_host(value).is_some(),
    }
}

fn is_port(digits: &[u8]) -> bool {
    let number = str::from_utf8(digits).map(str::parse::<u16>);
    digits.iter().all(u8::is_ascii_digit) && matches!(number, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_port_that_is_none_is_no_usual_one() {
        for good in [
            "a.test",
            "a.test:0",
            "a.test:65535",
            "[::1]:443",
            "10.0.0.1",
        ] {
            assert!(parse_host(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "a.test:65536",
            "a.test:99999",
            "[::1]:70000",
            "a.test:",
            "a.test:+1",
            "[::1",
            "::1",
        ] {
            assert!(parse_host(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_a_host_has_nothing_but_a_host(value in "\\PC{0,40}|[a-c.]{1,4}[@/?#, :1-9a-c]{0,4}") {
            if let Some(authority) = parse_host(value.as_bytes()) {
                prop_assert!(!authority.as_str().contains(['@', '/', '?', '#', ',', ' ']));
            }
        }

        #[test]
        fn the_short_way_to_a_host_leads_to_the_same(value in "[a-z0-9.:_@\\[\\]-]{0,12}(:[0-9]{0,6})?") {
            prop_assert_eq!(is_host(value.as_bytes()), parse_host(value.as_bytes()).is_some(), "{}", value);
        }
    }
}
