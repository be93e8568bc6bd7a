//! What the log is told, and how often.

use std::num::NonZeroU32;

use super::*;
use crate::said::said;

/// What the log is told while `run` runs.
fn told(run: impl Future<Output = ()>) -> String {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().build().unwrap();
    let all = said(|| runtime.block_on(run));
    let own = all.lines().filter(|line| line.contains("panoply_sessions"));
    own.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_outage_and_its_end_are_told_once_though_the_store_reads_on() {
    for at_once in [false, true] {
        let all = told(async {
            let site = Site::new(config(), at_once);
            let mut browser = site.browser();
            for fails in [true, false, true, false] {
                site.store.writes_fail.store(fails, Ordering::SeqCst);
                for number in 0..3 {
                    browser
                        .visit(async |session| session.insert("a", &(fails, number)).await)
                        .await;
                }
            }
        });
        assert_eq!(outages(&all), (2, 2), "at once {at_once}: {all}");
    }
}

#[test]
fn sessions_that_cannot_be_read_are_told_once() {
    for at_once in [false, true] {
        let all = told(async {
            let site = Site::new(config(), at_once);
            let mut browser = site.browser();
            let write = async |session: Session| session.insert("a", &1).await;
            browser.visit(write).await;
            for fails in [true, false] {
                site.store.reads_fail.store(fails, Ordering::SeqCst);
                for _ in 0..3 {
                    let read = async |session: Session| session.get::<i32>("a").await.map(drop);
                    browser.visit(read).await;
                }
            }
        });
        assert_eq!(outages(&all), (1, 1), "at once {at_once}: {all}");
    }
}

/// How often the log warns that the store fails, and says that it is back.
fn outages(log: &str) -> (usize, usize) {
    let warned = |what: &str| {
        let lines = log.lines().filter(|line| line.contains("WARN"));
        lines.filter(|line| line.contains(what)).count()
    };
    (
        warned("the store of sessions fails"),
        warned("the store of sessions is back"),
    )
}

#[test]
fn plain_http_is_told_once_and_https_never() {
    for at_once in [false, true] {
        let all = told(async {
            let site = Site::new(config(), at_once);
            let write = async |session: Session| session.insert("a", &1).await;
            let mut browser = site.browser();
            browser.visit(write).await;
            for _ in 0..3 {
                let mut plain = site.browser();
                plain.scheme = Some(Scheme::Http);
                plain.visit(write).await;
            }
        });
        let errors = all.lines().filter(|line| line.contains("ERROR"));
        assert_eq!(errors.count(), 1, "{all}");
        assert!(all.contains("client.trusted_proxies") && all.contains("cookie=\"__Host-id\""));
        assert!(all.contains("Secure::DangerAuto"), "as it is written");
        let all = told(async {
            let site = Site::new(config(), at_once);
            let mut browser = site.browser();
            let visit = async |session: Session| session.login("alice").await;
            browser.visit(visit).await;
            browser.visit(visit).await;
        });
        assert_eq!(all, "");
    }
}

#[test]
fn what_is_changed_too_late_is_told() {
    for (changes, lines) in [(false, 0), (true, 1)] {
        let all = told(async {
            let site = Site::new(config(), true);
            let kept = std::sync::Mutex::new(None);
            let keep = async |session: Session| {
                session.insert("a", &1).await?;
                *kept.lock().unwrap() = Some(session);
                Ok(())
            };
            site.browser().visit(keep).await;
            let session = kept.lock().unwrap().take().unwrap();
            if changes {
                session.insert("b", &2).await.unwrap();
            }
        });
        assert_eq!(all.lines().count(), lines, "{all}");
        assert_eq!(all.contains("and that is lost"), changes);
    }
}

#[test]
fn a_session_that_was_one_too_many_is_told() {
    let all = told(async {
        let site = Site::new(config().most_per_user(NonZeroU32::MIN), true);
        for _ in 0..2 {
            let login = async |session: Session| session.login("alice").await;
            site.browser().visit(login).await;
            site.pass(1);
        }
    });
    assert_eq!(all.lines().count(), 1, "{all}");
    assert!(all.contains("ended=1") && !all.contains("alice"), "{all}");
}

#[test]
fn what_is_changed_too_late_is_told_though_nobody_looked_before() {
    for given_up in [false, true] {
        let all = told(async {
            let site = Site::new(config(), true);
            let browser = site.guest().await;
            let kept = std::sync::Mutex::new(None);
            let answer = browser.request(async |session| {
                if given_up {
                    session.insert("b", &2).await?;
                    std::future::pending::<()>().await;
                }
                *kept.lock().unwrap() = Some(session);
                Ok(())
            });
            if given_up {
                let waker = std::task::Waker::noop();
                let mut cx = std::task::Context::from_waker(waker);
                assert!(std::pin::pin!(answer).poll(&mut cx).is_pending());
                return;
            }
            answer.await;
            let session = kept.lock().unwrap().take().unwrap();
            session.insert("b", &2).await.unwrap();
        });
        // A client that goes before its answer is no fault of the app's.
        assert_eq!(all.contains("and that is lost"), !given_up, "{all}");
    }
}

#[test]
fn a_login_that_was_given_up_is_told_once() {
    for at_once in [false, true] {
        let all = told(async {
            let site = Site::new(config(), at_once);
            let app = service_fn(async |request: Request<()>| {
                let session = request.extensions().get::<Session>().unwrap().clone();
                session.login("alice").await.unwrap();
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                Ok::<_, std::convert::Infallible>(response)
            });
            let app = site.sessions.layer().layer(app);
            app.oneshot(Request::new(())).await.unwrap();
        });
        assert_eq!(all.lines().count(), 1, "{all}");
        assert!(
            all.contains("WARN") && all.contains("a login is not kept"),
            "{all}"
        );
    }
}

#[test]
fn what_is_lost_to_a_new_id_is_told_and_what_is_lost_to_an_end_is_not() {
    for at_once in [false, true] {
        for (what, lines) in [("login", 1), ("cycle", 1), ("logout", 0), ("nothing", 0)] {
            let all = told(async {
                let site = Site::new(config(), at_once);
                let browser = site.guest().await;
                let other = browser.clone();
                let response = browser
                    .request(async |session| {
                        session.names().await?;
                        let during = async |session: Session| match what {
                            "login" => session.login("alice").await,
                            "cycle" => session.cycle_id().await,
                            "logout" => session.logout().await,
                            _ => Ok(()),
                        };
                        other.request(during).await;
                        session.insert("b", &2).await
                    })
                    .await;
                assert_eq!(response.status(), StatusCode::OK);
                // Who comes later by the old id is told nothing about: anybody could fill the log with it.
                let late = browser.request(async |session| session.insert("b", &2).await);
                late.await;
            });
            let warned = all.lines().filter(|line| line.contains("WARN"));
            assert_eq!(warned.count(), lines, "{what} {at_once}: {all}");
            assert_eq!(all.contains("session.fp="), what != "nothing");
        }
    }
}
