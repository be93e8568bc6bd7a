//! A store of which one call fails, each in turn, and a handler that hands errors on, but for those of what is to be
//! ended.

use std::pin::Pin;

use super::*;

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// What a handler does with its session.
type Script = fn(&Session) -> Done<'_>;

const SCRIPTS: [(&str, Script); 12] = [
    ("insert", |session| {
        Box::pin(async { session.insert("a", &2).await })
    }),
    ("save in between", |session| {
        Box::pin(async {
            session.insert("a", &2).await?;
            session.save().await?;
            session.insert("b", &3).await
        })
    }),
    ("login", |session| {
        Box::pin(async {
            session.login("bob").await?;
            session.insert("b", &3).await
        })
    }),
    ("logout", |session| {
        Box::pin(async {
            _ = session.logout().await;
            Ok(())
        })
    }),
    ("logout and a message", |session| {
        Box::pin(async {
            _ = session.logout().await;
            session.insert("b", &3).await
        })
    }),
    ("logout, a message, save", |session| {
        Box::pin(async {
            session.user().await?;
            _ = session.logout().await;
            session.insert("b", &3).await?;
            session.save().await
        })
    }),
    ("update", |session| {
        Box::pin(async {
            let add = |a: Option<u32>| a.unwrap_or(0) + 1;
            session.update("a", add).await?;
            session.insert("b", &3).await
        })
    }),
    ("another id", |session| {
        Box::pin(async {
            session.cycle_id().await?;
            session.insert("b", &3).await
        })
    }),
    ("reload", |session| {
        Box::pin(async {
            session.insert("a", &7).await?;
            session.reload().await?;
            session.insert("b", &3).await
        })
    }),
    ("no others", |session| {
        Box::pin(async {
            _ = session.revoke_others().await;
            session.insert("b", &3).await?;
            session.save().await
        })
    }),
    ("no others and logout", |session| {
        Box::pin(async {
            _ = session.revoke_others().await;
            _ = session.logout().await;
            Ok(())
        })
    }),
    ("logout and no others", |session| {
        Box::pin(async {
            _ = session.logout().await;
            _ = session.revoke_others().await;
            Ok(())
        })
    }),
];

/// What is there afterwards: who is logged in, what is kept, and who is logged in elsewhere and with the
/// cookie of before.
type Seen = (
    Option<String>,
    Option<u32>,
    Option<u32>,
    [Option<String>; 2],
);

/// Runs a script while the `nth` call fails; what was answered, how many calls there were, and what is
/// there then.
async fn run(script: Script, at_once: bool, nth: Option<usize>) -> (Response<Bytes>, usize, Seen) {
    let site = Site::new(config(), at_once);
    let mut browser = site.alice().await;
    let elsewhere = site.alice().await;
    let first = async |session: Session| session.insert("a", &1).await;
    browser.visit(first).await;
    let before = browser.clone();
    site.store.fail_at(nth);
    let response = browser
        .visit(async |session: Session| script(&session).await)
        .await;
    let calls = site.store.fail_at(None);
    let others = [elsewhere.user().await, before.user().await];
    let seen = (
        browser.user().await,
        browser.value("a").await,
        browser.value("b").await,
        others,
    );
    (response, calls, seen)
}

#[tokio::test]
async fn whatever_call_fails_nobody_is_told_of_what_was_not_kept() {
    let mut wrong = Vec::new();
    for at_once in [false, true] {
        for (name, script) in SCRIPTS {
            let (response, calls, wanted) = run(script, at_once, None).await;
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            assert!(calls > 0, "{name}");
            for nth in 0..calls {
                let (response, _, seen) = run(script, at_once, Some(nth)).await;
                if response.status() == StatusCode::OK && seen != wanted {
                    wrong.push(format!("{name}, call {nth}, {at_once}: {seen:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn an_end_that_was_asked_for_is_no_touch() {
    for at_once in [false, true] {
        let site = Site::new(config(), at_once);
        let browser = site.alice().await;
        site.store.writes_fail.store(true, Ordering::SeqCst);
        let soon = async |session: Session| session.expire_after(Duration::from_mins(1)).await;
        let response = browser.request(soon).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let touch = async |session: Session| session.touch().await;
        let response = browser.request(touch).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}
