//! What a body is called, and how it is packed.

use std::io::Write as _;

use super::{FORM, JSON, Login, Reads};

const HER_FORM: &str = "username=alice&password=x";
const HER_JSON: &str = "{\"username\":\"alice\",\"password\":\"x\"}";

/// Content types and character sets.
pub(crate) fn kinds() -> Vec<Login> {
    let mut logins = Vec::new();
    for kind in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-URLencoded",
        " application/x-www-form-urlencoded\t",
        "application/x-www-form-urlencoded;",
        "application/x-www-form-urlencoded ; charset = utf-8",
        "application/x-www-form-urlencoded; charset=utf-8; charset=utf-7",
        "application/x-www-form-urlencoded; charset=\"UTF-8\"",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded; x=json",
        "application/x-www-form-urlencoded; x=application/json",
        "application/x-www-form-urlencoded; x=multipart; boundary=b",
        "application/x-www-form-urlencoded; x=\"multipart/form-data; boundary=b\"",
        "application/x-www-form-urlencoded;;;x",
    ] {
        for app in ["simple", "extended", "any-form"] {
            logins.push(Login::of(app, kind, HER_FORM));
        }
        let hidden = "{\"x\":\"&username=alice&\"}";
        logins.push(Login::of("simple", kind, hidden));
    }
    for kind in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json; charset=UTF-8; charset=utf-16le",
        "application/json; charset=utf--8",
        "application/json; charset=utf-8:2000",
        "application/json; x=multipart; boundary=b",
        "application/json; x=application/x-www-form-urlencoded",
    ] {
        logins.push(Login::of("simple", kind, HER_JSON));
        logins.push(Login::of("loose", kind, HER_JSON));
    }
    for kind in [
        "text/json",
        "text/plain",
        "application/vnd.api+json",
        "application/problem+JSON; charset=utf-8",
        "text/x; charset=utf-8",
    ] {
        logins.push(Login::of("loose", kind, HER_JSON));
    }
    for kind in [
        "",
        "x",
        "*/*",
        "image/png",
        "application/octet-stream",
        "text/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-7",
    ] {
        logins.push(Login::of("raw-json", kind, HER_JSON));
        logins.push(Login::of("raw-json", kind, format!("\n\t {HER_JSON}")));
    }
    for kind in [
        "",
        "text/plain",
        "application/x-json",
        "multipart/form-data; boundary=b",
    ] {
        logins.push(Login::of("any-form", kind, HER_FORM));
        logins.push(Login::of("text-form", kind, HER_FORM));
        logins.push(Login::of("any-json", kind, HER_JSON));
        logins.push(Login::of("text-json", kind, HER_JSON));
    }
    logins.push(Login::of("any-form", JSON, HER_FORM));
    logins.push(Login::of("any-form", JSON, "{\"x\":\"&username=alice&\"}"));
    logins.push(Login::of(
        "any-form",
        "multipart/form-data; boundary=b",
        "--b\r\n&username=alice&\r\n--b--",
    ));
    logins.push(Login::of("simple", FORM, HER_FORM).header("Content-Type", JSON));
    logins.push(
        Login::of("simple", JSON, HER_JSON)
            .header("Content-Type", "multipart/form-data; boundary=b"),
    );
    let utf7 = "{\"username\":\"+AGEAbABpAGMAZQ-\"}";
    for kind in [
        "application/json; charset=utf-7",
        "application/json; charset=UTF-7; charset=utf-8",
        "application/json; xcharset=utf-8; charset=utf-7",
        "application/json; x=\"charset=utf-8\"; charset=utf-7",
        "application/json; x=\"; charset=utf-8\"; charset=utf-7",
        "application/json;charset=\"utf\\-7\"",
        "application/json; charset*=utf-8; charset=utf-7",
        "application/json; charset=utf-!7",
        "application/json; CharSet = \"utf-7\"",
    ] {
        logins.push(Login::of("simple", kind, utf7));
        logins.push(Login::of("text-json", kind, utf7));
    }
    let imap = "{\"username\":\"&AGE-lice\"}";
    logins.push(Login::of(
        "simple",
        "application/json; charset=utf-7-imap",
        imap,
    ));
    for (charset, units) in [
        ("utf-16", wide(HER_JSON, 2, false)),
        ("utf-16le", wide(HER_JSON, 2, false)),
        ("utf-16be", wide(HER_JSON, 2, true)),
        ("utf-16-be", wide(HER_JSON, 2, true)),
        ("utf-32", wide(HER_JSON, 4, false)),
        ("utf-32be", wide(HER_JSON, 4, true)),
    ] {
        for kind in [
            format!("application/json; charset={charset}"),
            format!("application/json; xcharset=utf-8; charset={charset}"),
        ] {
            logins.push(Login::of("simple", &kind, units.clone()));
            logins.push(Login::of("text-json", &kind, units.clone()));
        }
    }
    for (charset, body) in [
        ("utf-7", "username=+AGE-lice"),
        ("utf-7-imap", "username=&AGE-lice"),
    ] {
        let kind = format!("text/plain; charset={charset}");
        let login = Login::of("text-form", &kind, body);
        logins.push(login);
    }
    logins.push(Login::of(
        "text-json",
        "text/plain; charset=us-ascii",
        HER_JSON,
    ));
    logins.push(
        Login::of(
            "text-json",
            "text/plain; charset=latin1",
            b"{\"username\":\"jos\xe9\"}".to_vec(),
        )
        .user("josé"),
    );
    logins.push(
        Login::of(
            "text-form",
            "text/plain; charset=windows-1252",
            b"username=jos\xe9".to_vec(),
        )
        .user("josé"),
    );
    for login in [
        Login::of(
            "simple",
            "application/json; charset=utf-8",
            "{\"username\":\"bob\"}",
        ),
        Login::of(
            "simple",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "username=bob",
        ),
        Login::of(
            "loose",
            "text/plain;charset=UTF-8",
            "{\"username\":\"bob\"}",
        ),
    ] {
        logins.push(login.reads(Reads::Other));
    }
    logins
}

/// The same text in units of two or four bytes.
fn wide(text: &str, size: usize, big: bool) -> Vec<u8> {
    let unit = |byte: u8| {
        let mut unit = vec![0; size];
        unit[if big { size - 1 } else { 0 }] = byte;
        unit
    };
    text.bytes().flat_map(unit).collect()
}

/// gzip, deflate, br, and chunks.
pub(crate) fn codings() -> Vec<Login> {
    let gzip = gzipped(HER_FORM.as_bytes());
    let with = |coding: &str, body: &[u8]| {
        Login::of("simple", FORM, body).header("Content-Encoding", coding)
    };
    let halves = [gzipped(b"username="), gzipped(b"alice")].concat();
    let garbage = [gzip.clone(), b"garbage".to_vec()].concat();
    let zeroes = [gzip.clone(), vec![0; 16]].concat();
    let hers_then_his = [gzip.clone(), gzipped(b"&username=bob")].concat();
    let json = Login::of("simple", JSON, gzipped(HER_JSON.as_bytes()));
    vec![
        with("gzip", &gzip),
        with("GZip", &gzip),
        with(" gzip ", &gzip),
        with("gzip", &gzip).chunked(),
        with("gzip", &halves),
        with("gzip", &hers_then_his),
        with("gzip", &garbage).reads(Reads::Nothing),
        with("gzip", &zeroes),
        with("deflate", &zlib(HER_FORM.as_bytes())),
        with("Deflate", &zlib(HER_FORM.as_bytes())),
        with(
            "deflate",
            &[zlib(HER_FORM.as_bytes()), b"username=bob".to_vec()].concat(),
        ),
        with("deflate", &deflated(HER_FORM.as_bytes())).reads(Reads::Nothing),
        with("br", &brotli(HER_FORM.as_bytes())),
        with("BR", &brotli(HER_FORM.as_bytes())).chunked(),
        with(
            "br",
            &[brotli(HER_FORM.as_bytes()), b"garbage".to_vec()].concat(),
        ),
        json.header("Content-Encoding", "gzip"),
        Login::of("raw-json", "", brotli(HER_JSON.as_bytes())).header("Content-Encoding", "br"),
        with("identity", HER_FORM.as_bytes()),
        with("Identity", HER_FORM.as_bytes()).chunked(),
        with("", HER_FORM.as_bytes()),
        with("x-gzip", &gzip).reads(Reads::Nothing),
        with("gzip", &gzip)
            .header("Content-Encoding", "gzip")
            .reads(Reads::Nothing),
        with("gzip, identity", &gzip).reads(Reads::Nothing),
        with("zstd", &gzip).reads(Reads::Nothing),
        with("gzip", &gzip[..gzip.len() - 8]).reads(Reads::Nothing),
        with("gzip", HER_FORM.as_bytes()).reads(Reads::Nothing),
        Login::plain("alice").chunked(),
        Login::of("extended", JSON, HER_JSON).chunked(),
        Login::plain("alice").header("Expect", "100-continue"),
        with("gzip", &gzipped(b"username=bob")).reads(Reads::Other),
        with("deflate", &zlib(b"username=bob"))
            .chunked()
            .reads(Reads::Other),
        with("br", &brotli(b"username=bob")).reads(Reads::Other),
        with("gzip", &[gzipped(b"username="), gzipped(b"bob")].concat()).reads(Reads::Other),
    ]
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// One block that is not compressed (RFC 7932 §9.2), then the empty last one.
fn brotli(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len() - 1).unwrap();
    // A window of 16 bits; not the last; lengths in four nibbles; not compressed.
    let head = (length << 4) | (1 << 20);
    let mut bytes = head.to_le_bytes()[..3].to_vec();
    bytes.extend_from_slice(text);
    bytes.push(3);
    bytes
}
