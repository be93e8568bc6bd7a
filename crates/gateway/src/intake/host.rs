//! The one host that a request is for.

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Version};

/// Why a request's host is refused: the rule, and what the client is told.
type Bad = (&'static str, &'static str);

/// Makes sure that the request has exactly one host if it needs one (RFC 9112 §3.2), and gives it
/// when it is only in the target.
pub(super) fn of<B>(request: &Request<B>) -> Result<Option<Authority>, Bad> {
    let target = request.uri().authority();
    let mut hosts = request.headers().get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(("intake/two-hosts", "The request names more than one host."));
    }
    if first.is_some_and(|host| !is_host(host.as_bytes())) {
        return Err((
            "intake/host",
            "The request's Host is not a name or an address with an optional port.",
        ));
    }
    if let Some(target) = target {
        if parse(target.as_str().as_bytes()).is_none() {
            return Err((
                "intake/host",
                "The request's target is not for a plain host.",
            ));
        }
        if first.is_some_and(|host| !same(host.as_bytes(), target)) {
            return Err((
                "intake/host-mismatch",
                "The request's target and Host differ.",
            ));
        }
    }
    match (first, target) {
        (Some(_), _) => Ok(None),
        (None, Some(target)) if request.version() >= Version::HTTP_2 => Ok(Some(target.clone())),
        (None, _) if request.version() == Version::HTTP_10 => Ok(target.cloned()),
        (None, _) => Err((
            "intake/no-host",
            "The request does not say which host it is for.",
        )),
    }
}

/// Whether [`parse`] finds a host here; the usual name with a port is told without it.
pub(super) fn is_host(value: &[u8]) -> bool {
    let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let (name, rest) = value.split_at(value.iter().take_while(plain).count());
    match rest {
        _ if name.is_empty() || value.len() > 260 => parse(value).is_some(),
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => parse(value).is_some(),
    }
}

fn is_port(digits: &[u8]) -> bool {
    let number = str::from_utf8(digits).map(str::parse::<u16>);
    digits.iter().all(u8::is_ascii_digit) && matches!(number, Ok(Ok(_)))
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
        Some(port) => is_port(port.as_bytes()),
        None => port.is_empty(),
    };
    (host_is_good && port_is_good).then_some(authority)
}

fn same(host: &[u8], target: &Authority) -> bool {
    parse(host).is_some_and(|host| {
        host.host().eq_ignore_ascii_case(target.host()) && host.port_u16() == target.port_u16()
    })
}
