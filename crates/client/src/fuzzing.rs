//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(clippy::expect_used, reason = "what fails is found")]

use http::{HeaderMap, HeaderValue};
use panoply_core::Scheme;

use crate::forwarded::address;
use crate::{ClientConfig, Header};

/// How many proxies there are, lines of lists, a NUL, and a `Forwarded`: the client is the peer or an
/// address that stands there, and what was forwarded is a host.
pub fn forwarded(data: &[u8]) {
    let Some((hops, lines)) = data.split_first() else {
        return;
    };
    let hops = hops.wrapping_sub(b'0') & 0x3f;
    let mut parts = lines.splitn(2, |byte| *byte == 0);
    let (lists, forwarded) = (parts.next(), parts.next());
    let mut headers = HeaderMap::new();
    for line in lists.unwrap_or_default().split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value.clone());
            headers.append("x-forwarded-proto", value.clone());
            headers.append("x-forwarded-host", value);
        }
    }
    if let Ok(value) = HeaderValue::from_bytes(forwarded.unwrap_or_default()) {
        headers.append("forwarded", value);
    }
    let peer = "192.0.2.1:4711".parse().expect("an address");
    for header in [Header::XForwardedFor, Header::Forwarded] {
        let client = ClientConfig::new().hops(hops).header(header).build();
        let client = client.expect("hops are valid");
        let found = client.resolve(peer, Scheme::Http, &headers);
        let stands_there = || {
            let words = lines.split(|byte| b",;=\n\0\"".contains(byte));
            let escaped = lines.contains(&b'\\');
            { words }.any(|word| address(word.trim_ascii()) == Some(found.ip())) || escaped
        };
        assert!(found.ip() == peer.ip() || (hops > 0 && stands_there()));
        if let Some(host) = found.forwarded_host() {
            assert!(!host.as_str().contains(['/', '@', '?', '#', ' ', '"', ',']));
        }
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[("forwarded", forwarded)]);
}
