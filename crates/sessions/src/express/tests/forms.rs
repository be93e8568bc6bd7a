//! How cookies and documents are written, to the letter.

use http::HeaderMap;
use jiff::Timestamp;

use super::*;
use crate::express::ExpressCookie;
use crate::{CookieSession, Error, Priority, SameSite, Secure};

fn all() -> CookieConfig {
    CookieConfig::new()
        .secure(Secure::DangerAuto)
        .same_site(SameSite::Strict)
        .path("/app")
        .domain("a.example")
        .max_age(Duration::from_hours(1))
        .partitioned(true)
        .priority(Priority::High)
        .danger_http_only(false)
}

#[test]
fn a_cookie_is_what_the_settings_say() {
    for https in [false, true] {
        let cookie: Value =
            serde_json::from_slice(&ExpressCookie::new(&all(), https).json()).unwrap();
        let expected = json!({
            "originalMaxAge": 3_600_000, "partitioned": true, "priority": "high", "expires": null,
            "secure": https, "httpOnly": false, "domain": "a.example", "path": "/app",
            "sameSite": "strict",
        });
        assert_eq!(cookie, expected);
    }
    let express = ExpressCookie::new(&CookieConfig::express(), true);
    let expected = r#"{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}"#;
    assert_eq!(express.json(), expected.as_bytes());
}

#[test]
fn a_line_is_what_the_session_says() {
    let line = |json: Value| {
        let cookie = ExpressCookie::parse(json.to_string().as_bytes()).unwrap();
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        cookie.line("sid", "v", now)
    };
    assert_eq!(
        line(json!({
            "originalMaxAge": 60_000, "partitioned": true, "priority": "low", "secure": true,
            "httpOnly": true, "domain": "a.example", "path": "/app", "sameSite": "lax",
        })),
        "sid=v; Domain=a.example; Path=/app; Expires=Fri, 02 Jan 2026 03:05:05 GMT; HttpOnly; \
         Secure; Partitioned; Priority=Low; SameSite=Lax"
    );
    assert_eq!(
        line(json!({"sameSite": true, "secure": "auto", "partitioned": false})),
        "sid=v; Path=/; HttpOnly; SameSite=Strict"
    );
    // A store may have been written by anybody.
    assert_eq!(
        line(json!({
            "path": "/; Domain=evil.example", "domain": "a\r\nSet-Cookie: b=c",
            "sameSite": "None; Secure", "priority": "a", "httpOnly": false,
        })),
        "sid=v"
    );
}

fn cookie_sessions(all: &[&str], config: CookieConfig) -> CookieSession {
    CookieSession::new("s", secrets(all), config).unwrap()
}

/// A browser's headers after these lines.
fn sent(lines: &[String]) -> HeaderMap {
    let pairs = lines.iter().map(|line| line.split(';').next().unwrap());
    let pairs: Vec<&str> = pairs.collect();
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_str(&pairs.join("; ")).unwrap());
    headers
}

#[test]
fn a_cookie_session_is_read_by_whom_it_was_written_for() {
    let values = json!({"views": 1}).as_object().unwrap().clone();
    let old = cookie_sessions(&["old"], CookieConfig::express());
    let both = cookie_sessions(&["new", "old"], CookieConfig::express());
    let lines = old.write(&values, false).unwrap();
    let read = old.read(&sent(&lines)).unwrap();
    assert_eq!((&read.values, read.stale), (&values, false));
    assert!(both.read(&sent(&lines)).unwrap().stale);
    let anew = both.write(&values, false).unwrap();
    assert!(!both.read(&sent(&anew)).unwrap().stale);
    assert_eq!(old.read(&sent(&anew)), None);
    assert_eq!(old.read(&sent(&lines[..1])), None, "nobody has signed it");
    let changed = lines.clone().map(|line| line.replacen("s=e", "s=f", 1));
    assert_eq!(old.read(&sent(&changed)), None);
    assert!(!format!("{old:?}").contains("old") && format!("{old:?}").contains("\"s\""));
}

#[test]
fn a_cookie_session_is_written_as_its_settings_say() {
    let values = serde_json::Map::new();
    // It has no `Partitioned`, which goes over HTTPS only.
    let whole = || all().partitioned(false);
    let written = |config, https| {
        cookie_sessions(&["k"], config)
            .write(&values, https)
            .unwrap()
    };
    let [line, signature] = written(whole(), true);
    let attributes = "; path=/app; max-age=3600; domain=a.example; samesite=strict; secure";
    assert_eq!(line, format!("s=e30={attributes}"));
    assert!(signature.starts_with("s.sig=") && signature.ends_with(attributes));
    assert!(!written(whole(), false)[0].contains("secure"));
    assert_eq!(
        written(CookieConfig::express(), true)[0],
        "s=e30=; path=/; httponly"
    );
    let [line, _] = cookie_sessions(&["k"], whole()).clear(false);
    assert!(line.starts_with("s=; path=/app; expires=Thu, 01 Jan 1970 00:00:00 GMT; domain="));
}

#[test]
fn a_cookie_session_is_as_large_as_browsers_keep() {
    let sessions = cookie_sessions(&["k"], CookieConfig::express());
    let write = |letters: usize| {
        let values = json!({"a": "x".repeat(letters)})
            .as_object()
            .unwrap()
            .clone();
        sessions.write(&values, false)
    };
    // 4 letters of base64 for 3 bytes, and the name: 4093 are the most.
    assert_eq!(
        write(3061).unwrap()[0].split(';').next().unwrap().len(),
        4094
    );
    let too_large = write(3062).unwrap_err();
    assert!(
        matches!(
            too_large,
            Error::CookieTooLarge {
                bytes: 4097,
                most: 4093
            }
        ),
        "{too_large}"
    );
}

/// What a session's document says behind `panoply`, and how long the store keeps it.
async fn kept_of(config: SessionConfig, logs_in: bool) -> (Documents, Value, Duration) {
    let documents = Documents::new();
    documents.clock.advance(Duration::from_micros(1_234));
    let config = config.clock(documents.clock.clone());
    let sessions = config
        .build_express(secrets(&["k"]), Arc::new(documents.clone()))
        .unwrap();
    ask(&sessions, "", move |session| async move {
        if logs_in {
            session.login("ada").await?;
        }
        session.insert("a", &1).await
    })
    .await;
    let id = documents
        .kept
        .lock()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .clone();
    let (text, left) = (documents.text(&id).unwrap(), documents.left(&id));
    (documents, text, left)
}

#[tokio::test]
async fn what_express_does_not_know_stands_beside() {
    let express = || SessionConfig::new().cookie(CookieConfig::express());
    let (_, text, _) = kept_of(express(), false).await;
    assert_eq!(text.get("panoply"), None, "nothing but what Express has");
    let (documents, text, _) = kept_of(express(), true).await;
    let now = documents.clock.wall().duration_since(std::time::UNIX_EPOCH);
    let now = u64::try_from(now.unwrap().as_millis()).unwrap();
    assert_eq!(text["panoply"], json!({"created": now, "login": now}));
    let hundred = Duration::from_hours(100 * 24);
    let (_, text, _) = kept_of(express().lifetime(hundred), false).await;
    let ends = now + 100 * 86_400_000;
    assert_eq!(text["panoply"], json!({"created": now, "ends": ends}));
    // The store keeps it no longer than it lasts.
    let cookie = CookieConfig::express().max_age(hundred * 2);
    let config = SessionConfig::new().cookie(cookie).idle(hundred);
    let (_, text, left) = kept_of(config.lifetime(hundred), true).await;
    assert_eq!(
        text["panoply"],
        json!({"created": now, "login": now, "ends": ends})
    );
    assert_eq!(left, hundred);
    let end = Timestamp::from_millisecond(i64::try_from(now).unwrap()).unwrap()
        + jiff::SignedDuration::from_hours(200 * 24);
    let expires: Timestamp = text["cookie"]["expires"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires, end);
}

#[tokio::test]
async fn a_time_of_its_own_is_the_cookies_too() {
    let documents = Documents::new();
    documents.put(ID, THEIRS, 86_400);
    let sessions = sessions(&documents, &["k"]);
    let (status, _) = ask(&sessions, &cookie("k"), |session| async move {
        session.expire_after(Duration::from_hours(2)).await?;
        session.save().await?;
        // It is there still, and touched it stays.
        session.touch().await?;
        session.save().await?;
        session.insert("b", &1).await
    })
    .await;
    assert_eq!(status, StatusCode::OK);
    let text = documents.text(ID).unwrap();
    assert_eq!(text["cookie"]["originalMaxAge"], 7_200_000);
    assert_eq!((&text["views"], &text["b"]), (&json!(1), &json!(1)));
    assert_eq!(documents.left(ID), Duration::from_hours(2));
    assert!(format!("{sessions:?}").contains("ExpressStore"));
}
