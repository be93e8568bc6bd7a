//! Every way of writing one name.

use http::Request;
use proptest::prelude::*;

use super::*;

fn read(uri: &str, content_type: &str, body: &[u8]) -> Result<Vec<String>, Unreadable> {
    let request = Request::builder()
        .uri(uri)
        .header("content-type", content_type)
        .body(());
    let (parts, ()) = request.unwrap().into_parts();
    names(&parts, body, &Field::at(&["username"]))
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn forms() {
    for body in [
        "username=alice&password=x",
        "a=b&username=alice",
        "user%6eame=alice",
        "USERNAME=%61lice",
        "username[]=alice",
        "username%5B%5D=alice",
        "username[0]=alice",
        "username[x][y]=alice",
        "x=1;username=alice",
        "+username=alice",
    ] {
        assert_eq!(
            read("/", FORM, body.as_bytes()).unwrap(),
            ["alice"],
            "{body}"
        );
        assert_eq!(
            read("/", "text/plain", body.as_bytes()).unwrap(),
            ["alice"],
            "{body}"
        );
    }
    assert_eq!(read("/", FORM, b"username=a+b").unwrap(), ["a b"]);
    assert_eq!(read("/", FORM, b"username=a%20b").unwrap(), ["a b"]);
    assert_eq!(
        read("/", FORM, b"username=a&username=b").unwrap(),
        ["a", "b"]
    );
    assert_eq!(
        read("/?username=b", FORM, b"username=a").unwrap(),
        ["a", "b"]
    );
    assert_eq!(read("/", FORM, b"username=jos%E9").unwrap()[0], "jos\u{e9}");
    assert_eq!(read("/", FORM, b"username=jos%C3%A9").unwrap(), ["josé"]);
    let latin = format!("{FORM}; charset=iso-8859-1");
    let both = read("/", &latin, b"username=jos%C3%A9").unwrap();
    assert_eq!(both, ["josÃ©", "josé"]);
    assert!(read("/", FORM, b"name=alice").unwrap().is_empty());
    let many: Vec<String> = (0..17).map(|number| format!("username={number}")).collect();
    let many = many.join("&");
    assert_eq!(read("/", FORM, many.as_bytes()), Err(Unreadable::TooMany));
}

#[test]
fn json_however_it_is_called() {
    for content_type in [
        "application/json",
        "text/plain",
        FORM,
        "application/csp-report",
        "",
    ] {
        for body in [
            r#"{"username":"alice"}"#,
            r#" {"x":{"username":"bob"},"username":["alice"]}"#,
            r#"{"user\u006eame":"\u0061lice"}"#,
            r#"{"username":{"$eq":"alice"}}"#,
            "\u{feff}{\"Username\":\"alice\"}",
        ] {
            assert_eq!(
                read("/", content_type, body.as_bytes()).unwrap(),
                ["alice"],
                "{body}"
            );
        }
    }
    let twice = br#"{"username":"a","username":"b"}"#;
    assert_eq!(read("/", "application/json", twice).unwrap(), ["a", "b"]);
    for number in ["1000", "1e3", "1000.0"] {
        let body = format!("{{\"username\":{number}}}");
        assert_eq!(read("/", "", body.as_bytes()).unwrap(), ["1000"]);
    }
    for hidden in [
        r#"{"a":"\ud800","username":"alice"}"#,
        "{\"username\":\"alice\"",
        "[1] x",
    ] {
        let read = read("/", "application/json", hidden.as_bytes());
        assert_eq!(read, Err(Unreadable::Malformed), "{hidden}");
    }
    assert!(read("/", "application/json", b"").unwrap().is_empty());
    let field = Field::at(&["user.email"]);
    let mut found = Vec::new();
    json::names(br#"{"user":{"email":"a"},"email":"b"}"#, &field, &mut found).unwrap();
    form::names(
        b"user[email]=c&user.email=d&email=e",
        &field,
        false,
        &mut found,
    );
    assert_eq!(found, ["a", "c", "d"]);
}

#[test]
fn multipart_forms() {
    let body = |head: &str| format!("--b\r\n{head}\r\n\r\nalice\r\n--b--\r\n");
    for head in [
        "Content-Disposition: form-data; name=\"username\"",
        "content-disposition:form-data;name=username",
        "Content-Disposition: form-data; filename=\"x\"; NAME=\"user\\name\"",
        "Content-Disposition: form-data; name*=utf-8''user%6eame",
        "Content-Disposition: form-data; name=\"username[]\"",
    ] {
        for content_type in [
            "multipart/form-data; boundary=b",
            "multipart/mixed; boundary=\"b\"",
        ] {
            let read = read("/", content_type, body(head).as_bytes()).unwrap();
            assert_eq!(read, ["alice"], "{head}");
        }
    }
    assert!(read("/", "multipart/form-data", body("x: y").as_bytes()).is_err());
    let encoded =
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=username";
    assert!(
        read(
            "/",
            "multipart/form-data; boundary=b",
            body(encoded).as_bytes()
        )
        .is_err()
    );
}

#[test]
fn charsets_in_which_a_name_could_hide_are_refused() {
    for charset in ["utf-8", "UTF-8", "\"utf-8\"", "iso-8859-1"] {
        let content_type = format!("application/json; charset={charset}");
        assert!(read("/", &content_type, b"{}").is_ok(), "{charset}");
    }
    for charset in [
        "utf-16",
        "utf-16le",
        "utf-7",
        "utf-32",
        "\"utf-7\"",
        "ibm037",
    ] {
        let content_type = format!("application/json; charset={charset}");
        assert_eq!(
            read("/", &content_type, b"{}"),
            Err(Unreadable::Charset),
            "{charset}"
        );
    }
}

#[test]
fn basic_credentials() {
    for value in [
        "Basic YWxpY2U6eA==",
        "basic  YWxpY2U6eA",
        "BASIC YWxpY2U6eA==",
    ] {
        let request = Request::builder().header("authorization", value).body(());
        let (parts, ()) = request.unwrap().into_parts();
        assert_eq!(
            names(&parts, b"", &Field::at(&["username"])).unwrap(),
            ["alice"]
        );
    }
}

proptest! {
    #[test]
    fn nothing_that_is_sent_breaks_it(body: Vec<u8>, kind in 0..4_usize) {
        let kinds = ["application/json", FORM, "multipart/form-data; boundary=x", ""];
        drop(read("/?username=%", kinds[kind], &body));
    }

    #[test]
    fn what_a_browser_sends_is_read(name in "[^\r\n]{1,40}") {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("username", &name)
            .finish();
        let found = read("/", FORM, body.as_bytes()).unwrap();
        prop_assert!(found.contains(&name));
        let body = serde_json::json!({ "username": name }).to_string();
        prop_assert_eq!(read("/", "application/json", body.as_bytes()).unwrap(), [name]);
    }
}
