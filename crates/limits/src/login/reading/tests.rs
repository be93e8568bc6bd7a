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
    names(&parts, body, None, &Field::at(&["username"]))
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
fn keys_as_php_has_them() {
    for key in ["username%00", "username%00x", "username%00[x]"] {
        let body = format!("{key}=alice");
        assert_eq!(
            read("/", FORM, body.as_bytes()).unwrap(),
            ["alice"],
            "{key}"
        );
        let uri = format!("/?{key}=alice");
        assert_eq!(read(&uri, FORM, b"").unwrap(), ["alice"], "{key}");
    }
    // An open bracket is no letter of a name, and becomes one that is.
    let (parts, ()) = Request::new(()).into_parts();
    for (field, key) in [
        (Field::at(&["user_name"]), "user[name"),
        (Field::at(&["user_name"]), "user[name%00x"),
        (Field::Usual, "user[id"),
    ] {
        let body = format!("{key}=alice");
        let found = names(&parts, body.as_bytes(), None, &field).unwrap();
        assert_eq!(found, ["alice"], "{key}");
    }
    // Old parsers split a query so as well.
    assert_eq!(read("/?a;username=alice", FORM, b"").unwrap(), ["alice"]);
}

#[test]
fn a_mark_of_wide_letters_is_refused_whatever_they_are_called() {
    let json = r#"{"username":"alice"}"#;
    let little: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let wide: Vec<u8> = json
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    for (mark, text) in [
        (&b"\xff\xfe"[..], &little),
        (b"\xfe\xff", &big),
        (b"\0\0\xfe\xff", &wide),
    ] {
        for kind in ["", "text/plain", FORM, "application/json", "image/png"] {
            let body = [mark, text].concat();
            assert!(read("/", kind, &body).is_err(), "{kind} {mark:?}");
            // Without a mark it begins with a bracket, and is no JSON of ours.
            assert!(read("/", kind, text).is_err(), "{kind}");
        }
    }
}

/// PHP, Django and Flask do not undo an encoding, Node does.
#[test]
fn a_body_is_read_as_it_came_as_well() {
    let read = |kind: &str, decoded: &str, as_sent: &[u8]| {
        let request = Request::builder().header("content-type", kind).body(());
        let (parts, ()) = request.unwrap().into_parts();
        names(&parts, decoded.as_bytes(), Some(as_sent), &Field::Usual)
    };
    // The name of a file in gzip's head.
    let gzip = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff&username=alice&\0\x4b\x4c";
    let both = read(FORM, "username=bob", gzip).unwrap();
    assert_eq!(both, ["alice", "bob"]);
    let plain = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x4b\x4c";
    assert_eq!(read(FORM, "username=bob", plain).unwrap(), ["bob"]);
    for (kind, as_sent) in [
        ("application/json", &b" {\"username\":\"alice\"}"[..]),
        ("multipart/form-data; boundary=b", plain),
    ] {
        assert!(read(kind, "", as_sent).is_err(), "{kind}");
    }
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
    let mut found = Vec::new();
    let variables =
        r#"[{"query":"mutation($e:String){login(email:$e){id}}","variables":{"email":"alice"}}]"#;
    json::names(variables.as_bytes(), &Field::Usual, &mut found).unwrap();
    assert_eq!(found, ["alice"], "GraphQL");
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
            "x; multipart/form-data; boundary=b",
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
fn no_more_fields_are_looked_at_than_apps_read() {
    let form =
        |separator: &str, fields: usize| vec!["a"; fields].join(separator) + "&username=alice";
    for separator in ["&", ";", "&b;"] {
        let each = separator.matches(['&', ';']).count();
        let most = MOST_FIELDS / each;
        let read = |fields| read("/", FORM, form(separator, fields).as_bytes());
        assert!(read(most - 1).unwrap().contains(&"alice".to_owned()));
        assert_eq!(read(most + 1), Err(Unreadable::Malformed), "{separator}");
    }
    let query = format!("/?{}", form("&", MOST_FIELDS + 1));
    assert_eq!(read(&query, FORM, b""), Err(Unreadable::Malformed));
    // To JSON, and to parts, a semicolon is a letter.
    let text = format!("{{\"x\":\"{}\"}}", ";".repeat(2 * MOST_FIELDS));
    assert!(read("/", "application/json", text.as_bytes()).is_ok());
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
fn a_form_is_read_whatever_else_it_looks_like() {
    for body in [
        r#"{"x":"&username=alice&"}"#,
        r#"["&username=alice&"]"#,
        "--b&username=alice&",
        "username[=]=alice",
        "username[a=b]=alice",
        "username%5Ba=b%5D=alice",
        "?username=alice",
    ] {
        for content_type in [FORM, "", "application/x-www-form-urlencoded; x=json"] {
            let found = read("/", content_type, body.as_bytes()).unwrap();
            assert!(found.contains(&"alice".to_owned()), "{content_type} {body}");
        }
    }
    let quoted = format!("{FORM}; x=multipart; boundary=b");
    let refused = read("/", &quoted, b"username=alice");
    assert_eq!(refused, Err(Unreadable::Malformed));
    let json = br#"{"x":"&username=alice&"}"#;
    assert_eq!(read("/", "application/json", json).unwrap(), ["alice"]);
    let spaced = "\u{a0}\u{feff}{\"username\":\"alice\"}";
    let refused = read("/", "text/plain", spaced.as_bytes());
    assert_eq!(refused, Err(Unreadable::Malformed));
}

#[test]
fn entities_and_the_sentinel_of_latin() {
    let both = read("/", FORM, b"username=%26%2397%3Blice").unwrap();
    assert_eq!(both, ["&#97;lice", "alice"]);
    let body = "utf8=%26%2310003%3B&username=jos%C3%A9";
    let both = read("/", FORM, body.as_bytes()).unwrap();
    assert_eq!(both, ["josÃ©", "josé"]);
    let checked = "utf8=%E2%9C%93&username=jos%C3%A9";
    assert_eq!(read("/", FORM, checked.as_bytes()).unwrap(), ["josé"]);
}

#[test]
fn numbers_are_named_as_javascript_names_them() {
    for (number, name) in [
        ("-0", "0"),
        ("-0.0", "0"),
        ("1e21", "1e+21"),
        ("-1.5e300", "-1.5e+300"),
        ("1e-7", "1e-7"),
        ("123456789012345680000", "123456789012345680000"),
        ("9007199254740993", "9007199254740992"),
        ("12345678.000000000000000001", "12345678"),
    ] {
        let body = format!("{{\"username\":{number}}}");
        assert_eq!(read("/", "", body.as_bytes()).unwrap(), [name], "{number}");
    }
}

#[test]
fn a_prototype_or_a_place_in_a_list_does_not_hide_a_field() {
    let field = Field::at(&["user.name"]);
    for body in [
        r#"{"__proto__":{"user":{"name":"a"}}}"#,
        r#"{"user":[{"name":"a"}]}"#,
        r#"[{"user":{"name":["a"]}}]"#,
    ] {
        let mut found = Vec::new();
        json::names(body.as_bytes(), &field, &mut found).unwrap();
        assert_eq!(found, ["a"], "{body}");
    }
    let mut found = Vec::new();
    form::names(b"user[name]x=a&user[0]x[name]=b", &field, false, &mut found);
    assert_eq!(found, ["a", "b"]);
}

const PART: &str = "Content-Disposition: form-data; name=\"username\"\r\n";

#[test]
fn parts_that_only_one_parser_would_read_are_refused() {
    let kind = "multipart/form-data; boundary=b";
    let other = "Content-Disposition: form-data; name=\"x\"\r\n";
    let hers = format!("--b\r\n{PART}\r\nalice\r\n--b--\r\n");
    let malformed = [
        format!("preamble\r\n{hers}"),
        hers.replacen("--b\r\n", "--b--\r\n", 1),
        format!("{hers}epilogue"),
        format!("--b\r\n{other}\r\ny--b--z\r\n{hers}"),
        format!("--b\r\n{other}\r\ny\n--b--\r\n{hers}"),
        hers.replace("form-data;", "form-data; x=\"--b\";"),
        hers.replace("\r\n", "\n"),
        hers.replace("form-data;", "form-data;\n"),
        hers.replace("name=\"username\"", "name*0=\"user\"; name*1=\"name\""),
        hers.replace("--b\r\n", "--bc\r\n"),
        hers.replace("--b\r\n", "--b \r\n"),
        format!("--b\r\n\r\nx\r\n{hers}"),
        "username=alice".to_owned(),
        hers.replace("form-data;", &format!("form-data;{}", " name=".repeat(17))),
        hers.replace(
            "form-data;",
            &format!("form-data; x={};", "y".repeat(8 * 1024)),
        ),
    ];
    for body in malformed {
        let read = read("/", kind, body.as_bytes());
        assert_eq!(read, Err(Unreadable::Malformed), "{body}");
    }
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; xboundary=c; boundary=b",
        "multipart/form-data; boundary*=c; boundary=b",
        "multipart/form-data; boundary = c; boundary=b",
        "multipart/form-data; boundary=\"b\\c\"",
    ] {
        let read = read("/", kind, hers.as_bytes());
        assert_eq!(read, Err(Unreadable::Malformed), "{kind}");
    }
    for charset in ["utf-16le", "\"UCS2\"", "base64"] {
        let head = format!("{PART}Content-Type: text/plain; charset={charset}\r\n");
        let body = hers.replace(PART, &head);
        let read = read("/", kind, body.as_bytes());
        assert_eq!(read, Err(Unreadable::Charset), "{charset}");
    }
}

#[test]
fn parts_as_clients_send_them() {
    let kind = "multipart/form-data; boundary=\"b c\"";
    for more in [
        "",
        "Content-Type: text/plain; charset=UTF-8\r\n",
        "Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n",
        "Content-Length: 5\r\nContent-Transfer-Encoding: binary\r\n",
    ] {
        let body = format!("--b c\r\n{PART}{more}\r\nalice\r\n--b c--");
        assert_eq!(
            read("/", kind, body.as_bytes()).unwrap(),
            ["alice"],
            "{more}"
        );
    }
    assert!(read("/", kind, b"").unwrap().is_empty());
    assert!(read("/", kind, b"--b c--\r\n").unwrap().is_empty());
    // What Chromium, Safari and Firefox write; the word itself is in it.
    for boundary in [
        "----WebKitFormBoundaryIrNl7ZMUHU64VyJY",
        "----geckoformboundary4a9b2d0c5f1e",
        "---------------------------92346720413271",
    ] {
        let kind = format!("multipart/form-data; boundary={boundary}");
        let body = format!("--{boundary}\r\n{PART}\r\nalice\r\n--{boundary}--\r\n");
        let found = read("/", &kind, body.as_bytes()).unwrap();
        assert_eq!(found, ["alice"], "{boundary}");
    }
    let after_the_end = format!("--b c--\r\n--b c\r\n{PART}\r\nalice\r\n--b c--");
    let found = read("/", kind, after_the_end.as_bytes()).unwrap();
    assert_eq!(found, ["alice"]);
}

#[test]
fn of_two_content_types_neither_is_believed() {
    let request = Request::builder()
        .header("content-type", FORM)
        .header("content-type", "application/json");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let read = names(&parts, b"username=alice", None, &Field::Usual);
    assert_eq!(read, Err(Unreadable::Malformed));
}

#[test]
fn digest_credentials() {
    for value in [
        r#"Digest username="alice", realm="x""#,
        r#"DIGEST realm="x",username = "alice""#,
        "Digest username=alice, realm=x",
        "Digest username*=UTF-8''%61lice",
        r#"Digest username="al\ice""#,
    ] {
        let request = Request::builder().header("authorization", value).body(());
        let (parts, ()) = request.unwrap().into_parts();
        let found = names(&parts, b"", None, &Field::Usual).unwrap();
        assert!(found.contains(&"alice".to_owned()), "{value}: {found:?}");
    }
    // As many as there may be, all of one name, before the one that is read.
    let found = |value: String| {
        let request = Request::builder().header("authorization", value).body(());
        names(&request.unwrap().into_parts().0, b"", None, &Field::Usual)
    };
    let hidden = format!("Digest {}username=alice", "username=bob,".repeat(40));
    assert_eq!(found(hidden).unwrap(), ["alice", "bob"]);
    let many = (0..17).map(|at| format!("username=u{at},"));
    let many = many.collect::<Vec<_>>().concat();
    assert_eq!(found(format!("Digest {many}")), Err(Unreadable::TooMany));
    let request = Request::builder().header("authorization", "Bearer username=alice");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    assert!(names(&parts, b"", None, &Field::Usual).unwrap().is_empty());
}

#[test]
fn basic_credentials() {
    for value in [
        "Basic YWxpY2U6eA==",
        "basic  YWxpY2U6eA",
        "BASIC YWxpY2U6eA==",
        "Basic YW.xp~Y2U6eA==",
        "Basic YWxpY2U6e",
        "Basic YWxpY2U6eA=====",
        "Basic YWxpY2U6eHh-_x",
        "Basic YWxp Y2U6eA==",
    ] {
        let request = Request::builder().header("authorization", value).body(());
        let (parts, ()) = request.unwrap().into_parts();
        let found = names(&parts, b"", None, &Field::at(&["username"])).unwrap();
        assert_eq!(found, ["alice"], "{value}");
    }
    let request = Request::builder().header("authorization", "Bearer YWxpY2U6eA==");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    assert!(names(&parts, b"", None, &Field::Usual).unwrap().is_empty());
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
