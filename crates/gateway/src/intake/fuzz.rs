//! What must hold for the host that a request names.

#![allow(clippy::expect_used, reason = "what fails is found")]

use http::header::HOST;
use http::{HeaderValue, Request, Version};
use panoply_core::{is_host, parse_host};

use super::host::of;

/// A `Host`, and behind a line a target's authority: told quickly as told thoroughly, and what passes is
/// one host, a name or an address, with or without a port.
pub fn host(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (value, target) = (lines.next().unwrap_or_default(), lines.next());
    assert_eq!(is_host(value), parse_host(value).is_some(), "{value:?}");
    let mut request = Request::builder().version(Version::HTTP_11);
    if let Ok(host) = HeaderValue::from_bytes(value) {
        request = request.header(HOST, host);
    }
    if let Some(Ok(target)) = target.map(str::from_utf8) {
        request = request.uri(format!("http://{target}/"));
    }
    let Ok(request) = request.body(()) else {
        return;
    };
    if of(&request).is_ok() {
        let host = request.headers().get(HOST).expect("HTTP/1.1 must name one");
        let authority = parse_host(host.as_bytes()).expect("it passed");
        assert!(
            authority
                .as_str()
                .bytes()
                .all(|byte| byte.is_ascii_graphic())
        );
        assert!(!authority.as_str().contains(['@', '/', ',', '?', '#']));
        if let Some(target) = request.uri().authority() {
            assert!(target.host().eq_ignore_ascii_case(authority.host()));
        }
    }
}
