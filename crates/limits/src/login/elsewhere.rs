//! Logins that another site sends, in the name of whoever made it: a form that a page of it has the browser send.

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};
use panoply_core::{CausedElsewhere, Refusal};

use super::password::{form_sends_a_password, sends_a_password};
use super::reading;
use super::steps::read;

/// What a request is refused with that a page of another site has caused, as the cross-site guard says, if it may bring a
/// password. `body` is none where it was not read to its end, where anything may stand.
pub(super) fn refusal(parts: &Parts, body: Option<&[u8]>) -> Option<Refusal> {
    let caused = parts.extensions.get::<CausedElsewhere>()?;
    if !is_unasked(&parts.method, &parts.headers) || !may_bring_a_password(parts, body) {
        return None;
    }
    if let Some(origin) = caused.to_tell(&parts.headers) {
        tracing::info!(
            origin,
            "a login with a password that another site sent is refused, which would log in whom that site likes; \
             if it is yours or a partner's, name it in `cross_site.origins`, or the path in `cross_site.paths`"
        );
    }
    Some(caused.refusal())
}

/// Whether a browser sends it for any page without asking the app first (Fetch §4.10, CORS-safelisted): a form, or text.
/// Of JSON that says to be JSON the app was asked, and has let that page send it.
fn is_unasked(method: &Method, headers: &HeaderMap) -> bool {
    const FREE: [&str; 3] = ["form-urlencoded", "form-data", "text/plain"];
    let is_free = |text: &str| text.is_empty() || FREE.iter().any(|free| text.contains(free));
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let asks = kinds.next().is_some_and(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
        !is_free(kind.trim())
    });
    let is_one = kinds.next().is_none();
    matches!(*method, Method::GET | Method::HEAD | Method::POST) && !(asks && is_one)
}

fn may_bring_a_password(parts: &Parts, body: Option<&[u8]>) -> bool {
    let Some(body) = body else {
        return true;
    };
    let Ok((as_read, as_sent)) = read(parts, body.to_vec()) else {
        return true;
    };
    let sends = |text: &[u8]| {
        if is_form(&parts.headers) {
            form_sends_a_password(text)
        } else {
            sends_a_password(text)
        }
    };
    let query = parts.uri.query().map(str::as_bytes);
    !reading::is_plain(&parts.headers, &as_read)
        || sends(&as_read)
        || as_sent.is_some_and(|as_sent| sends(&as_sent))
        || query.is_some_and(form_sends_a_password)
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let kind = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    kind.is_some_and(|kind| {
        kind.trim_ascii()
            .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}

#[cfg(test)]
mod tests {
    use http::Request;
    use std::sync::Arc;

    use super::*;

    fn refused(kind: &str, body: &str) -> bool {
        let mut request = Request::post("/login");
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        assert!(
            refusal(&parts, Some(body.as_bytes())).is_none(),
            "of its own"
        );
        let caused = CausedElsewhere::new(Arc::default());
        parts.extensions.insert(caused);
        refusal(&parts, Some(body.as_bytes())).is_some()
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn a_password_in_whatever_a_page_may_send_unasked() {
        let json = r#"{"user":"eve","password":"x"}"#;
        for (kind, body) in [
            (FORM, "user=eve&password=x"),
            (FORM, "user=eve&p%61ssword=x"),
            (FORM, "user%5Bpassword%5D=x"),
            (FORM, "user=eve;pwd=x"),
            (FORM, json),
            ("Application/X-WWW-Form-Urlencoded; charset=utf-8", "pass=x"),
            // In an encoding that is not read here.
            ("application/x-www-form-urlencoded; charset=ibm037", "x"),
            ("application/x-www-form-urlencoded; charset=utf-16", "x"),
            ("text/plain", json),
            ("text/plain;application/json", json),
            ("text/plain", "{\"p\\u0061ssword\":\"x\"}"),
            ("", json),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--x--",
            ),
        ] {
            assert!(refused(kind, body), "{kind} {body}");
        }
    }

    #[test]
    fn identity_providers_and_whom_the_app_was_asked_about_go_on() {
        // Of base64 in lines, what would be a name with its `=`.
        let lines = "SAMLResponse=PHNhbWxwOl%0D%0Axpwdaxxx%3D%3D&RelayState=%2F";
        assert!(sends_a_password(lines.as_bytes()));
        for (kind, body) in [
            (FORM, "SAMLResponse=PHNhbWxw&RelayState=%2Fpassword%3Dx"),
            (FORM, lines),
            (FORM, "code=abc&state=xyz&id_token=a.b.c"),
            (
                FORM,
                "wresult=%3Ca%20AuthenticationMethod%3D%22am:password%22%3E",
            ),
            (FORM, "email=ada@shop.example"),
            (FORM, ""),
            ("", ""),
            ("application/json", r#"{"user":"ada","password":"x"}"#),
            ("application/vnd.api+json", r#"{"password":"x"}"#),
        ] {
            assert!(!refused(kind, body), "{kind} {body}");
        }
    }

    #[test]
    fn where_not_all_was_read_a_password_may_stand() {
        let request = Request::post("/hub/login").header(CONTENT_TYPE, FORM);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts
            .extensions
            .insert(CausedElsewhere::new(Arc::default()));
        assert!(refusal(&parts, None).is_some());
        parts
            .headers
            .insert("content-encoding", "x".parse().unwrap());
        assert!(refusal(&parts, Some(b"")).is_some());
        parts.headers.remove("content-encoding");
        parts.uri = "/login?password=x".parse().unwrap();
        assert!(refusal(&parts, Some(b"")).is_some());
        // What no page may send unasked.
        parts.method = Method::PUT;
        assert!(refusal(&parts, Some(b"")).is_none());
    }
}
