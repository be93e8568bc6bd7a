//! cookie-session.

#![expect(clippy::indexing_slicing, reason = "what is not there in JSON is null")]

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use panoply_sessions::CookieSession;
use serde_json::{Map, Value, json};

use super::{Judged, options, same};

/// A session that is written, or not.
pub(super) fn write(case: &Value) -> Judged {
    if case["options"]["signed"] == false {
        return Ok(Some(
            "sessions that nobody has signed are neither written nor read",
        ));
    }
    let sessions = sessions(case)?;
    let https = case["request"]["headers"]["x-forwarded-proto"] == "https";
    let does = case["does"].as_str().unwrap_or_default();
    let Some(action) = action(does)? else {
        return same("what is set", &json!([]), &case["set_cookie"]).map(|()| None);
    };
    let lines = match action {
        Some(values) => match sessions.write(&values, https) {
            Ok(lines) => lines,
            Err(panoply_sessions::Error::CookieTooLarge { bytes, .. }) if bytes > 4093 => {
                return Ok(Some("a session that browsers would not keep is an error"));
            }
            Err(error) => return Err(error.to_string()),
        },
        None => sessions.clear(https),
    };
    same("what is set", &json!(lines), &case["set_cookie"])?;
    Ok(None)
}

/// What the few functions of the cases do: nothing, or leave no session, or these values.
#[expect(clippy::option_option, reason = "nothing is other than no session")]
fn action(does: &str) -> Result<Option<Option<Map<String, Value>>>, String> {
    let body = does
        .split_once('{')
        .and_then(|(_, body)| body.rsplit_once('}'));
    let body = body.map(|(body, _)| body.trim()).unwrap_or_default();
    if body.is_empty() {
        return Ok(None);
    }
    let (place, value) = body
        .split_once('=')
        .ok_or_else(|| format!("`{does}` is not known"))?;
    let (place, value) = (place.trim(), value.trim());
    if place == "req.session" && value == "null" {
        return Ok(Some(None));
    }
    let name = place
        .strip_prefix("req.session.")
        .ok_or_else(|| format!("`{does}` is not known"))?;
    let value = match value.split_once(".repeat(") {
        Some((letter, times)) => {
            let times: usize = times
                .trim_end_matches(')')
                .parse()
                .map_err(|_| does.to_owned())?;
            json!(letter.trim_matches('\'').repeat(times))
        }
        None if value.starts_with('\'') => json!(value.trim_matches('\'')),
        None => serde_json::from_str(value).map_err(|error| format!("{does}: {error}"))?,
    };
    Ok(Some(Some(Map::from_iter([(name.to_owned(), value)]))))
}

/// A session that came in.
pub(super) fn read(case: &Value) -> Judged {
    let sessions = sessions(case)?;
    let mut headers = HeaderMap::new();
    let cookie = case["cookie_header"].as_str().unwrap_or_default();
    let cookie = HeaderValue::from_str(cookie).map_err(|error| error.to_string())?;
    headers.insert(COOKIE, cookie);
    let found = sessions.read(&headers);
    let expected = case["session"].as_str().unwrap_or("{}");
    let expected: Value = serde_json::from_str(expected).map_err(|error| error.to_string())?;
    let values = found
        .as_ref()
        .map_or_else(|| json!({}), |found| json!(found.values));
    same("the session", &values, &expected)?;
    let stale = found.as_ref().is_some_and(|found| found.stale);
    same(
        "whether it is signed anew",
        &json!(stale),
        &json!(case["set_cookie"] != json!([])),
    )?;
    let (true, Some(found)) = (stale, found) else {
        return Ok(None);
    };
    let https = case["options"]["secure"] == true;
    let lines = sessions
        .write(&found.values, https)
        .map_err(|error| error.to_string())?;
    let signature = |line: &str| line.split(';').next().map(str::to_owned);
    let theirs = case["set_cookie"][0].as_str().and_then(signature);
    same(
        "the signature",
        &json!(signature(&lines[1])),
        &json!(theirs),
    )?;
    Ok(Some(
        "what is signed anew is sent whole, with all of its attributes",
    ))
}

fn sessions(case: &Value) -> Result<CookieSession, String> {
    let options = &case["options"];
    let name = options["name"].as_str().unwrap_or("session");
    let secrets = options::secrets(&options["keys"])?;
    let built = CookieSession::new(name, secrets, options::cookie(options));
    built.map_err(|error| error.to_string())
}
