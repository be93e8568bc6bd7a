use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{Request, Response, StatusCode};
use panoply_core::{ClientAddress, ManualClock, Scheme};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{CookieConfig, Error, OnOutage, Secure, Session, SessionConfig, Sessions};

mod dropped;
mod failed;
mod ids;
mod late;
mod limits;
mod log;
mod lost;
mod nth;
mod races;
mod states;
mod watched;

use watched::Watched;

/// A site with sessions.
pub(super) struct Site {
    pub(super) sessions: Sessions,
    pub(super) store: Arc<Watched>,
    pub(super) clock: ManualClock,
}

impl Site {
    pub(super) fn new(config: SessionConfig, at_once: bool) -> Self {
        let clock = ManualClock::new();
        let store = Arc::new(Watched::new(clock.clone(), at_once));
        Self {
            sessions: config.clock(clock.clone()).build(store.clone()).unwrap(),
            store,
            clock,
        }
    }

    pub(super) fn browser(&self) -> Browser {
        Browser {
            sessions: self.sessions.clone(),
            cookie: None,
            scheme: Some(Scheme::Https),
        }
    }

    /// One whose session has an `a` of 1.
    pub(super) async fn guest(&self) -> Browser {
        let mut browser = self.browser();
        let write = async |session: Session| session.insert("a", &1).await;
        browser.visit(write).await;
        browser
    }

    /// One in which Alice has logged in.
    pub(super) async fn alice(&self) -> Browser {
        let mut browser = self.browser();
        let login = async |session: Session| session.login("alice").await;
        browser.visit(login).await;
        browser
    }

    /// How many loads and commits there were since the last time.
    pub(super) fn calls(&self) -> (usize, usize) {
        let taken = |count: &AtomicUsize| count.swap(0, Ordering::SeqCst);
        (taken(&self.store.loads), taken(&self.store.commits))
    }

    pub(super) fn pass(&self, minutes: u64) {
        self.clock.advance(Duration::from_mins(minutes));
    }
}

/// A browser with a jar for one cookie.
#[derive(Clone)]
pub(super) struct Browser {
    pub(super) sessions: Sessions,
    /// `name=value`.
    pub(super) cookie: Option<String>,
    pub(super) scheme: Option<Scheme>,
}

impl Browser {
    /// One request that `handler` answers, whose cookie is kept.
    pub(super) async fn visit<F>(&mut self, handler: F) -> Response<Bytes>
    where
        F: AsyncFn(Session) -> Result<(), Error>,
    {
        let response = self.request(handler).await;
        self.keep(&response);
        response
    }

    /// Keeps the cookie of an answer.
    pub(super) fn keep(&mut self, response: &Response<Bytes>) {
        let line = response.headers().get(SET_COOKIE);
        if let Some(line) = line.map(|line| line.to_str().unwrap()) {
            let pair = line.split(';').next().unwrap().to_owned();
            self.cookie = Some(pair).filter(|_| !line.contains("Max-Age=0"));
        }
    }

    /// One request whose answer the browser has not got yet.
    pub(super) async fn request<F>(&self, handler: F) -> Response<Bytes>
    where
        F: AsyncFn(Session) -> Result<(), Error>,
    {
        let mut request = Request::new(());
        if let Some(cookie) = &self.cookie {
            let line = format!("theme=dark; {cookie}; __Host-id=bad")
                .parse()
                .unwrap();
            request.headers_mut().insert(COOKIE, line);
        }
        if let Some(scheme) = self.scheme {
            let peer = "203.0.113.9:4711".parse().unwrap();
            request
                .extensions_mut()
                .insert(ClientAddress::direct(peer, scheme));
        }
        let handler = &handler;
        let app = service_fn(async |request: Request<()>| {
            let session = request.extensions().get::<Session>().unwrap().clone();
            let mut response = Response::new(Bytes::from_static(b"page"));
            if handler(session).await.is_err() {
                *response.status_mut() = StatusCode::IM_A_TEAPOT;
            }
            Ok::<_, std::convert::Infallible>(response)
        });
        self.sessions
            .layer()
            .layer(app)
            .oneshot(request)
            .await
            .unwrap()
    }

    pub(super) async fn value(&self, name: &str) -> Option<u32> {
        let seen = std::sync::Mutex::new(None);
        self.request(async |session| {
            *seen.lock().unwrap() = session.get(name).await?;
            Ok(())
        })
        .await;
        seen.into_inner().unwrap()
    }

    pub(super) async fn user(&self) -> Option<String> {
        let seen = std::sync::Mutex::new(None);
        self.request(async |session| {
            let user = session.user().await?;
            *seen.lock().unwrap() = user;
            Ok(())
        })
        .await;
        seen.into_inner().unwrap()
    }
}

pub(super) fn set_cookie(response: &Response<Bytes>) -> Option<&str> {
    let mut lines = response.headers().get_all(SET_COOKIE).into_iter();
    let line = lines.next().map(|line| line.to_str().unwrap());
    assert!(
        lines.next().is_none(),
        "one line a name (RFC 6265bis §4.1.1)"
    );
    line
}

fn config() -> SessionConfig {
    SessionConfig::new()
}

/// A cache that keeps the answer would give its cookie to everybody.
#[tokio::test]
async fn an_answer_that_sets_the_cookie_is_not_for_shared_caches() {
    let kept = [
        ("public, max-age=3600", "private, max-age=3600"),
        (
            "max-age=60, S-MaxAge=\"9\", must-revalidate",
            "private, max-age=60, must-revalidate",
        ),
        ("s-maxage=60", "private"),
        ("immutable", "private, immutable"),
        ("private, max-age=60", "private, max-age=60"),
        ("No-Store", "No-Store"),
        ("no-cache", "private, no-cache"),
    ];
    for (said, expected) in kept {
        for at_once in [false, true] {
            let site = Site::new(config(), at_once);
            for writes in [true, false] {
                let app = service_fn(async |request: Request<()>| {
                    let session = request.extensions().get::<Session>().unwrap().clone();
                    if writes {
                        session.insert("a", &1).await.unwrap();
                    } else {
                        session.user().await.unwrap();
                    }
                    let response = Response::builder()
                        .header(CACHE_CONTROL, said)
                        .header("cdn-cache-control", "max-age=60")
                        .header("Cloudflare-CDN-Cache-Control", "max-age=60")
                        .header("x-accel-expires", "60")
                        .header("x-cache", "miss");
                    Ok::<_, std::convert::Infallible>(response.body(Bytes::new()).unwrap())
                });
                let app = site.sessions.layer().layer(app);
                let response = app.oneshot(Request::new(())).await.unwrap();
                assert_eq!(set_cookie(&response).is_some(), writes);
                let sent: Vec<_> = response.headers().get_all(CACHE_CONTROL).iter().collect();
                assert_eq!(sent, [if writes { expected } else { said }]);
                let others = response.headers().len();
                assert_eq!(
                    others,
                    if writes { 3 } else { 5 },
                    "{:?}",
                    response.headers()
                );
            }
        }
    }
}

/// What axum asks of a handler's future.
#[tokio::test]
async fn a_handler_may_move_between_threads() {
    for at_once in [false, true] {
        async fn handler(session: Session) -> Result<(), Error> {
            session.update("n", |n: Option<u8>| n.unwrap_or(0)).await?;
            session.flash("note", "hello").await?;
            session.flashed::<String>("note").await?;
            session.login("alice").await?;
            session.remember(Duration::from_hours(48)).await?;
            session.save().await?;
            session.reload().await?;
            session.list().await?;
            session.revoke_others().await?;
            session.destroy().await
        }
        let site = Site::new(config(), at_once);
        let session = Session::new(site.sessions.0.clone(), None, Some(true));
        tokio::spawn(handler(session)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn who_never_looks_pays_nothing() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        site.calls();
        site.pass(20);
        let response = browser.visit(async |_| Ok(())).await;
        assert_eq!(site.calls(), (0, 0));
        assert_eq!(set_cookie(&response), None);
        assert!(!response.headers().contains_key(CACHE_CONTROL));
        // Neither does a stranger who looks and writes nothing.
        let mut stranger = site.browser();
        let response = stranger
            .visit(async |session| session.get::<u32>("a").await.map(drop))
            .await;
        assert_eq!(site.calls(), (0, 0));
        assert_eq!(set_cookie(&response), None);
        assert!(!response.headers().contains_key(CACHE_CONTROL));
    }
}

#[tokio::test]
async fn a_session_is_made_kept_and_read() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        let response = browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert_eq!(site.calls(), (0, 1));
        let line = set_cookie(&response).unwrap();
        assert!(line.starts_with("__Host-id="));
        assert!(
            line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
            "{line}"
        );
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");

        assert_eq!(browser.value("a").await, Some(1));
        assert_eq!(site.calls(), (1, 0));
        let response = browser
            .visit(async |session| {
                session.insert("a", &1).await?;
                session.insert("b", &2).await?;
                session.remove("b").await.map(drop)
            })
            .await;
        assert_eq!(
            site.calls(),
            (1, 0),
            "nothing is written that did not change"
        );
        assert_eq!(set_cookie(&response), None);
        browser
            .visit(async |session| session.insert("b", &2).await)
            .await;
        assert_eq!(site.calls(), (1, 1));
        browser
            .visit(async |session| session.remove("a").await.map(drop))
            .await;
        assert_eq!(
            (browser.value("a").await, browser.value("b").await),
            (None, Some(2))
        );
    }
}

#[tokio::test]
async fn reads_touch_once_a_minute_and_the_idle_time_ends() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.guest().await;
        site.calls();
        site.clock.advance(Duration::from_secs(59));
        browser.value("a").await;
        assert_eq!(site.calls(), (1, 0));
        site.clock.advance(Duration::from_secs(1));
        browser.value("a").await;
        assert_eq!(site.calls(), (1, 1));
        site.pass(29);
        browser
            .visit(async |session| session.get::<u32>("a").await.map(drop))
            .await;
        site.pass(29);
        assert_eq!(browser.value("a").await, Some(1));
        site.pass(30);
        assert_eq!(browser.value("a").await, None);
        for _ in 0..40 {
            browser
                .visit(async |session| session.insert("a", &1).await)
                .await;
            site.pass(20);
        }
        assert_eq!(
            browser.value("a").await,
            Some(1),
            "a new one, for the first ended"
        );
    }
}

#[tokio::test]
async fn a_lifetime_ends_however_much_it_is_used() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.alice().await;
        for _ in 0..35 {
            site.pass(20);
            browser
                .visit(async |session| session.user().await.map(drop))
                .await;
        }
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        site.pass(20);
        assert_eq!(browser.user().await, None);
    }
}

#[tokio::test]
async fn options_of_express() {
    for at_once in [false, true] {
        let saving = Site::new(config().save_uninitialized(true).resave(true), at_once);
        let mut browser = saving.browser();
        let response = browser.visit(async |_| Ok(())).await;
        assert!(set_cookie(&response).is_some());
        saving.calls();
        browser
            .visit(async |session| session.names().await.map(drop))
            .await;
        assert_eq!(saving.calls(), (1, 1));

        let week = Duration::from_hours(7 * 24);
        let kept = config()
            .lifetime(week * 2)
            .cookie(CookieConfig::new().max_age(week));
        let site = Site::new(kept.clone(), at_once);
        let mut browser = site.browser();
        let first = browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert!(set_cookie(&first).unwrap().contains("; Max-Age=604800;"));
        let read = async |session: Session| session.names().await.map(drop);
        assert_eq!(set_cookie(&browser.visit(read).await), None);
        let written = browser
            .visit(async |session| session.insert("a", &2).await)
            .await;
        assert!(
            set_cookie(&written)
                .unwrap()
                .starts_with(browser.cookie.as_ref().unwrap())
        );
        let counted = async |session: Session| {
            session
                .update("n", |n| n.unwrap_or(0) + 1)
                .await
                .map(|_: u8| ())
        };
        assert!(set_cookie(&browser.visit(counted).await).is_some());

        let rolling = Site::new(kept.rolling(true), at_once);
        let mut browser = rolling.browser();
        browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert!(
            set_cookie(&browser.visit(read).await)
                .unwrap()
                .contains("; Max-Age=604800;")
        );

        let theirs = Site::new(
            config()
                .name("id")
                .danger_genid(|| "their-own-0123456789".to_owned()),
            at_once,
        );
        let mut browser = theirs.browser();
        browser
            .visit(async |session| session.insert("a", &1).await)
            .await;
        assert_eq!(browser.cookie.as_deref(), Some("id=their-own-0123456789"));
        let taken = theirs
            .browser()
            .visit(async |session| session.insert("a", &2).await)
            .await;
        assert_eq!(taken.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            browser.value("a").await,
            Some(1),
            "nobody is given another's session"
        );
    }
}

#[tokio::test]
async fn a_session_is_remembered() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let mut browser = site.browser();
        let month = Duration::from_hours(30 * 24);
        let response = browser
            .visit(async |session| {
                session.login("alice").await?;
                session.remember(month).await
            })
            .await;
        assert!(
            set_cookie(&response)
                .unwrap()
                .contains("; Max-Age=2592000;")
        );
        site.pass(29 * 24 * 60);
        let renewed = browser
            .visit(async |session| session.user().await.map(drop))
            .await;
        assert!(
            set_cookie(&renewed).unwrap().contains("; Max-Age=86400;"),
            "no longer than it lasts"
        );
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
        site.pass(24 * 60);
        assert_eq!(browser.user().await, None);
    }
}
