//! What PHP makes of a key, a part's head and a body, which no parser of Node's does.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

use super::{FORM, Login};

/// Keys of forms and of queries.
pub(crate) fn keys() -> Vec<Login> {
    let keys = [
        "username",
        "username%00",
        "username%00x",
        "username%00[x]",
        "+username",
        "%20%20username%00",
        "user%6eame",
    ];
    let forms = keys.map(|key| Login::of("php", FORM, format!("{key}=alice&password=x")));
    let behind = keys.map(|key| Login::of("php", FORM, format!("username=bob&{key}=alice")));
    let queries = keys
        .map(|key| Login::of("php", FORM, "password=x").to("POST", format!("/login?{key}=alice")));
    forms.into_iter().chain(behind).chain(queries).collect()
}

/// Heads of parts.
pub(crate) fn parts() -> Vec<Login> {
    let kind = "multipart/form-data; boundary=b";
    let of = |name: &str| {
        let head = format!("Content-Disposition: form-data; name={name}");
        let body = format!("--b\r\n{head}\r\n\r\nalice\r\n--b--\r\n");
        Login::of("php", kind, body)
    };
    let names = [
        "username",
        "\"username\"",
        "'username'",
        "'username'x",
        "\"username\0x\"",
        "\"username\"; name=\"x\"; name=username",
    ];
    names.map(of).into()
}

/// JSON, which an app of PHP's reads whatever it is called.
pub(crate) fn json() -> Vec<Login> {
    let bodies = [
        r#"{"username":"alice"}"#,
        r#" {"\u0075sername":"alice","x":{"y":[]}}"#,
        r#"{"username":"bob","username":"alice"}"#,
    ];
    let kinds = ["application/json", "text/plain", FORM, ""];
    let of = |kind| bodies.map(|body| Login::of("php", kind, body));
    kinds.map(of).into_iter().flatten().collect()
}

/// Names that an app cleans before it reads them.
pub(crate) fn cleaned() -> Vec<Login> {
    let names = [
        "alice",
        "al%2541ice",
        "%2500alice%25fF",
        "al%26amp%3Bice",
        "al%26%3B%3Bice",
        "%3Cb%3Eal%3C/b%3Eice",
        "%3Ca+%22%3E%22%3Ealice",
        "alice%3C!--",
    ];
    let of = |name| Login::of("cleaned", FORM, format!("username={name}&password=x"));
    names.map(of).into()
}

/// A form in the name of a file that gzip keeps: PHP does not undo the encoding, and reads it.
pub(crate) fn within_gzip() -> Vec<Login> {
    let of = |compression| {
        let mut gzip = GzBuilder::new()
            .filename("&username=alice&password=x&")
            .write(Vec::new(), compression);
        gzip.write_all(b"username=bob").unwrap();
        gzip.finish().unwrap()
    };
    let sent =
        || Login::of("php", FORM, of(Compression::best())).header("Content-Encoding", "gzip");
    vec![
        sent(),
        // Then those apps that would undo it are not told of it.
        sent().header("Connection", "close, Content-Encoding"),
        Login::of("php", FORM, of(Compression::none())),
    ]
}
