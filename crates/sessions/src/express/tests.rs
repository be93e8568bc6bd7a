use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use panoply_cookies::{ExpressSecret, ExpressSecrets};
use panoply_core::{Clock as _, ManualClock, Reply, SessionDocument, SessionDocuments};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{CookieConfig, Session, SessionConfig, Sessions};

mod forms;

/// Documents in memory, which end by a clock that the test moves.
#[derive(Debug, Clone)]
struct Documents {
    kept: Arc<Mutex<HashMap<String, (String, Duration)>>>,
    clock: ManualClock,
}

impl Documents {
    fn new() -> Self {
        Self {
            kept: Arc::default(),
            clock: ManualClock::new(),
        }
    }

    fn put(&self, id: &str, text: &str, lasts: u64) {
        let end = self.clock.monotonic() + Duration::from_secs(lasts);
        self.kept
            .lock()
            .unwrap()
            .insert(id.to_owned(), (text.to_owned(), end));
    }

    fn text(&self, id: &str) -> Option<Value> {
        let kept = self.kept.lock().unwrap();
        kept.get(id)
            .map(|(text, _)| serde_json::from_str(text).unwrap())
    }

    fn left(&self, id: &str) -> Duration {
        let kept = self.kept.lock().unwrap();
        kept[id].1.saturating_sub(self.clock.monotonic())
    }
}

impl SessionDocuments for Documents {
    fn read<'a>(&'a self, id: &'a str) -> Reply<'a, Option<SessionDocument>> {
        let now = self.clock.monotonic();
        let found = self.kept.lock().unwrap().get(id).cloned();
        let found = found.filter(|(_, end)| *end > now);
        Reply::ready(Ok(found.map(|(text, end)| {
            SessionDocument::new(text, Some(end.saturating_sub(now)))
        })))
    }

    fn swap<'a>(
        &'a self,
        id: &'a str,
        before: Option<&'a str>,
        after: Option<(&'a str, Duration)>,
    ) -> Reply<'a, bool> {
        let mut kept = self.kept.lock().unwrap();
        if kept.get(id).map(|(text, _)| text.as_str()) != before {
            return Reply::ready(Ok(false));
        }
        match after {
            Some((text, lasts)) => {
                let end = self.clock.monotonic() + lasts;
                kept.insert(id.to_owned(), (text.to_owned(), end));
            }
            None => drop(kept.remove(id)),
        }
        Reply::ready(Ok(true))
    }

    fn touch<'a>(&'a self, id: &'a str, lasts: Duration) -> Reply<'a, bool> {
        let end = self.clock.monotonic() + lasts;
        let mut kept = self.kept.lock().unwrap();
        let found = kept.get_mut(id);
        Reply::ready(Ok(found.map(|found| found.1 = end).is_some()))
    }

    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, bool> {
        Reply::ready(Ok(self.kept.lock().unwrap().remove(id).is_some()))
    }
}

fn secrets(all: &[&str]) -> ExpressSecrets {
    ExpressSecrets::new(
        all.iter()
            .map(|secret| ExpressSecret::danger_of_any_length(*secret)),
    )
}

fn sessions(documents: &Documents, all: &[&str]) -> Sessions {
    let config = SessionConfig::new().cookie(CookieConfig::express());
    let config = config.clock(documents.clock.clone());
    config
        .build_express(secrets(all), Arc::new(documents.clone()))
        .unwrap()
}

const ID: &str = "AbCdEfGhIjKlMnOpQrStUvWxYz012345";

fn cookie(secret: &str) -> String {
    let value = panoply_cookies::encode(&secrets(&[secret]).sign(ID));
    format!("connect.sid={value}")
}

/// What a handler answers, and the cookie that is set.
async fn ask<F>(
    sessions: &Sessions,
    cookie: &str,
    handle: impl Fn(Session) -> F + Clone,
) -> (StatusCode, Option<String>)
where
    F: Future<Output = Result<(), crate::Error>>,
{
    let app = service_fn(move |request: Request<()>| {
        let session = request.extensions().get::<Session>().unwrap().clone();
        let handled = handle(session);
        async move {
            let mut answer = Response::new(Bytes::new());
            if handled.await.is_err() {
                *answer.status_mut() = StatusCode::IM_A_TEAPOT;
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut request = Request::get("http://a.example/");
    if !cookie.is_empty() {
        request = request.header(COOKIE, HeaderValue::from_str(cookie).unwrap());
    }
    let answer = sessions
        .layer()
        .layer(app)
        .oneshot(request.body(()).unwrap())
        .await
        .unwrap();
    let set = answer.headers().get(SET_COOKIE);
    (
        answer.status(),
        set.map(|set| set.to_str().unwrap().to_owned()),
    )
}

const THEIRS: &str = r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"big":12345678901234567890123,"passport":{"user":"ada"},"views":1}"#;

#[tokio::test]
async fn what_express_wrote_is_changed_and_nothing_else() {
    let documents = Documents::new();
    documents.put(ID, THEIRS, 86_400);
    let sessions = sessions(&documents, &["keyboard cat"]);
    let (_, set) = ask(&sessions, &cookie("keyboard cat"), |session| async move {
        let passport: Option<Value> = session.get("passport").await?;
        assert_eq!(passport, Some(json!({"user": "ada"})));
        assert!(session.insert("cookie", &1).await.is_err());
        session
            .update("views", |views: Option<u64>| views.unwrap_or(0) + 1)
            .await?;
        session.insert("theme", "dark").await
    })
    .await;
    assert_eq!(
        set, None,
        "a cookie that ends with the browser is not sent again"
    );
    let text = documents.kept.lock().unwrap()[ID].0.clone();
    assert!(text.starts_with(
        r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"#
    ));
    assert!(text.contains("12345678901234567890123"), "{text}");
    assert_eq!(documents.text(ID).unwrap()["views"], 2);
    assert_eq!(documents.text(ID).unwrap()["theme"], "dark");
}

#[tokio::test]
async fn what_is_made_here_express_can_read() {
    let documents = Documents::new();
    let config = CookieConfig::express().max_age(Duration::from_hours(1));
    let config = SessionConfig::new()
        .cookie(config)
        .clock(documents.clock.clone());
    let sessions = config
        .build_express(secrets(&["new", "old"]), Arc::new(documents.clone()))
        .unwrap();
    let (_, set) = ask(&sessions, "", |session| async move {
        session.login("ada").await
    })
    .await;
    let set = set.unwrap();
    assert!(
        set.starts_with("connect.sid=s%3A") && set.ends_with("; HttpOnly"),
        "{set}"
    );
    assert!(set.contains("; Path=/; Expires="), "{set}");
    let value = set.split([';', '=']).nth(1).unwrap();
    let value = panoply_cookies::decode(value.as_bytes()).unwrap();
    let all = secrets(&["new"]);
    let (id, _) = all.verify(&value).unwrap();
    assert_eq!(id.len(), 32);
    let kept = documents.text(id).unwrap();
    assert_eq!(kept["cookie"]["originalMaxAge"], 3_600_000);
    assert_eq!(kept["panoply.user"], "ada");
    assert!(kept["cookie"]["expires"].is_string());
    assert_eq!(documents.left(id), Duration::from_hours(1));
}

#[tokio::test]
async fn a_login_changes_the_id_and_a_logout_ends_it() {
    let documents = Documents::new();
    documents.put(ID, THEIRS, 86_400);
    let sessions = sessions(&documents, &["keyboard cat"]);
    let login = |session: Session| async move { session.login("ada").await };
    let (_, set) = ask(&sessions, &cookie("keyboard cat"), login).await;
    assert_eq!(documents.text(ID), None, "the old id leads nowhere");
    let set = set.unwrap();
    let new = set.split(';').next().unwrap().to_owned();
    assert_eq!(documents.kept.lock().unwrap().len(), 1);
    let (_, _) = ask(&sessions, &new, |session| async move {
        assert_eq!(session.user().await?.as_deref(), Some("ada"));
        assert_eq!(session.get::<u64>("views").await?, Some(1));
        assert!(session.list().await.is_err(), "Express has no list");
        Ok(())
    })
    .await;
    let (_, set) = ask(
        &sessions,
        &new,
        |session| async move { session.logout().await },
    )
    .await;
    assert!(set.unwrap().contains("connect.sid=;"));
    assert!(documents.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn rotated_secrets_are_sent_anew() {
    let documents = Documents::new();
    documents.put(ID, THEIRS, 86_400);
    let both = sessions(&documents, &["new", "old"]);
    let read = |session: Session| async move { session.get::<u64>("views").await.map(drop) };
    let (_, set) = ask(&both, &cookie("old"), read).await;
    assert!(set.unwrap().starts_with(&cookie("new")));
    let (_, set) = ask(&both, &cookie("new"), read).await;
    assert_eq!(set, None);
    let new = sessions(&documents, &["new"]);
    let none = |session: Session| async move {
        assert!(session.is_new().await?);
        Ok(())
    };
    ask(&new, &cookie("old"), none).await;
    ask(&new, &format!("connect.sid={ID}"), none).await;
}

#[tokio::test]
async fn a_touch_is_of_the_time_alone() {
    let documents = Documents::new();
    let text = r#"{"cookie":{"originalMaxAge":3600000,"expires":"2001-01-01T00:00:00.000Z","httpOnly":true,"path":"/x"},"views":1}"#;
    documents.put(ID, text, 1000);
    let sessions = sessions(&documents, &["k"]);
    let read = |session: Session| async move { session.get::<u64>("views").await.map(drop) };
    ask(&sessions, &cookie("k"), read).await;
    assert_eq!(documents.left(ID), Duration::from_hours(1));
    assert_eq!(documents.kept.lock().unwrap()[ID].0, text);
    // Written, its end and the browser's cookie start over, and look as the session says.
    let write = |session: Session| async move { session.insert("views", &2).await };
    let (_, set) = ask(&sessions, &cookie("k"), write).await;
    let set = set.unwrap();
    assert!(set.contains("; Path=/x; Expires="), "{set}");
    assert_ne!(
        documents.text(ID).unwrap()["cookie"]["expires"],
        "2001-01-01T00:00:00.000Z"
    );
}

#[tokio::test]
async fn a_write_in_flight_brings_nothing_back() {
    let documents = Documents::new();
    documents.put(ID, THEIRS, 86_400);
    let sessions = sessions(&documents, &["k"]);
    let other = documents.clone();
    let (_, _) = ask(&sessions, &cookie("k"), move |session| {
        let other = other.clone();
        async move {
            session.insert("a", &1).await?;
            // Express logs out meanwhile.
            other.kept.lock().unwrap().clear();
            Ok(())
        }
    })
    .await;
    assert!(documents.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_express_writes_meanwhile_stays() {
    let documents = Documents::new();
    documents.put(ID, THEIRS, 86_400);
    let sessions = sessions(&documents, &["k"]);
    let other = documents.clone();
    ask(&sessions, &cookie("k"), move |session| {
        let other = other.clone();
        async move {
            session.insert("ours", &1).await?;
            other.put(ID, &THEIRS.replace("\"views\":1", "\"theirs\":1"), 86_400);
            Ok(())
        }
    })
    .await;
    let kept = documents.text(ID).unwrap();
    assert_eq!((&kept["ours"], &kept["theirs"]), (&json!(1), &json!(1)));
    assert_eq!(kept.get("views"), None);
}

#[tokio::test]
async fn what_is_no_session_is_an_outage() {
    for text in ["{nope", "[]", "1"] {
        let documents = Documents::new();
        documents.put(ID, text, 86_400);
        let read = |session: Session| async move { session.get::<u64>("views").await.map(drop) };
        let (status, _) = ask(&sessions(&documents, &["k"]), &cookie("k"), read).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_lose_nothing() {
    let documents = Documents::new();
    documents.put(ID, THEIRS, 86_400);
    let sessions = sessions(&documents, &["k"]);
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let sessions = sessions.clone();
            tokio::spawn(async move {
                ask(&sessions, &cookie("k"), move |session| async move {
                    session
                        .update("count", |count: Option<u64>| count.unwrap_or(0) + 1)
                        .await?;
                    session.insert(&format!("v{number}"), &number).await
                })
                .await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let kept = documents.text(ID).unwrap();
    assert_eq!(kept["count"], 100);
    assert!((0..100).all(|number| kept[format!("v{number}")] == number));
}

/// JSON as JavaScript may have written it.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let map = prop::collection::btree_map(any::<String>(), inner, 0..4);
        prop_oneof![list, map.prop_map(|map| map.into_iter().collect())]
    })
}

proptest! {
    #[test]
    fn a_document_is_read_as_it_was_written(
        values in prop::collection::btree_map(any::<String>(), any_json(), 0..6),
        max_age in prop::option::of(0..1_000_000_000_u64),
    ) {
        let mut document: serde_json::Map<String, Value> = values.into_iter().collect();
        document.insert("cookie".to_owned(), json!({"originalMaxAge": max_age, "path": "/"}));
        let key = panoply_core::SessionKey::from_hash([7; 32]);
        let now = panoply_core::Moment::from_micros(1_760_000_000_000_000);
        let day = Duration::from_hours(24);
        let text = Value::from(document.clone()).to_string();
        let read = super::document::read(&SessionDocument::new(text, Some(day)), &key, now, day);
        let (written, _) = super::document::write(&read.unwrap(), None, now, day).unwrap();
        let mut written: serde_json::Map<String, Value> = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&written["cookie"]["originalMaxAge"], &json!(max_age));
        for map in [&mut document, &mut written] {
            // What is Express's and what is ours is written anew.
            map.retain(|name, _| name != "cookie" && name != "panoply");
        }
        prop_assert_eq!(written, document);
    }
}

#[test]
fn no_value_takes_the_place_of_the_cookie() {
    let key = panoply_core::SessionKey::from_hash([7; 32]);
    let now = panoply_core::Moment::from_micros(1_760_000_000_000_000);
    let day = Duration::from_hours(24);
    let text = json!({"cookie": {"path": "/"}, "panoply.cookie": {"path": "/evil"}}).to_string();
    let document = SessionDocument::new(text, Some(day));
    let read = super::document::read(&document, &key, now, day).unwrap();
    let (written, _) = super::document::write(&read, None, now, day).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["cookie"]["path"], "/");
}
