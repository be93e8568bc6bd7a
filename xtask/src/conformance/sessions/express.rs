//! express-session, with connect-redis and connect-pg-simple behind it.

#![expect(clippy::indexing_slicing, reason = "what is not there in JSON is null")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, HeaderName, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use panoply_sessions::{Session, Sessions};
use serde_json::{Map, Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::documents::Documents;
use super::{Judged, options, same};

/// What a handler does with the values, and what it saw.
#[derive(Debug, Clone)]
enum Does {
    Sets(Map<String, Value>),
    Reads { raises_views: bool },
}

/// An answer, as the cases tell of it.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    set_cookie: Value,
    session: Value,
}

/// A session that is made, and how it is kept.
pub(super) fn write(case: &Value) -> Judged {
    let id = case["sid"].as_str().unwrap_or_default();
    let kept = case["redis"]
        .as_object()
        .and_then(|all| all.values().next());
    let kept = kept.ok_or("nothing is kept")?;
    let expected: Value = text_of(&kept["value"])?;
    let fixed = kept["ttl_s"].as_i64().unwrap_or(-1);
    let max_age = expected["cookie"]["originalMaxAge"].as_u64();
    let ttl = u64::try_from(fixed).ok().map(Duration::from_secs);
    let documents = Arc::new(Documents::default());
    let own_ttl = ttl.filter(|_| max_age.is_none());
    let sessions = options::sessions(&case["options"], id, own_ttl, documents.clone())?;
    let does = Does::Sets(case["session"].as_object().cloned().unwrap_or_default());
    let answer = ask(&sessions, &case["request"], None, &does)?;
    let (text, lasts) = documents.get(id).ok_or("it was not kept")?;
    let found: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let auto = case["options"]["cookie"]["sameSite"] == "auto";
    if auto || expected["cookie"]["secure"] == "auto" {
        let plain = |mut value: Value| {
            if let Some(cookie) = value["cookie"].as_object_mut() {
                cookie.remove("sameSite");
                cookie.remove("secure");
            }
            value
        };
        same("what is kept", &plain(found), &plain(expected))?;
        return Ok(Some(if auto {
            "`SameSite` is what it is said to be, by whatever scheme the client came"
        } else {
            "what is kept says whether the cookie is `Secure`"
        }));
    }
    same("what is kept", &found, &expected)?;
    same("what is set", &answer.set_cookie, &case["set_cookie"])?;
    match ttl {
        Some(ttl) if ttl == lasts => Ok(None),
        Some(ttl) => Err(format!("it is kept for {lasts:?}, not {ttl:?}")),
        None if max_age.map(Duration::from_millis) == Some(lasts) => {
            Ok(Some("a session that is kept has an end"))
        }
        None => Err(format!("it is kept for {lasts:?}")),
    }
}

/// A cookie that came in.
pub(super) fn read(case: &Value) -> Judged {
    const ID: &str = "AbCdEfGhIjKlMnOpQrStUvWxYz012345";
    const USUAL: &str =
        r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"views":1}"#;
    let documents = Arc::new(Documents::default());
    let before = case["stored_before"].as_str().unwrap_or(USUAL);
    documents.put(ID, before, Duration::from_secs(1000));
    let sessions = options::sessions(&case["options"], ID, None, documents.clone())?;
    let raises_views = case["write"] == true;
    let does = Does::Reads { raises_views };
    let answer = ask(&sessions, &json!({}), case["cookie_header"].as_str(), &does)?;
    let (text, lasts) = documents.get(ID).ok_or("it is not there any more")?;
    if case["status"] == 500 {
        same("what is kept", &json!(text), &case["redis_after"])?;
        same("the status", &json!(answer.status.as_u16()), &json!(503))?;
        return Ok(Some(
            "a session that cannot be read is an outage of the store",
        ));
    }
    same(
        "the status",
        &json!(answer.status.as_u16()),
        &case["status"],
    )?;
    let mut expected = case["session"].clone();
    if let Some(values) = expected.as_object_mut() {
        values.remove("cookie");
    }
    same("the session", &answer.session, &expected)?;
    let after: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    same("what is kept", &after, &text_of(&case["redis_after"])?)?;
    same(
        "the time that it is kept",
        &json!(lasts.as_secs()),
        &case["ttl_after"],
    )?;
    // The first secret is not the one that signed.
    let first = case["options"]["secret"]
        .as_array()
        .and_then(|all| all.first());
    if let Some(first) = first
        && case["accepted"] == true
        && case["set_cookie"] == json!([])
    {
        let secrets = options::secrets(first)?;
        let line = answer.set_cookie[0].as_str().unwrap_or_default();
        let value = panoply_cookies::encode(&secrets.sign(ID));
        if line.split(';').next() != Some(&format!("connect.sid={value}")) {
            return Err(format!("it is not signed anew: {line}"));
        }
        return Ok(Some(
            "a cookie that an older secret has signed is sent anew",
        ));
    }
    same("what is set", &answer.set_cookie, &case["set_cookie"])?;
    Ok(None)
}

/// A row of connect-pg-simple: its text is that of connect-redis, its end is put down in the time zone
/// of the connection.
pub(super) fn row(case: &Value) -> Judged {
    let expected = text_of(&case["row"]["sess"])?;
    let cookie = &expected["cookie"];
    let documents = Arc::new(Documents::default());
    let id = case["row"]["sid"].as_str().unwrap_or_default();
    let options =
        json!({ "secret": "keyboard cat", "cookie": { "maxAge": cookie["originalMaxAge"] } });
    let sessions = options::sessions(&options, id, None, documents.clone())?;
    let mut values = expected.as_object().cloned().unwrap_or_default();
    values.remove("cookie");
    let answer = ask(&sessions, &json!({}), None, &Does::Sets(values))?;
    let (text, lasts) = documents.get(id).ok_or("it was not kept")?;
    let found: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    same("what is kept", &found, &expected)?;
    same("what is set", &answer.set_cookie, &case["set_cookie"])?;
    // Hours in the name of the zone, as it was on the day that was recorded.
    let behind = if case["name"]
        .as_str()
        .is_some_and(|name| name.contains("New_York"))
    {
        5
    } else {
        0
    };
    let hours = lasts.as_secs() / 3600;
    let (day, hour) = match hours.checked_sub(behind) {
        Some(hours) => (format!("2030-01-{:02}", 1 + hours / 24), hours % 24),
        None => ("2029-12-31".to_owned(), 24 + hours - behind),
    };
    same(
        "the end",
        &json!(format!("{day} {hour:02}:00:00")),
        &case["row"]["expire"],
    )?;
    Ok(None)
}

/// JSON in a text.
fn text_of(value: &Value) -> Result<Value, String> {
    let text = value.as_str().ok_or("no text is recorded")?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A request through the layer.
fn ask(
    sessions: &Sessions,
    request: &Value,
    cookie: Option<&str>,
    does: &Does,
) -> Result<Answer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let headers = request["headers"].as_object();
        let proto = headers.and_then(|headers| headers.get("x-forwarded-proto"));
        let https = proto
            .and_then(Value::as_str)
            .is_some_and(|proto| proto.starts_with("https"));
        let scheme = if https { "https" } else { "http" };
        let path = request["path"].as_str().unwrap_or("/");
        let mut asked = Request::get(format!("{scheme}://a.example{path}"));
        if let Some(cookie) = cookie {
            let value = HeaderValue::from_bytes(cookie.as_bytes());
            asked = asked.header(COOKIE, value.map_err(|error| error.to_string())?);
        }
        let asked = asked.body(()).map_err(|error| error.to_string())?;
        let seen = HeaderName::from_static("x-seen");
        let app = service_fn(move |request: Request<()>| {
            let session = request.extensions().get::<Session>().cloned();
            let does = does.clone();
            async move {
                let mut answer = Response::new(Bytes::new());
                let values = match session {
                    Some(session) => handle(&session, &does).await,
                    None => None,
                };
                // Headers are ASCII here: what JSON escapes is not in the cases that are read.
                let value = HeaderValue::from_str(&json!(values).to_string());
                if let Ok(value) = value {
                    answer.headers_mut().insert("x-seen", value);
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let answer = match sessions.layer().layer(app).oneshot(asked).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let lines = answer.headers().get_all(SET_COOKIE).iter();
        let lines = lines.map(|line| json!(String::from_utf8_lossy(line.as_bytes())));
        let session = answer
            .headers()
            .get(seen)
            .and_then(|seen| seen.to_str().ok());
        Ok(Answer {
            status: answer.status(),
            set_cookie: Value::Array(lines.collect()),
            session: session
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
        })
    })
}

/// What the handler does; the values that it leaves.
async fn handle(session: &Session, does: &Does) -> Option<Map<String, Value>> {
    match does {
        Does::Sets(values) => {
            for (name, value) in values {
                session.insert(name, value).await.ok()?;
            }
            None
        }
        Does::Reads { raises_views } => {
            let views: Option<u64> = session.get("views").await.ok()?;
            if let Some(views) = views.filter(|_| *raises_views) {
                session.insert("views", &(views + 1)).await.ok()?;
            }
            let mut values = Map::new();
            for name in session.names().await.ok()? {
                let value: Option<Value> = session.get(&name).await.ok()?;
                values.insert(name.to_string(), value.unwrap_or_default());
            }
            Some(values)
        }
    }
}
