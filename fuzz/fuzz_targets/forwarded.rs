//! Whatever stands in the headers, the client is the peer or an address that stands there.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use panoply_client::{ClientConfig, Header};
use panoply_core::Scheme;

fuzz_target!(|input: (&[u8], &[u8], u8)| {
    let (list, forwarded, hops) = input;
    let mut headers = HeaderMap::new();
    for line in list.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value.clone());
            headers.append("x-forwarded-proto", value.clone());
            headers.append("x-forwarded-host", value);
        }
    }
    if let Ok(value) = HeaderValue::from_bytes(forwarded) {
        headers.append("forwarded", value);
    }
    let peer = "192.0.2.1:4711".parse().expect("an address");
    for header in [Header::XForwardedFor, Header::Forwarded] {
        let client = ClientConfig::new()
            .hops(hops)
            .header(header)
            .build()
            .expect("hops are valid");
        let found = client.resolve(peer, Scheme::Http, &headers);
        assert!(hops > 0 || found.ip() == peer.ip());
        if let Some(host) = found.forwarded_host() {
            assert!(!host.as_str().contains(['/', '@', '?', '#', ' ']));
        }
    }
});
