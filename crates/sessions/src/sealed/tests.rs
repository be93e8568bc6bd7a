use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response, StatusCode};
use panoply_core::ManualClock;

use super::*;
use crate::{CookieConfig, Session, SessionConfig, Sessions};

/// Seals nothing, but says who made it, for which name and until when.
#[derive(Debug, Default)]
struct Paper {
    old: bool,
    used_up: Arc<AtomicBool>,
}

impl CookieSealer for Paper {
    fn seal(&self, name: &str, plain: &[u8], end: SystemTime) -> Result<String, Error> {
        use base64::Engine as _;
        if self.used_up.load(Ordering::SeqCst) {
            return Err(Error::NoRandom);
        }
        let end = end.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let plain = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(plain);
        Ok(format!("{name}.{end}.{plain}"))
    }

    fn open(&self, name: &str, value: &str, now: SystemTime) -> Option<Opened> {
        use base64::Engine as _;
        let mut parts = value.split('.');
        let own = parts.next()? == name;
        let end: u64 = parts.next()?.parse().ok()?;
        let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let plain = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts.next()?);
        (own && end > now).then_some(Opened::new(plain.ok()?, self.old))
    }
}

struct Site {
    sessions: Sessions,
    clock: ManualClock,
    cookie: Option<String>,
}

impl Site {
    fn new(config: SessionConfig, sealer: impl CookieSealer + 'static) -> Self {
        let clock = ManualClock::new();
        let sessions = config.clock(clock.clone()).build_sealed(Arc::new(sealer));
        Self {
            sessions: sessions.unwrap(),
            clock,
            cookie: None,
        }
    }

    /// The status, and whether a cookie was set.
    async fn visit<F>(&mut self, handler: F) -> (StatusCode, Option<String>)
    where
        F: AsyncFn(Session) -> Result<(), Error>,
    {
        use tower::{Layer as _, ServiceExt as _};
        let mut request = Request::builder();
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let session = Mutex::new(None);
        let handler = &handler;
        let app = tower::service_fn(|request: Request<()>| {
            let own = request.extensions().get::<Session>().unwrap().clone();
            *session.lock().unwrap() = Some(own.clone());
            async move {
                let mut response = Response::new(bytes::Bytes::new());
                if handler(own).await.is_err() {
                    *response.status_mut() = StatusCode::IM_A_TEAPOT;
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let app = self.sessions.layer().layer(app);
        let response = app.oneshot(request.body(()).unwrap()).await.unwrap();
        let line = response.headers().get("set-cookie");
        let line = line.map(|line| line.to_str().unwrap().to_owned());
        if let Some(line) = &line {
            let pair = line.split(';').next().unwrap().to_owned();
            self.cookie = Some(pair).filter(|_| !line.contains("Max-Age=0"));
        }
        (response.status(), line)
    }
}

#[tokio::test]
async fn a_session_is_in_its_cookie() {
    let mut site = Site::new(SessionConfig::new(), Paper::default());
    let (_, line) = site
        .visit(async |session| session.insert("a", &1).await)
        .await;
    assert!(
        line.unwrap()
            .ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax")
    );
    let (_, line) = site
        .visit(async |session| {
            assert_eq!(session.get("a").await?, Some(1));
            assert_eq!(session.user().await?, None);
            Ok(())
        })
        .await;
    assert_eq!(line, None, "nothing is sent that did not change");
    let (_, line) = site
        .visit(async |session| {
            session.login("alice").await?;
            session
                .update("n", |n: Option<u8>| n.unwrap_or(0) + 1)
                .await?;
            session.cycle_id().await
        })
        .await;
    assert!(line.is_some());
    let (status, _) = site
        .visit(async |session| {
            assert_eq!(session.user().await?.as_deref(), Some("alice"));
            assert_eq!(
                (session.get("a").await?, session.get("n").await?),
                (Some(1), Some(1))
            );
            Ok(())
        })
        .await;
    assert_eq!(status, StatusCode::OK);
    let (_, line) = site.visit(async |session| session.logout().await).await;
    assert!(line.unwrap().contains("; Max-Age=0;"));
}

#[tokio::test]
async fn a_sealed_session_ends_and_is_sealed_again() {
    let mut site = Site::new(SessionConfig::new(), Paper::default());
    site.visit(async |session| session.insert("a", &1).await)
        .await;
    let read = async |session: Session| {
        assert_eq!(session.get("a").await?, Some(1));
        Ok(())
    };
    for _ in 0..3 {
        site.clock.advance(Duration::from_mins(20));
        assert_eq!(site.visit(read).await.0, StatusCode::OK);
    }
    site.clock.advance(Duration::from_mins(30));
    site.visit(async |session| {
        assert_eq!(session.get::<u8>("a").await?, None);
        Ok(())
    })
    .await;
    let old = Paper {
        old: true,
        ..Paper::default()
    };
    let mut site = Site::new(SessionConfig::new(), old);
    site.visit(async |session| session.insert("a", &1).await)
        .await;
    let reload = async |session: Session| session.reload().await;
    for line in [site.visit(read).await.1, site.visit(reload).await.1] {
        assert!(
            line.is_some(),
            "an old key's value is made again with the first"
        );
    }
}

#[tokio::test]
async fn a_touch_that_cannot_be_sealed_is_missed_by_nobody() {
    let paper = Paper::default();
    let used_up = Arc::clone(&paper.used_up);
    let mut site = Site::new(SessionConfig::new(), paper);
    site.visit(async |session| session.insert("a", &1).await)
        .await;
    used_up.store(true, Ordering::SeqCst);
    site.clock.advance(Duration::from_mins(2));
    let read = async |session: Session| session.names().await.map(drop);
    assert_eq!(site.visit(read).await, (StatusCode::OK, None));
    let write = async |session: Session| session.insert("a", &2).await;
    let (status, line) = site.visit(write).await;
    assert_eq!((status, line), (StatusCode::INTERNAL_SERVER_ERROR, None));
}

#[tokio::test]
async fn a_key_that_was_rotated_opens_and_seals_no_more() {
    let old = panoply_cookies::KeyRing::random().unwrap();
    let mut site = Site::new(SessionConfig::new(), Sealer::new(&old, "a"));
    let (_, line) = site
        .visit(async |session| session.insert("a", &"secret").await)
        .await;
    assert!(line.unwrap().starts_with("__Host-id=v1."));
    let read = async |session: Session| {
        assert_eq!(session.get::<String>("a").await?.unwrap(), "secret");
        Ok(())
    };
    assert_eq!(site.visit(read).await, (StatusCode::OK, None));
    let shown = format!("{:?}", site.sessions);
    assert!(
        shown.contains("Sealed") && shown.contains("Sealer"),
        "{shown}"
    );
    let both = Sealer::new(&old.rotate().unwrap(), "a");
    let mut rotated = Site::new(SessionConfig::new(), both);
    rotated.cookie.clone_from(&site.cookie);
    let (status, line) = rotated.visit(read).await;
    assert_eq!(status, StatusCode::OK);
    assert!(line.is_some(), "sealed again with the first key");
    assert_eq!(rotated.visit(read).await, (StatusCode::OK, None));
    // Somebody else's opens nothing.
    let other = panoply_cookies::KeyRing::random().unwrap();
    let mut other = Site::new(SessionConfig::new(), Sealer::new(&other, "a"));
    other.cookie.clone_from(&site.cookie);
    let none = async |session: Session| {
        assert!(session.is_new().await?);
        Ok(())
    };
    assert_eq!(other.visit(none).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_sealed_session_is_as_large_as_browsers_keep() {
    let mut largest = 0;
    for letters in 2800..2990 {
        let mut site = Site::new(SessionConfig::new(), Paper::default());
        let write = async |session: Session| session.insert("a", &"x".repeat(letters)).await;
        let Some(line) = site.visit(write).await.1 else {
            break;
        };
        // Without the `=` between name and value.
        largest = line.split(';').next().unwrap().len() - 1;
    }
    assert_eq!(largest, MOST);
}

#[tokio::test]
async fn what_does_not_fit_is_said_by_how_much() {
    let mut site = Site::new(SessionConfig::new(), Paper::default());
    let said = Mutex::new(String::new());
    let large = async |session: Session| {
        session.insert("a", &"x".repeat(3000)).await?;
        *said.lock().unwrap() = session.save().await.unwrap_err().to_string();
        Ok(())
    };
    let (status, line) = site.visit(large).await;
    assert_eq!((status, line), (StatusCode::INTERNAL_SERVER_ERROR, None));
    let said = said.into_inner().unwrap();
    assert_eq!(
        said,
        "the sealed session makes a cookie of 4153 bytes, 60 more than the 4093 that browsers keep: \
         keep less in it, or keep sessions in a store"
    );
    let fits = async |session: Session| session.insert("a", &"x".repeat(2900)).await;
    assert_eq!(site.visit(fits).await.0, StatusCode::OK);
    site.clock.advance(Duration::from_mins(2));
    let read = async |session: Session| session.names().await.map(drop);
    assert_eq!(site.visit(read).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_needs_a_store_says_so() {
    let config = SessionConfig::new().most_per_user(std::num::NonZeroU32::MIN);
    let error = config.build_sealed(Arc::new(Paper::default())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`most_per_user` is set, and nobody counts sessions that are kept in cookies: write \
         sessions in a store, or no cap"
    );
    let kept = SessionConfig::new().cookie(CookieConfig::new());
    let mut site = Site::new(kept, Paper::default());
    site.visit(async |session| session.login("alice").await)
        .await;
    site.visit(async |session| {
        assert!(matches!(session.list().await, Err(Error::NoStore)));
        assert!(matches!(session.revoke_others().await, Err(Error::NoStore)));
        Ok(())
    })
    .await;
    assert!(matches!(
        site.sessions.revoke_all("alice").await,
        Err(Error::NoStore)
    ));
}

/// Whether anybody looked at it before the head or not.
#[tokio::test]
async fn behind_the_head_nothing_is_kept_and_that_is_said() {
    for looks in [false, true] {
        let mut site = Site::new(SessionConfig::new(), Paper::default());
        for is_there in [false, true] {
            let kept = Mutex::new(None);
            site.visit(async |session| {
                if looks {
                    assert_eq!(session.get::<u32>("a").await?.is_some(), is_there);
                }
                *kept.lock().unwrap() = Some(session);
                Ok(())
            })
            .await;
            let session = kept.into_inner().unwrap().unwrap();
            session.insert("b", &2).await.unwrap();
            let saved = session.save().await;
            assert!(matches!(saved, Err(Error::Late)), "{looks} {is_there}");
            site.visit(async |session| session.insert("a", &1).await)
                .await;
        }
    }
}

#[tokio::test]
async fn a_login_whose_handler_fails_is_none() {
    use tower::{Layer as _, ServiceExt as _};
    let site = Site::new(SessionConfig::new(), Paper::default());
    for (status, sends) in [(500, false), (404, true)] {
        let app = tower::service_fn(async |request: Request<()>| {
            let session = request.extensions().get::<Session>().unwrap().clone();
            session.login("alice").await.unwrap();
            let response = Response::builder().status(status).body(bytes::Bytes::new());
            Ok::<_, std::convert::Infallible>(response.unwrap())
        });
        let app = site.sessions.layer().layer(app);
        let response = app.oneshot(Request::new(())).await.unwrap();
        assert_eq!(response.headers().contains_key("set-cookie"), sends);
    }
}
