//! How answers are read.

use super::*;

fn read(reader: &Reader, status: u16, headers: &[(&str, &str)], body: &str) -> Outcome {
    read_of(reader, status, headers, body, true)
}

fn read_of(
    reader: &Reader,
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
    whole: bool,
) -> Outcome {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        map.append(name, value.parse().unwrap());
    }
    let route = Route::new(&["/login".to_owned()], Vec::new());
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer {
        at: "/shop/login",
        status,
        headers: &map,
        body: body.as_bytes(),
        whole,
        trail: &Trail::default(),
    };
    reader.read(&answer, &route).outcome
}

#[test]
fn the_usual_answers_are_known() {
    use Outcome::{Failure, Neither, Success};
    let usual = Reader {
        success: Signs::new(),
        failure: Signs::new(),
    };
    let html = ("content-type", "text/html; charset=utf-8");
    let action = ("content-type", "text/x-component");
    for (status, headers, body, expected) in [
        (200, &[action][..], "1:\"Wrong\"", Failure),
        (
            200,
            &[action, ("x-action-redirect", "/account;push")],
            "",
            Success,
        ),
        (
            303,
            &[
                action,
                ("x-action-redirect", "/account;push"),
                ("location", "/account"),
            ],
            "",
            Success,
        ),
        (
            200,
            &[action, ("x-action-redirect", "/login?wrong=1;push")],
            "",
            Failure,
        ),
        (
            200,
            &[action, ("set-cookie", "session=1; Path=/")],
            "",
            Success,
        ),
        (401, &[][..], "", Failure),
        (403, &[], "", Failure),
        (422, &[], "", Failure),
        (400, &[], "", Failure),
        (302, &[("location", "/login?error=1")], "", Failure),
        (
            303,
            &[("location", "https://shop.example/Login/")],
            "",
            Failure,
        ),
        (302, &[("location", "/")], "", Success),
        (302, &[("location", "/?error=1")], "", Failure),
        (200, &[html], "<input TYPE = 'Password'>", Failure),
        (200, &[html], "<h1>Welcome</h1>", Success),
        (200, &[("content-type", "application/json")], "{}", Success),
        (
            200,
            &[("content-type", "application/json; charset=utf-8")],
            r#"{"success":false}"#,
            Failure,
        ),
        (200, &[html], "<p>Wrong password</p>", Failure),
        (
            200,
            &[("content-type", "text/plain")],
            "Invalid login",
            Failure,
        ),
        (200, &[], "Invalid login", Failure),
        (
            200,
            &[("content-type", "text/css")],
            "Invalid login",
            Success,
        ),
        (
            200,
            &[("content-type", "application/json")],
            r#"{"message":"Wrong password"}"#,
            Failure,
        ),
        (
            200,
            &[("content-type", "application/json")],
            r#"{"ok":true,"message":"Your old password was wrong once"}"#,
            Success,
        ),
        (204, &[], "", Success),
        (500, &[], "", Neither),
        (502, &[], "", Neither),
        (304, &[], "", Neither),
    ] {
        let outcome = read(&usual, status, headers, body);
        assert_eq!(outcome, expected, "{status} {headers:?} {body}");
    }
}

#[test]
fn what_is_said_goes_before() {
    use Outcome::{Failure, Success};
    let said = Reader {
        success: Signs::new().cookie("session").json("user.id").status(409),
        failure: Signs::new()
            .json("ok=false")
            .body("Wrong!")
            .location("/oops"),
    };
    for (status, headers, body, expected) in [
        (
            200,
            &[("set-cookie", "session=abc; Path=/")][..],
            "",
            Success,
        ),
        (200, &[("set-cookie", "session=; Max-Age=0")], "", Failure),
        (200, &[("set-cookie", "other=abc")], "", Failure),
        (200, &[], r#"{"user":{"id":7}}"#, Success),
        (200, &[], r#"{"user":{"id":7},"ok":false}"#, Failure),
        (200, &[("set-cookie", "session=abc")], "Wrong!", Failure),
        (302, &[("location", "/oops?a")], "", Failure),
        (409, &[], "", Success),
    ] {
        let outcome = read(&said, status, headers, body);
        assert_eq!(outcome, expected, "{status} {headers:?} {body}");
    }
}

#[test]
fn what_was_not_read_to_its_end_shows_no_success() {
    use Outcome::{Failure, Success};
    let usual = Reader {
        success: Signs::new(),
        failure: Signs::new(),
    };
    let said = Reader {
        success: Signs::new().cookie("session"),
        failure: Signs::new(),
    };
    for (kind, expected) in [
        ("text/html", Failure),
        ("application/json", Failure),
        ("text/plain", Success),
    ] {
        let kind = [("content-type", kind)];
        assert_eq!(read_of(&usual, 200, &kind, "{\"a\":", false), expected);
        let session = [kind[0], ("set-cookie", "session=1")];
        assert_eq!(read_of(&said, 200, &session, "<p>", false), Success);
    }
}
