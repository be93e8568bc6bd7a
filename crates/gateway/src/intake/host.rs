//! The one host that a request is for.

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Version};

/// Why a request's host is refused: the rule, and what the client is told.
type Bad = (&'static str, &'static str);

/// The request's host, if it needs one and has exactly one (RFC 9112 §3.2).
pub(super) fn of<B>(request: &Request<B>) -> Result<Option<Authority>, Bad> {
    let target = request.uri().authority();
    let mut hosts = request.headers().get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(("intake/two-hosts", "The request names more than one host."));
    }
    let header = match first {
        Some(value) => Some(parse(value.as_bytes()).ok_or((
            "intake/host",
            "The request's Host is not a name or an address with an optional port.",
        ))?),
        None => None,
    };
    if let Some(target) = target {
        if parse(target.as_str().as_bytes()).is_none() {
            return Err((
                "intake/host",
                "The request's target is not for a plain host.",
            ));
        }
        if header.as_ref().is_some_and(|host| !same(host, target)) {
            return Err((
                "intake/host-mismatch",
                "The request's target and Host differ.",
            ));
        }
    }
    match (header, target) {
        (Some(host), _) => Ok(Some(host)),
        (None, Some(target)) if request.version() >= Version::HTTP_2 => Ok(Some(target.clone())),
        (None, _) if request.version() == Version::HTTP_10 => Ok(target.cloned()),
        (None, _) => Err((
            "intake/no-host",
            "The request does not say which host it is for.",
        )),
    }
}

/// A host as it may stand in `Host`: a name, an IPv4 address or an IPv6 address in brackets, and
/// a port (RFC 9110 §7.2); no user information, path or list.
pub(crate) fn parse(value: &[u8]) -> Option<Authority> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
    if value.is_empty() || value.len() > 260 || !value.iter().all(plain) {
        return None;
    }
    let authority = Authority::try_from(value).ok()?;
    let host = authority.host();
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_is_good = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains(['[', ']', ':']),
    };
    let port = authority.as_str().get(host.len()..)?;
    let port_is_good = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit()),
        None => port.is_empty(),
    };
    (host_is_good && port_is_good).then_some(authority)
}

fn same(a: &Authority, b: &Authority) -> bool {
    a.host().eq_ignore_ascii_case(b.host()) && a.port_u16() == b.port_u16()
}
