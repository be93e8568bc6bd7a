//! What must hold for what is sent to a login, whatever it is.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails is found"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request};
use panoply_core::spelling::{canonical, is_canonical, loosely};
use panoply_core::{CounterKeys, Secret};

use super::body::{Coding, decoded};
use super::device::{DeviceSeal, derive};
use super::reading::{Field, names};

const KINDS: [&str; 6] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data; boundary=b",
    "text/plain",
    "",
    "application/x-www-form-urlencoded; charset=iso-8859-1",
];

/// The number of a kind and a body: the names that strict readers find are among those found here.
/// `a` is followed by a `Content-Type` of its own, a line with credentials, and the body.
pub fn login(data: &[u8]) {
    let Some((number, mut body)) = data.split_first() else {
        return;
    };
    let mut request = Request::builder().uri("/login?x=1");
    let mut kind = KINDS[usize::from(number.wrapping_sub(b'0')) % KINDS.len()];
    if *number == b'a' {
        kind = "";
        for header in [CONTENT_TYPE, AUTHORIZATION] {
            let end = body.iter().position(|byte| *byte == b'\n');
            let (line, rest) = body.split_at(end.unwrap_or(body.len()));
            body = rest.get(1..).unwrap_or_default();
            if let Ok(value) = HeaderValue::from_bytes(line) {
                request = request.header(header, value);
            }
        }
    } else if !kind.is_empty() {
        request = request.header(CONTENT_TYPE, kind);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let found = names(&parts, body, None, &Field::at(&["username"]));
    let _ = names(&parts, body, None, &Field::Usual);
    let Ok(found) = found else {
        return;
    };
    assert!(found.is_sorted() && found.len() <= 16);
    for name in strict(kind, body) {
        assert!(found.contains(&name), "{name:?} is not in {found:?}");
    }
}

/// The names that readers which take nothing odd find.
fn strict(kind: &str, body: &[u8]) -> Vec<String> {
    match kind {
        "application/x-www-form-urlencoded" => form_urlencoded::parse(body)
            .filter(|(key, _)| key == "username")
            .map(|(_, value)| value.into_owned())
            .collect(),
        "application/json" => {
            let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
            let name = value.get("username").and_then(|name| name.as_str());
            name.map(str::to_owned).into_iter().collect()
        }
        "multipart/form-data; boundary=b" => {
            let Some(rest) = str::from_utf8(body)
                .ok()
                .and_then(|text| text.strip_prefix("--b\r\n"))
            else {
                return Vec::new();
            };
            let whole = rest.split("\r\n--b--").next().unwrap_or_default();
            let head = "Content-Disposition: form-data; name=\"username\"\r\n\r\n";
            let parts = whole.split("\r\n--b\r\n");
            parts
                .filter_map(|part| part.strip_prefix(head))
                .map(str::to_owned)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The number of an encoding and a body in it: no more than allowed comes out, and what was encoded
/// here comes out as it was.
pub fn coding(data: &[u8]) {
    let Some((number, body)) = data.split_first() else {
        return;
    };
    let codings = ["gzip", "deflate", "br", "identity", "x-gzip", "gzip, br"];
    let coding = codings[usize::from(number.wrapping_sub(b'0')) % codings.len()];
    let of = |coding: &'static str| {
        HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))])
    };
    let bound = 1 << 16;
    if let Ok(bytes) = decoded(&of(coding), body.to_vec(), bound) {
        assert!(coding == "identity" || bytes.len() as u64 <= bound);
        // Less room is never more.
        let less = bytes.len() as u64 / 2;
        let again = decoded(&of(coding), body.to_vec(), less);
        assert!(coding == "identity" || bytes.is_empty() || again == Err(Coding::TooLong));
    }
    let level = flate2::Compression::fast();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(body).expect("into memory");
    let gzip = gzip.finish().expect("into memory");
    assert_eq!(
        decoded(&of("gzip"), gzip, body.len() as u64).as_deref(),
        Ok(body)
    );
    let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), level);
    bare.write_all(body).expect("into memory");
    let bare = bare.finish().expect("into memory");
    if let Ok(read) = decoded(&of("deflate"), bare, body.len() as u64) {
        assert_eq!(read, body);
    }
}

static DEVICES: LazyLock<(CounterKeys, DeviceSeal)> =
    LazyLock::new(|| derive(&Secret::new(vec![1; 32])).expect("long enough"));

/// A device cookie that nobody has sealed does not open; one that was sealed does, and is its user's.
pub fn device(data: &[u8]) {
    let (keys, seal) = &*DEVICES;
    if let Ok(text) = str::from_utf8(data) {
        assert_eq!(seal.open(text), None, "nobody has sealed it");
    }
    let user = keys.key("user", &[data]);
    let cookie = seal.seal(user, None).expect("random bytes");
    let device = seal.open(&cookie).expect("it was sealed here");
    assert_eq!(device.user(), user);
}

/// A path: what is taken for canonical without a look at it is so, and steps up lead nowhere.
pub fn path(data: &[u8]) {
    let Ok(path) = str::from_utf8(data) else {
        return;
    };
    let found = canonical(path);
    assert!(found.starts_with('/') && !found.contains("//") && !found.contains('\\'));
    assert!(
        !found
            .split('/')
            .any(|segment| segment == ".." || segment == ".")
    );
    if is_canonical(path) {
        let bare = path.trim_end_matches('/');
        assert_eq!(found, if bare.is_empty() { "/" } else { bare });
    }
    // However it is encoded, it is the same one.
    let encoded = path.bytes().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "%{byte:02x}");
        text
    });
    if !path.contains('%') {
        assert_eq!(canonical(&encoded), found, "{encoded}");
        let twice = encoded.replace('%', "%25");
        assert_eq!(canonical(&twice), found, "{twice}");
    }
    // Nor does it hide in letters that are longer than they may be.
    if !path.contains('%') && path.is_ascii() {
        let long = path.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "%{:02x}%{:02x}", 0xC0 | byte >> 6, 0x80 | byte & 0x3F);
            text
        });
        let read = |path: &str| {
            let known = canonical(path);
            let read = loosely(path, &known, true).into_iter().next();
            read.unwrap_or_else(|| known.into_owned())
        };
        assert_eq!(read(&long), read(path), "{long}");
    }
}
