//! The one host that a request is for.

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Version};
use panoply_core::{is_host, parse_host};

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
        if !is_host(target.as_str().as_bytes()) {
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

fn same(host: &[u8], target: &Authority) -> bool {
    parse_host(host).is_some_and(|host| {
        host.host().eq_ignore_ascii_case(target.host()) && host.port_u16() == target.port_u16()
    })
}
