//! `multipart/form-data`, as multer reads it.

use super::{Login, Reads};

const NAME: &str = "Content-Disposition: form-data; name=\"username\"";

/// One part with `head` and a name in it.
fn part(head: &str, value: &str) -> String {
    format!("--b\r\n{head}\r\n\r\n{value}\r\n")
}

fn whole(parts: &str) -> String {
    format!("{parts}--b--\r\n")
}

pub(crate) fn parts() -> Vec<Login> {
    let multer = |body: String| Login::of("multer", "multipart/form-data; boundary=b", body);
    let mut logins = Vec::new();
    for head in [
        NAME,
        "content-disposition:form-data;name=username",
        "CONTENT-DISPOSITION: Form-Data; NAME=\"username\"",
        "Content-Disposition: form-data; x=\"; name=bob\"; name=\"username\"",
        "Content-Disposition: form-data; x=\"--b\"; name=\"username\"",
        "Content-Disposition: form-data; x=\"\\\"\"; name=\"username\"",
        "Content-Disposition: form-data; name=\"username\"; name=\"password\"",
        "Content-Disposition: form-data;\r\n\tname=\"username\"",
        "Content-Disposition: form-data; \t name=username",
        "Content-Disposition: form-data; name=\"username[]\"",
        "Content-Disposition: form-data; name=\"username[0]\"",
        "Content-Disposition: form-data; name=\"username[x][]\"",
        "Content-Disposition: form-data; name=\"user[name]\"",
        "X-A: b\r\nContent-Disposition: form-data; name=\"username\"",
        "X-A: --b\r\nContent-Disposition: form-data; name=\"username\"",
        "Content-Disposition: form-data; name=\"username\"\r\nContent-Disposition: form-data; name=\"x\"",
        "Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"username\"",
        "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"username\"",
        "Content-Type: text/plain; charset=US-ASCII\r\nContent-Disposition: form-data; name=\"username\"",
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=\"username\"",
        "Content-Transfer-Encoding: 8bit\r\nContent-Disposition: form-data; name=\"username\"",
    ] {
        logins.push(multer(whole(&part(head, "alice"))));
    }
    for charset in [
        "utf16le",
        "UTF-16LE",
        "ucs2",
        "\"utf-16le\"",
        "utf-8; charset=utf-16le; x=y",
        "ucs-2",
    ] {
        let units: String = "alice".chars().flat_map(|letter| [letter, '\0']).collect();
        let login = multer(whole(&part(
            &format!("{NAME}\r\nContent-Type: text/plain; charset={charset}"),
            &units,
        )));
        logins.push(if charset.starts_with("utf-8") {
            login.reads(Reads::Nothing)
        } else {
            login
        });
    }
    let before = |text: &str| part("Content-Disposition: form-data; name=\"x\"", text);
    let hers = part(NAME, "alice");
    for body in [
        // What only looks like an end, or like a boundary.
        whole(&format!("{}{hers}", before("y--b--z"))),
        whole(&format!("{}{hers}", before("y\n--b--z"))),
        whole(&format!("{}{hers}", before("y--b\r\n"))),
        whole(&format!("{}{hers}", before("\r\n--"))),
        whole(&format!("{}{hers}", part(NAME, "bob"))),
        whole(&format!("\r\n{hers}")),
        whole(&format!("preamble\r\n{hers}")),
        whole(&format!("--\r\n--b-\r\n\r\n{hers}")),
        whole(&format!("\n--b\n\r\n{hers}")),
        format!("{hers}--b--\r\nepilogue"),
        format!("{hers}--b--"),
        whole(&format!("--b\r\n{NAME}\r\n\r\nalice")).replace("alice--b--", "alice\r\n--b--"),
        // The name stands in a value that another parser would read as a form.
        whole(&format!("{hers}{}", before("&username=bob&"))),
    ] {
        logins.push(multer(body));
    }
    for (kind, boundary) in [
        ("multipart/form-data; boundary=\"b\"", "b"),
        ("Multipart/Form-Data; Boundary=b", "b"),
        ("multipart/form-data;boundary=b;charset=utf-8", "b"),
        ("multipart/form-data; x=y; boundary=b", "b"),
        ("multipart/form-data; boundary=b; boundary=c", "b"),
        ("multipart/form-data; xboundary=c; boundary=b", "b"),
        ("multipart/form-data; x=\"boundary=c\"; boundary=b", "b"),
        ("multipart/form-data; boundary=\"b c\"", "b c"),
        ("multipart/form-data; boundary=\"b\\c\"", "b\\c"),
        ("multipart/form-data; boundary=\"b\\\"c\"", "b\"c"),
        ("multipart/form-data; boundary=\"b;c\"", "b;c"),
        ("multipart/form-data; boundary=b'c", "b'c"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundaryAbC",
            "----WebKitFormBoundaryAbC",
        ),
        ("multipart/form-data; boundary=b ", "b"),
        ("multipart/form-data; boundary=utf-8; x=charset", "utf-8"),
    ] {
        let body = whole(&hers).replace("--b", &format!("--{boundary}"));
        logins.push(Login::of("multer", kind, body));
    }
    logins.extend([
        Login::of("multer", "multipart/mixed; boundary=b", whole(&hers)).reads(Reads::Nothing),
        Login::of("multer", "multipart/form-data", whole(&hers)).reads(Reads::Nothing),
        multer(whole(&part(
            "Content-Disposition: form-data; name=username; filename=x",
            "alice",
        )))
        .reads(Reads::Nothing),
        multer(whole(&part(
            "Content-Disposition: attachment; name=username",
            "alice",
        )))
        .reads(Reads::Nothing),
        multer(whole(&part(
            "Content-Disposition: form-data; name*=utf-16le''u%00s%00",
            "alice",
        )))
        .reads(Reads::Nothing),
        Login::of(
            "multer-utf8",
            "multipart/form-data; boundary=b",
            whole(&hers),
        ),
        Login::of("multer", "multipart/form-data; boundary=b", whole(&hers)).chunked(),
        multer(whole(&part(NAME, "josé"))).user("josé"),
        Login::of(
            "multer",
            "multipart/form-data; boundary=b",
            [
                format!("--b\r\n{NAME}\r\nContent-Type: text/plain; charset=latin1\r\n\r\njos")
                    .into_bytes(),
                b"\xe9\r\n--b--".to_vec(),
            ]
            .concat(),
        )
        .user("josé"),
    ]);
    let password = part("Content-Disposition: form-data; name=\"password\"", "alice");
    for body in [
        whole(&format!("{}{password}", part(NAME, "bob"))),
        whole(&format!("{password}{}", part(NAME, "bob"))),
        whole(&part(
            &format!("{NAME}\r\nContent-Type: text/plain; charset=UTF-8"),
            "bob",
        )),
        whole(&part(
            &format!("{NAME}\r\nContent-Transfer-Encoding: binary"),
            "bob",
        )),
    ] {
        logins.push(multer(body).reads(Reads::Other));
    }
    logins
}
