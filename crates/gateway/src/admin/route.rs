//! From a request at the admin listener to its answer.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use panoply_core::{BlockId, Nonce, Release, Secret};

use super::desk::Desk;
use super::door::{Door, Stopped};
use super::{assets, page};

type Answer = Response<Full<Bytes>>;

/// The largest form that is read, in bytes.
const FORM: usize = 4 << 10;

/// How long one may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

pub(super) async fn answer(desk: &Desk, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let (head, body) = request.into_parts();
    let mut answer = route(desk, &head, body, peer).await;
    for (name, value) in &desk.headers {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    answer
}

async fn route(desk: &Desk, head: &Parts, body: Incoming, peer: IpAddr) -> Answer {
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let path = head.uri.path();
    if path == "/health" && reads {
        return health(desk);
    }
    let token = desk.shared.live.load().admin_token.clone();
    let token = token.as_ref();
    if let Err(stopped) = desk.door.addressed(head, token) {
        return refuse(stopped);
    }
    if let Some((media, content)) = assets::find(path).filter(|_| reads) {
        return plain(StatusCode::OK, media, content);
    }
    let now = desk.shared.clock.monotonic();
    let admitted = || desk.door.admitted(head, token, peer, now);
    match (&head.method, path) {
        (&Method::GET | &Method::HEAD, "/metrics") => match admitted() {
            Ok(()) => {
                let metrics = desk.shared.metrics.handle().render();
                plain(StatusCode::OK, "text/plain; version=0.0.4", metrics)
            }
            Err(stopped) => refuse(stopped),
        },
        (&Method::GET | &Method::HEAD, "/") => match admitted() {
            Ok(()) => {
                let after = head
                    .uri
                    .query()
                    .and_then(|query| said(query.as_bytes(), "after"));
                let done = head
                    .uri
                    .query()
                    .and_then(|query| said(query.as_bytes(), "done"));
                let after = after.and_then(|id| id.parse().ok());
                let page = page::desk(desk, after, done.as_deref(), token.is_some()).await;
                plain(StatusCode::OK, HTML, page)
            }
            Err(Stopped::Stranger) => plain(StatusCode::UNAUTHORIZED, HTML, page::login(None)),
            Err(stopped) => refuse(stopped),
        },
        (&Method::GET | &Method::HEAD, "/live.json") => match admitted() {
            Ok(()) => plain(StatusCode::OK, JSON, page::live(desk).await),
            Err(stopped) => refuse(stopped),
        },
        (&Method::POST, "/login" | "/logout" | "/release") if !Door::is_own_page(head) => {
            refuse(Stopped::OtherSite)
        }
        (&Method::POST, "/login") => match (token, form(head, body).await) {
            (None, _) => to("/"),
            (Some(_), Err(answer)) => *answer,
            (Some(token), Ok(form)) => login(desk, &form, token, peer, now),
        },
        (&Method::POST, "/logout") => {
            let mut answer = to("/");
            answer
                .headers_mut()
                .insert(SET_COOKIE, desk.door.close(head));
            answer
        }
        (&Method::POST, "/release") => match admitted() {
            Ok(()) => match form(head, body).await {
                Ok(form) => release(desk, &form, peer).await,
                Err(answer) => *answer,
            },
            Err(stopped) => refuse(stopped),
        },
        (_, "/login" | "/logout" | "/release") => not_allowed("POST"),
        (_, "/" | "/metrics" | "/live.json" | "/health") => not_allowed("GET, HEAD"),
        _ => plain(
            StatusCode::NOT_FOUND,
            TEXT,
            "Here are / for people, /metrics and /health.\n",
        ),
    }
}

/// Whether the site is served: a part of it that is another app's is no reason to send everybody elsewhere.
fn health(desk: &Desk) -> Answer {
    let apps = &desk.shared.apps;
    let status = if apps.main().is_up() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = apps.main().word();
    let routes = apps.routed().iter();
    let routes: serde_json::Map<_, _> = { routes }
        .map(|app| (app.label().to_owned(), app.word().into()))
        .collect();
    let health = if routes.is_empty() {
        serde_json::json!({ "status": word })
    } else {
        serde_json::json!({ "status": word, "routes": routes })
    };
    plain(status, JSON, format!("{health}\n"))
}

fn login(desk: &Desk, form: &[u8], token: &Secret, peer: IpAddr, now: Duration) -> Answer {
    let given = said(form, "token").unwrap_or_default();
    match desk.door.open(given.trim(), token, peer, now) {
        Ok(cookie) => {
            let mut answer = to("/");
            answer.headers_mut().insert(SET_COOKIE, cookie);
            answer
        }
        Err(Stopped::Guessing) => plain(
            StatusCode::TOO_MANY_REQUESTS,
            HTML,
            page::login(Some("Too many wrong tokens. Wait a minute.")),
        ),
        Err(_) => plain(
            StatusCode::UNAUTHORIZED,
            HTML,
            page::login(Some("That is not the token.")),
        ),
    }
}

async fn release(desk: &Desk, form: &[u8], peer: IpAddr) -> Answer {
    // The origin has been seen; the word in the form is for browsers that keep it to themselves.
    let word = said(form, "form").unwrap_or_default();
    if !is_word(&desk.form, &word) {
        return to("/?done=stale#blocks");
    }
    let Some(id) = said(form, "id").and_then(|id| id.parse::<BlockId>().ok()) else {
        return plain(
            StatusCode::BAD_REQUEST,
            TEXT,
            "That is not the id of a block.\n",
        );
    };
    let live = desk.shared.live.load_full();
    match live.suit.blocklist().release(Release::Id(id)).await {
        Ok(count) => {
            tracing::info!(block = %id, count, client.ip = %peer, "released at the admin page");
            to(if count == 0 {
                "/?done=gone#blocks"
            } else {
                "/?done=released#blocks"
            })
        }
        Err(error) => {
            tracing::warn!(%error, "a block could not be released");
            to("/?done=failed#blocks")
        }
    }
}

fn is_word(form: &Nonce, said: &str) -> bool {
    Secret::new(form.as_str().as_bytes().to_vec()) == Secret::new(said.as_bytes().to_vec())
}

/// The fields of a form, none of which is read as anything else.
async fn form(head: &Parts, body: Incoming) -> Result<Bytes, Box<Answer>> {
    let media = head.headers.get(CONTENT_TYPE);
    let media = media.and_then(|media| media.to_str().ok()).unwrap_or("");
    if media.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Box::new(plain(status, TEXT, "This takes a form.\n")));
    }
    let read = Limited::new(body, FORM).collect();
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(Box::new(plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            TEXT,
            "The form is too large, or broke off.\n",
        ))),
        Err(_) => Err(Box::new(plain(
            StatusCode::REQUEST_TIMEOUT,
            TEXT,
            "The form did not come in time.\n",
        ))),
    }
}

fn said(form: &[u8], name: &str) -> Option<String> {
    let found = form_urlencoded::parse(form).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

fn refuse(stopped: Stopped) -> Answer {
    let (status, why) = match stopped {
        Stopped::Name => (
            StatusCode::MISDIRECTED_REQUEST,
            "Ask for this by 127.0.0.1 or localhost. Any other name may have been pointed here by \
             another site; with `admin.token` it does not matter.\n",
        ),
        Stopped::NoToken => (
            StatusCode::FORBIDDEN,
            "This listener is open to other machines, and `admin.token` is not set.\n",
        ),
        Stopped::OtherSite => (
            StatusCode::FORBIDDEN,
            "Another site's page has sent this, or nobody knows whose.\n",
        ),
        Stopped::Stranger => (
            StatusCode::UNAUTHORIZED,
            "Send `Authorization: Bearer` with what `admin.token` says.\n",
        ),
        Stopped::Guessing => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong tokens. Wait a minute.\n",
        ),
    };
    let mut answer = plain(status, TEXT, why);
    let headers = answer.headers_mut();
    match stopped {
        Stopped::Stranger => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Stopped::Guessing => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        }
        _ => {}
    }
    answer
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = plain(
        StatusCode::METHOD_NOT_ALLOWED,
        TEXT,
        "Not with this method.\n",
    );
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn to(place: &'static str) -> Answer {
    let mut answer = plain(StatusCode::SEE_OTHER, TEXT, "");
    answer
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static(place));
    answer
}

fn plain(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}
