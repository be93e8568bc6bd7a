//! Wrong logins: where they may be tried, how many, and what ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use panoply_audit::{Confidence, LiveOptions, LoginProbe, Report, live};

use crate::support::report::{of, unchecked};
use crate::support::site::{Asked, Reply, Site};

const RULE: &str = "auth/no-rate-limit";

type Way = (&'static str, fn() -> Reply);

const FORM: &str = "<form method=post action=/login><input type=hidden name=_csrf value=TOKEN>
    <input name=email type=email><input name=pw type=password></form>";

/// A login that counts what is sent to it; `answer` sees which one it is.
async fn login(
    page: &'static str,
    answer: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static,
) -> (Site, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let site = Site::serve(None, move |asked| {
        Some(match (asked.method.as_str(), asked.path.as_str()) {
            // What breaks a body on purpose goes elsewhere.
            ("POST", "/login") => answer(counting.fetch_add(1, Ordering::SeqCst) + 1, asked),
            ("GET", "/login") => Reply::page(page),
            ("GET", "/") => Reply::page("<a href=/login>Log in</a>"),
            _ => Reply::new(404),
        })
    });
    (site.await, count)
}

fn probing() -> LiveOptions {
    LiveOptions::new().login(LoginProbe::new())
}

fn found(report: &Report) -> bool {
    !of(report, RULE).is_empty()
}

#[tokio::test]
async fn without_a_limit_it_is_fifteen_and_never_more() {
    let (site, count) = login(FORM, |_, asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        assert!(
            body.starts_with("_csrf=TOKEN&email=panoply-audit-"),
            "{body}"
        );
        assert!(body.contains("%40example.com&pw=wrong-"), "{body}");
        Reply::page("invalid email or password").status(401)
    })
    .await;
    let report = live(&site.http("/"), &probing()).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 15);
    let finding = { report.findings.iter() }
        .find(|one| one.rule.id == "auth/no-rate-limit")
        .unwrap();
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(
        finding.message.contains("15 wrong logins"),
        "{}",
        finding.message
    );
}

#[tokio::test]
async fn nothing_is_sent_unless_asked_for() {
    let (site, count) = login(FORM, |_, _| Reply::new(401)).await;
    let report = live(&site.http("/"), &LiveOptions::new()).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(!found(&report) && unchecked(&report, RULE).is_none());
}

#[tokio::test]
async fn only_hosts_of_ones_own_are_tried() {
    let (site, count) = login(FORM, |_, _| Reply::new(401)).await;
    let url = format!("http://shop.test:{}/", site.port());
    let options = probing().resolve("shop.test", "127.0.0.1".parse().unwrap());
    let error = live(&url, &options).await.unwrap_err().to_string();
    assert!(error.contains("--i-own shop.test"), "{error}");
    // Not even the page was asked for.
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let error = live(&url, &options.clone().owned("evil-shop.test"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("--i-own"), "{error}");
    let report = live(&url, &options.owned("shop.test")).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 15);
    assert!(found(&report));
}

#[tokio::test]
async fn the_first_sign_of_a_limit_ends_it() {
    type Answer = fn(usize) -> Reply;
    fn wrong() -> Reply {
        Reply::page("wrong password").status(401)
    }
    let signs: [(&str, usize, Answer); 8] = [
        ("429", 6, |n| if n < 6 { wrong() } else { Reply::new(429) }),
        ("429 at once", 1, |_| Reply::new(429)),
        ("403", 4, |n| {
            if n < 4 {
                wrong()
            } else {
                Reply::page("stop").status(403)
            }
        }),
        (
            "locked",
            11,
            |n| if n < 11 { wrong() } else { Reply::new(423) },
        ),
        ("Retry-After", 3, |n| {
            if n < 3 {
                wrong()
            } else {
                wrong().header("Retry-After", "60")
            }
        }),
        ("captcha", 5, |n| {
            if n < 5 {
                wrong()
            } else {
                Reply::page("wrong password <div class=h-captcha>").status(401)
            }
        }),
        ("remaining", 2, |n| {
            wrong().header("RateLimit-Remaining", (10 - n).to_string())
        }),
        ("remaining of the draft", 2, |n| {
            wrong().header("RateLimit", format!("\"login\";r={};t=60", 10 - n))
        }),
    ];
    for (name, expected, answer) in signs {
        let (site, count) = login(FORM, move |number, _| answer(number)).await;
        let report = live(&site.http("/"), &probing()).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), expected, "{name}");
        assert!(
            !found(&report) && unchecked(&report, RULE).is_none(),
            "{name}: {report:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_delay_is_a_limit_too() {
    let (site, count) = login(FORM, |number, _| {
        // On a slow machine the first answers take longer, and only later ones are slower by enough.
        std::thread::sleep(Duration::from_secs(number.saturating_sub(3) as u64));
        Reply::page("wrong password").status(401)
    })
    .await;
    let report = live(&site.http("/"), &probing()).await.unwrap();
    assert!(
        count.load(Ordering::SeqCst) < 15 && !found(&report),
        "{report:#?}"
    );
}

#[tokio::test]
async fn many_left_is_no_limit_of_guesses() {
    let (site, count) = login(FORM, |number, _| {
        Reply::page("wrong")
            .status(401)
            .header("X-RateLimit-Remaining", (5000 - number).to_string())
    })
    .await;
    let report = live(&site.http("/"), &probing()).await.unwrap();
    assert!(found(&report) && count.load(Ordering::SeqCst) == 15);
}

#[tokio::test]
async fn each_way_to_refuse_a_login_is_known() {
    let ways: [Way; 5] = [
        ("401", || Reply::new(401)),
        ("422", || Reply::new(422)),
        ("back to the form", || Reply::redirect(302, "/login")),
        ("back with an error", || {
            Reply::redirect(303, "/login?error=1")
        }),
        ("the form again", || Reply::page(FORM)),
    ];
    for (name, answer) in ways {
        let (site, count) = login(FORM, move |_, _| answer()).await;
        let report = live(&site.http("/"), &probing()).await.unwrap();
        assert!(
            found(&report) && count.load(Ordering::SeqCst) == 15,
            "{name}: {report:#?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_not_checked() {
    let ways: [Way; 5] = [
        ("away", || Reply::redirect(302, "/welcome")),
        ("200", || Reply::page("hello")),
        ("500", || Reply::new(500)),
        ("404", || Reply::new(404)),
        ("403", || Reply::new(403)),
    ];
    for (name, answer) in ways {
        let (site, count) = login(FORM, move |_, _| answer()).await;
        let report = live(&site.http("/"), &probing()).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1, "{name}");
        assert!(
            !found(&report) && unchecked(&report, RULE).is_some(),
            "{name}: {report:#?}"
        );
    }
    let (site, count) = login("no form", |_, _| Reply::new(401)).await;
    let report = live(&site.http("/"), &probing()).await.unwrap();
    assert!(unchecked(&report, RULE).unwrap().contains("--login-path"));
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_login_that_takes_json_is_told_where_and_how() {
    let (site, count) = login("", |_, asked| {
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
        assert!(body["user"].as_str().unwrap().starts_with("panoply-audit-"));
        assert_eq!(asked.header("content-type"), Some("application/json"));
        Reply::new(401)
            .header("Content-Type", "application/json")
            .body("{}")
    })
    .await;
    let probe = LoginProbe::new()
        .path("/login")
        .fields("user", "pass")
        .json(true);
    let report = live(&site.http("/"), &LiveOptions::new().login(probe))
        .await
        .unwrap();
    assert!(
        found(&report) && count.load(Ordering::SeqCst) == 15,
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_form_that_goes_elsewhere_is_left_alone() {
    let page = "<form method=post action=https://idp.test/login><input name=u><input type=password name=p></form>";
    let (site, count) = login(page, |_, _| Reply::new(401)).await;
    let report = live(&site.http("/"), &probing()).await.unwrap();
    assert!(
        unchecked(&report, RULE)
            .unwrap()
            .contains("https://idp.test/login")
    );
    assert_eq!(count.load(Ordering::SeqCst), 0);
}
