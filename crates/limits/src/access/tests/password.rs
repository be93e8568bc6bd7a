//! Who has a password is let in, and nobody guesses it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use panoply_core::{Clock, ManualClock, Secret};
use panoply_store_memory::MemoryStore;
use tower::Service as _;

use super::*;

/// Of `correct`.
pub(super) const CORRECT: &str = "$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2";

pub(super) fn guarded(
    rules: impl IntoIterator<Item = AccessConfig>,
) -> (AccessLayer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let ours: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let store = Arc::new(MemoryStore::builder().clock(Arc::clone(&ours)).build());
    let secret = Secret::new(vec![7; 32]);
    let layer = AccessLayer::guarded(rules, store, &secret, ours).unwrap();
    (layer, clock)
}

fn staging() -> (AccessLayer, Arc<ManualClock>) {
    guarded([AccessConfig::with_passwords(
        "/staging/",
        [("ada", CORRECT), ("bob", CORRECT)],
    )])
}

pub(super) fn with(path: &str, client: &str, said: &str) -> Request<()> {
    let mut request = request(path, Some(client));
    if !said.is_empty() {
        let said = base64::engine::general_purpose::STANDARD.encode(said);
        let said = format!("Basic {said}").parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, said);
    }
    request
}

/// Whether the app sees a password is its answer.
async fn answer(layer: &AccessLayer, request: Request<()>) -> Response<Bytes> {
    let app = service_fn(|request: Request<()>| async move {
        let sees = request.headers().contains_key(AUTHORIZATION);
        Ok::<_, Infallible>(Response::new(Bytes::from(sees.to_string())))
    });
    layer.layer(app).oneshot(request).await.unwrap()
}

async fn status(layer: &AccessLayer, path: &str, client: &str, said: &str) -> u16 {
    answer(layer, with(path, client, said))
        .await
        .status()
        .as_u16()
}

#[tokio::test]
async fn who_has_a_password_is_let_in() {
    let (layer, _) = staging();
    for (path, said, expected) in [
        ("/staging/x", "", 401),
        ("/staging/x", "ada:wrong", 401),
        ("/staging/x", "eve:correct", 401),
        ("/staging/x", "ada", 401),
        ("/staging/x", "ada:correct", 200),
        ("/staging/x", "bob:correct", 200),
        ("/x/..%2fstaging/", "", 401),
        ("/STAGING", "ada:correct", 200),
        ("/elsewhere", "", 200),
        ("/elsewhere", "ada:wrong", 200),
    ] {
        assert_eq!(
            status(&layer, path, "203.0.113.7:1", said).await,
            expected,
            "{path} {said}"
        );
    }
    let asks = answer(&layer, with("/staging/", "203.0.113.7:1", "")).await;
    assert_eq!(
        asks.headers()[WWW_AUTHENTICATE],
        "Basic realm=\"restricted\", charset=\"UTF-8\""
    );
    let refusal: &Refusal = asks.extensions().get().unwrap();
    assert_eq!(refusal.rule(), "access/password");

    // The password is ours; one that is not is the app's.
    let within = answer(&layer, with("/staging/", "203.0.113.7:1", "ada:correct")).await;
    assert_eq!(within.body(), "false");
    for (said, sees) in [("ada:own", "false"), ("own:own", "true")] {
        let elsewhere = answer(&layer, with("/elsewhere", "203.0.113.7:1", said)).await;
        assert_eq!(elsewhere.body(), sees, "{said}");
    }
    let mut token = request("/staging/", Some("203.0.113.7:1"));
    token
        .headers_mut()
        .insert(AUTHORIZATION, "Bearer x".parse().unwrap());
    assert_eq!(answer(&layer, token).await.status(), 401);
}

#[tokio::test]
async fn addresses_and_passwords_are_both_needed() {
    let both: AccessConfig = toml::from_str(&format!(
        "path = \"/\"\nallow = [\"10.0.0.0/8\"]\nusers = {{ ada = \"{CORRECT}\" }}"
    ))
    .unwrap();
    let more = AccessConfig::with_passwords("/admin", [("bob", CORRECT)]);
    let (layer, _) = guarded([both, more]);
    for (path, client, said, expected) in [
        ("/", "203.0.113.7:1", "ada:correct", 404),
        ("/", "10.0.0.1:1", "", 401),
        ("/", "10.0.0.1:1", "ada:correct", 200),
        // There is nobody who may do both.
        ("/admin", "10.0.0.1:1", "ada:correct", 401),
        ("/admin", "10.0.0.1:1", "bob:correct", 401),
    ] {
        assert_eq!(
            status(&layer, path, client, said).await,
            expected,
            "{path} {client} {said}"
        );
    }
}

#[tokio::test]
async fn nobody_guesses() {
    let (layer, clock) = staging();
    for number in 0..10 {
        let guess = format!("ada:{number}");
        assert_eq!(
            status(&layer, "/staging/", "203.0.113.7:1", &guess).await,
            401
        );
    }
    let locked = answer(&layer, with("/staging/", "203.0.113.7:1", "ada:correct")).await;
    assert_eq!(locked.status(), 429);
    assert!(locked.headers().contains_key(RETRY_AFTER));
    // Nobody else is locked out by that, and neither is who has no password at all told anything.
    assert_eq!(
        status(&layer, "/staging/", "203.0.113.8:1", "ada:correct").await,
        200
    );
    assert_eq!(status(&layer, "/staging/", "203.0.113.7:1", "").await, 401);
    // What was right from elsewhere tells nobody here that it is.
    assert_eq!(
        status(&layer, "/staging/", "203.0.113.7:1", "ada:correct").await,
        429
    );

    // From everywhere it is a hundred an hour.
    for number in 0..100 {
        let client = format!("198.51.100.{number}:1");
        assert_eq!(
            status(&layer, "/staging/", &client, "bob:wrong").await,
            401,
            "{number}"
        );
    }
    assert_eq!(
        status(&layer, "/staging/", "198.51.100.200:1", "bob:correct").await,
        429
    );
    clock.advance(Duration::from_hours(2));
    assert_eq!(
        status(&layer, "/staging/", "198.51.100.200:1", "bob:correct").await,
        200
    );
}

#[tokio::test]
async fn what_was_right_is_looked_at_once_an_hour() {
    let (layer, clock) = staging();
    let guard = layer.guard().unwrap().clone();
    let client = "203.0.113.7:1";
    // As a page asks for what it is made of: were each an attempt, the eleventh would be too many.
    let many = (0..30).map(|_| status(&layer, "/staging/", client, "ada:correct"));
    let many: Vec<u16> = together(many).await;
    assert_eq!(
        many.into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([200])
    );
    for _ in 0..10 {
        let attempt = guard.attempt(client.split(':').next().unwrap().parse().unwrap(), "ada");
        attempt.await.unwrap().fail();
    }
    assert_eq!(
        status(&layer, "/staging/", client, "ada:correct").await,
        200
    );
    // Whoever guesses beside the one who knows it is told no more by what is known.
    assert_eq!(status(&layer, "/staging/", client, "ada:wrong").await, 429);
    assert_eq!(
        status(&layer, "/staging/", client, "ada:correct").await,
        429
    );
    clock.advance(Duration::from_mins(61));
    assert_eq!(
        status(&layer, "/staging/", client, "ada:correct").await,
        200
    );
    clock.advance(Duration::from_mins(61));
    assert_eq!(status(&layer, "/staging/", client, "ada:wrong").await, 401);
}

/// All of them, at once.
async fn together<F: Future<Output = u16>>(of: impl IntoIterator<Item = F>) -> Vec<u16> {
    let mut waiting: Vec<_> = of.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|cx| {
        for (one, done) in waiting.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(status) = one.as_mut().poll(cx) {
                *done = Some(status);
            }
        }
        match waiting.iter().map(|(_, done)| *done).collect() {
            Some(all) => std::task::Poll::Ready(all),
            None => std::task::Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_guess_beside_one_who_is_known_is_told_nothing() {
    let (layer, _) = staging();
    let client = "203.0.113.7:1";
    assert_eq!(
        status(&layer, "/staging/", client, "ada:correct").await,
        200
    );
    let guesses: Vec<String> = (0..40)
        .map(|number| match number {
            20 => "ada:correct".to_owned(),
            _ => format!("ada:{number}"),
        })
        .collect();
    let asked = guesses
        .iter()
        .map(|said| status(&layer, "/staging/", client, said));
    let told = together(asked).await;
    assert!(!told.contains(&200), "{told:?}");
}

#[tokio::test]
async fn who_is_in_no_inner_table_is_not_locked_out_of_the_outer_one() {
    let (layer, clock) = guarded([
        AccessConfig::with_passwords("/", [("ada", CORRECT)]),
        AccessConfig::with_passwords("/two/", [("carl", CORRECT)]),
    ]);
    let client = "203.0.113.7:1";
    for _ in 0..30 {
        // Its first is looked at, though it leads no further.
        assert_eq!(
            status(&layer, "/two/x.png", client, "ada:correct").await,
            401
        );
    }
    assert_eq!(status(&layer, "/", client, "ada:correct").await, 200);
    // Guesses there are guesses all the same.
    clock.advance(Duration::from_hours(2));
    let mut last = 0;
    for number in 0..12 {
        last = status(&layer, "/two/", client, &format!("ada:{number}")).await;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn who_goes_before_the_answer_has_not_guessed() {
    let (layer, _) = staging();
    let client = "203.0.113.7:1";
    for _ in 0..20 {
        let mut gone = Box::pin(answer(&layer, with("/staging/", client, "ada:correct")));
        let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(gone.as_mut().poll(cx)));
        drop(begun.await);
    }
    assert_eq!(
        status(&layer, "/staging/", client, "ada:correct").await,
        200
    );
}

#[tokio::test]
async fn a_layer_knows_what_the_one_before_it_knew() {
    let client = "203.0.113.7:1";
    let (before, _) = staging();
    assert_eq!(
        status(&before, "/staging/", client, "ada:correct").await,
        200
    );
    let (layer, _) = staging();
    layer.begin_with(&before);
    // Looked at, it would be one of ten.
    let guard = layer.guard().unwrap().clone();
    for _ in 0..10 {
        let attempt = guard.attempt("203.0.113.7".parse().unwrap(), "ada").await;
        attempt.unwrap().fail();
    }
    assert_eq!(
        status(&layer, "/staging/", client, "ada:correct").await,
        200
    );
    // One whose password is another now is not known.
    let other = CORRECT.replace("$04$", "$05$");
    let (changed, _) = guarded([AccessConfig::with_passwords("/staging/", [("ada", other)])]);
    changed.begin_with(&before);
    assert_eq!(
        status(&changed, "/staging/", client, "ada:correct").await,
        401
    );
}

#[tokio::test]
async fn beside_its_path_nobody_sees_a_password_either() {
    let (layer, _) = staging();
    let client = "203.0.113.7:1";
    let within = answer(&layer, with("/staging/", client, "ada:correct")).await;
    assert_eq!(within.status(), 200);
    let beside = answer(&layer, with("/", client, "ada:correct")).await;
    assert_eq!(beside.body(), "false");
    // Nor one that is wrong, by which it would be told which is right; in a name of the app's own it is the app's.
    let wrong = answer(&layer, with("/", client, "ada:another")).await;
    assert_eq!(wrong.body(), "false");
    let own = answer(&layer, with("/", client, "stripe:correct")).await;
    assert_eq!(own.body(), "true");
}

#[tokio::test]
async fn the_service_that_is_ready_is_the_one_that_is_called() {
    // One that is called without having been made ready panics, as many of tower's do.
    #[derive(Clone)]
    struct Picky(bool, Arc<AtomicU32>);
    impl tower::Service<Request<()>> for Picky {
        type Response = Response<Bytes>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Bytes>, Infallible>>;
        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Infallible>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            assert!(std::mem::take(&mut self.0));
            self.1.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(Response::new(Bytes::new())))
        }
    }
    let (layer, _) = staging();
    let calls = Arc::new(AtomicU32::new(0));
    let mut service = layer.layer(Picky(false, Arc::clone(&calls)));
    for _ in 0..3 {
        let request = with("/staging/", "203.0.113.7:1", "ada:correct");
        let called = service.ready().await.unwrap().call(request);
        assert_eq!(called.await.unwrap().status(), 200);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

proptest! {
    /// Whatever stands in the header, a name and a password are what was written (RFC 7617 §2), or nothing.
    #[test]
    fn a_header_says_who_was_written(name in "[^:]{0,20}", password in ".{0,80}", odd in any::<Vec<u8>>()) {
        let said = |value: Vec<u8>| {
            let mut headers = http::HeaderMap::new();
            headers.insert(AUTHORIZATION, http::HeaderValue::from_bytes(&value).ok()?);
            super::super::password::Said::of(&headers)
        };
        let both = format!("{name}:{password}");
        let coded = base64::engine::general_purpose::STANDARD.encode(&both);
        for scheme in ["Basic", "basic", "BASIC"] {
            let said = said(format!("{scheme} {coded}").into_bytes());
            prop_assert!(said.is_some_and(|said| said.is(&name, &password)));
        }
        // Nothing of it is read as more than it says.
        let _ = said(odd.clone());
        let _ = said([b"Basic ".as_slice(), &odd].concat());
    }
}

#[test]
fn what_lets_everybody_in_is_refused() {
    let of = |text: &str| toml::from_str::<AccessConfig>(text).unwrap();
    let users = format!("users = {{ ada = \"{CORRECT}\" }}");
    for (config, said) in [
        (of("path = \"/\""), "panoply password ada"),
        (
            of(&format!("path = \"/\"\ndry_run = true\n{users}")),
            "dry_run",
        ),
        (of("path = \"/\"\nusers = { ada = \"correct\" }"), "no hash"),
        (of("path = \"/\"\nhtpasswd = \"nowhere\""), "cannot be read"),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let uncounted = AccessLayer::new([of(&format!("path = \"/\"\n{users}"))]).unwrap_err();
    assert!(
        uncounted.to_string().contains("AccessLayer::guarded"),
        "{uncounted}"
    );
}
