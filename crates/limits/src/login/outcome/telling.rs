//! What apps say of a wrong password by other means than the status.

use serde_json::Value;

/// Fields of JSON that are false when a login was wrong, and true when it was right.
const RIGHT: [&str; 8] = [
    "success",
    "ok",
    "authenticated",
    "isAuthenticated",
    "logged_in",
    "loggedIn",
    "loggedin",
    "valid",
];

/// Fields of JSON, and parameters of a redirect, that are there when something went wrong.
const WRONG: [&str; 12] = [
    "error",
    "errors",
    "err",
    "error_message",
    "errormessage",
    "errormsg",
    "login_error",
    "loginerror",
    "failed",
    "failure",
    "fail",
    "invalid",
];

/// Fields and parameters that hold a word.
const WORDY: [&str; 4] = ["status", "result", "login", "auth"];

/// Words that say no.
const NO: [&str; 8] = [
    "error",
    "err",
    "fail",
    "failed",
    "failure",
    "invalid",
    "denied",
    "unauthorized",
];

/// Whether a JSON answer says itself that the login was wrong, as do APIs that answer everything with
/// 200: `{"success": false}`, `{"error": "…"}`, `{"status": "fail"}`.
pub(super) fn says_no(body: &[u8]) -> bool {
    let Ok(Value::Object(answer)) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    if is_right(&answer, false) {
        return true;
    }
    if is_right(&answer, true) {
        return false;
    }
    let is_something = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(says) => *says,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
    };
    let is_no = |value: &Value| value.as_str().is_some_and(|word| is_one(&NO, word));
    answer.iter().any(|(name, value)| {
        (is_one(&WRONG, name) && is_something(value)) || (is_one(&WORDY, name) && is_no(value))
    })
}

/// Whether a JSON answer says itself that the login was right, whatever else it tells.
pub(super) fn says_yes(body: &[u8]) -> bool {
    let answer = serde_json::from_slice::<Value>(body);
    answer.is_ok_and(|answer| {
        answer
            .as_object()
            .is_some_and(|answer| is_right(answer, true))
    })
}

fn is_right(answer: &serde_json::Map<String, Value>, says: bool) -> bool {
    RIGHT
        .iter()
        .any(|name| answer.get(*name) == Some(&Value::Bool(says)))
}

/// Whether a redirect says so in its query: `/?error=1`, `index.php?login=failed`.
pub(super) fn tells_of_an_error(location: &str) -> bool {
    let location = location.split('#').next().unwrap_or_default();
    let Some((_, query)) = location.split_once('?') else {
        return false;
    };
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| {
        let denies = is_one(&["0", "false", "no", "none", "null"], &value);
        (is_one(&WRONG, &name) && !denies) || (is_one(&WORDY, &name) && is_one(&NO, &value))
    })
}

fn is_one(words: &[&str], word: &str) -> bool {
    let word = word.trim();
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_says_no() {
        for no in [
            r#"{"success":false}"#,
            r#"{"success":false,"message":"Wrong password"}"#,
            r#"{"ok":false,"user":null}"#,
            r#"{"error":"Invalid credentials"}"#,
            r#"{"Error":{"code":7}}"#,
            r#"{"errors":["wrong"]}"#,
            r#"{"error":true}"#,
            r#"{"status":"Fail"}"#,
            r#"{"loggedIn":false}"#,
        ] {
            assert!(says_no(no.as_bytes()), "{no}");
        }
        for yes in [
            "",
            "1",
            "\"error\"",
            "[{\"error\":1}]",
            "{}",
            r#"{"token":"x"}"#,
            r#"{"success":true,"error":"none"}"#,
            r#"{"success":true,"errors":["your mail is not confirmed"]}"#,
            r#"{"error":null,"token":"x"}"#,
            r#"{"error":"","errors":[],"token":"x"}"#,
            r#"{"error":0,"data":{"error":"x"}}"#,
            r#"{"status":"ok"}"#,
            r#"{"status":200}"#,
            r#"{"user":{"name":"error"}}"#,
        ] {
            assert!(!says_no(yes.as_bytes()), "{yes}");
        }
    }

    #[test]
    fn redirects_that_tell_of_an_error() {
        for no in [
            "/?error=1",
            "/?error",
            "index.php?x=y&Error=Wrong+password",
            "https://shop.example/?login=failed",
            "/?err=7#top",
            "/account?login_error=true",
        ] {
            assert!(tells_of_an_error(no), "{no}");
        }
        for yes in [
            "/",
            "/account?tab=errors",
            "/?error=0",
            "/?error=false&x=1",
            "/#?error=1",
            "/?login=success",
            "/errors",
            "/?next=%3Ferror%3D1",
        ] {
            assert!(!tells_of_an_error(yes), "{yes}");
        }
    }
}
