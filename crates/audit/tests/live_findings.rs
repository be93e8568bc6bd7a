//! What the audit of a running site finds, and what it leaves alone: against servers that the test starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "a test may fail loudly"
)]

#[path = "live/pki.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod pki;
#[path = "live/site.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod site;

use panoply_audit::{Confidence, Finding, LiveOptions, Report, Severity, live};
use pki::{Leaf, Pki};
use site::{Asked, Reply, Site};

/// The rules of what was found, worst first, without those of which a test does not speak.
fn rules(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|one| one.rule.id).collect()
}

fn of<'a>(report: &'a Report, rule: &str) -> Vec<&'a Finding> {
    let is = |one: &&Finding| one.rule.id == rule;
    report.findings.iter().filter(is).collect()
}

fn only<'a>(report: &'a Report, rule: &str) -> &'a Finding {
    let found = of(report, rule);
    assert_eq!(found.len(), 1, "{rule}: {report:#?}");
    found[0]
}

fn unchecked<'a>(report: &'a Report, rule: &str) -> Option<&'a str> {
    let entry = report.not_checked.iter().find(|one| one.rule.id == rule);
    entry.map(|entry| entry.reason.as_str())
}

/// All that a page should have.
fn guarded(body: &str) -> Reply {
    Reply::page(body)
        .header(
            "Content-Security-Policy",
            "default-src 'self'; object-src 'none'; frame-ancestors 'self'",
        )
        .header(
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains",
        )
        .header("X-Content-Type-Options", "nosniff")
        .header("X-Frame-Options", "SAMEORIGIN")
        .header("Referrer-Policy", "no-referrer")
        .header("Cross-Origin-Opener-Policy", "same-origin")
        .header("Cross-Origin-Resource-Policy", "same-origin")
}

fn or_404(asked: &Asked, page: Reply) -> Reply {
    match asked.path.as_str() {
        "/" if asked.method != "POST" => page,
        _ => guarded("nothing here").status(404),
    }
}

/// A server that is right but for its page.
async fn secure(pki: &Pki, page: Reply) -> (Site, LiveOptions) {
    let acceptor = pki.good(&["localhost"]).acceptor();
    let site = Site::serve(Some(acceptor), move |asked| {
        if !asked.secure {
            let host = asked.header("host")?;
            return Some(Reply::redirect(
                308,
                format!("https://{host}{}", asked.path),
            ));
        }
        Some(or_404(asked, page.clone()))
    });
    (site.await, LiveOptions::new().authority(pki.file()))
}

async fn audit_page(page: Reply) -> Report {
    let pki = Pki::new();
    let (site, options) = secure(&pki, page).await;
    live(&site.https("/"), &options).await.unwrap()
}

#[tokio::test]
async fn a_site_that_is_right_has_no_findings() {
    let page = guarded("<script src=/a.js></script>")
        .header(
            "Set-Cookie",
            "__Host-id=1; Secure; Path=/; HttpOnly; SameSite=Lax",
        )
        .header("Server", "nginx");
    let report = audit_page(page).await;
    assert_eq!(rules(&report), [""; 0], "{report:#?}");
    assert_eq!(report.not_checked, []);
    let grade = report.grade.unwrap();
    assert_eq!((&*grade.letter, grade.score), ("A+", 130));
}

#[tokio::test]
async fn a_naked_app_has_all_of_them() {
    let site = Site::serve(None, |asked| {
        let reply = match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/") => Reply::page("<p>hello").header("Set-Cookie", "connect.sid=s%3Aabc; Path=/; HttpOnly"),
            ("POST", _) => express_error("SyntaxError: Unexpected end<br> &nbsp; &nbsp;at parse (/srv/app/node_modules/body-parser/lib/types/json.js:92:19)"),
            (_, path) => express_error(&format!("Cannot GET {path}")).status(404),
        };
        Some(reply.header("X-Powered-By", "Express"))
    })
    .await;
    let report = live(&site.http("/"), &LiveOptions::new()).await.unwrap();
    let mut found = rules(&report);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "cookie/no-samesite",
            "cookie/no-secure",
            "errors/default-404",
            "errors/default-handler",
            "fingerprint/x-powered-by",
            "headers/content-security-policy",
            "headers/cross-origin-opener-policy",
            "headers/cross-origin-resource-policy",
            "headers/referrer-policy",
            "headers/x-content-type-options",
            "headers/x-frame-options",
            "session/default-name",
            "tls/no-https",
        ],
        "{report:#?}"
    );
    // On one's own machine nobody knows what will stand in front.
    assert_eq!(
        only(&report, "tls/no-https").confidence,
        Confidence::Possible
    );
    assert!(
        only(&report, "errors/default-handler")
            .message
            .contains("json.js:92:19")
    );
    for rule in [
        "tls/no-redirect",
        "tls/cert",
        "headers/strict-transport-security",
    ] {
        assert!(unchecked(&report, rule).is_some(), "{rule}");
    }
    assert_eq!(report.grade.unwrap().letter, "F");
}

fn express_error(text: &str) -> Reply {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>{text}</pre>\n</body>\n</html>\n"
    );
    Reply::page(page).status(400)
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_told_by_its_name() {
    let pki = Pki::new();
    let here = &["localhost"];
    let cases: [(Leaf, &[&str]); 6] = [
        (pki.leaf(&pki::expired(here)), &["ended on 2020-01-01"]),
        (pki::self_signed(here), &["self-signed"]),
        (
            pki.good(&["elsewhere.test"]),
            &["not for localhost, but for `elsewhere.test`"],
        ),
        (
            pki.through(here, false),
            &["incomplete: the certificate of `Test Middle` is not sent along"],
        ),
        (
            Pki::called("Other Root").good(here),
            &["signed by `Other Root`, which is not known"],
        ),
        (
            pki.leaf(&pki::expired(&["elsewhere.test"])),
            &["ended on", "not for localhost"],
        ),
    ];
    for (leaf, expected) in cases {
        let site = Site::serve(Some(leaf.acceptor()), |asked| {
            Some(or_404(asked, guarded("")))
        })
        .await;
        let options = LiveOptions::new().authority(pki.file());
        let report = live(&site.https("/"), &options).await.unwrap();
        let found = of(&report, "tls/cert");
        assert_eq!(found.len(), expected.len(), "{expected:?}: {report:#?}");
        for text in expected {
            assert!(
                found.iter().any(|one| one.message.contains(text)),
                "{text}: {found:#?}"
            );
        }
        // The rest was looked at all the same.
        assert!(of(&report, "headers/content-security-policy").is_empty());
        assert_eq!(unchecked(&report, "headers/content-security-policy"), None);
    }
    let (site, options) = (
        pki.through(here, true).acceptor(),
        LiveOptions::new().authority(pki.file()),
    );
    let site = Site::serve(Some(site), |asked| Some(or_404(asked, guarded("")))).await;
    let report = live(&site.https("/"), &options).await.unwrap();
    assert!(of(&report, "tls/cert").is_empty(), "{report:#?}");
}

#[tokio::test]
async fn a_certificate_that_should_have_been_renewed_is_said() {
    let pki = Pki::new();
    let mut params = pki::named(&["localhost"]);
    params.not_after = std::time::SystemTime::now()
        .checked_add(std::time::Duration::from_hours(50))
        .unwrap()
        .into();
    params.not_before = std::time::SystemTime::now()
        .checked_sub(std::time::Duration::from_hours(2000))
        .unwrap()
        .into();
    let acceptor = pki.leaf(&params).acceptor();
    let site = Site::serve(Some(acceptor), |asked| Some(or_404(asked, guarded("")))).await;
    let options = LiveOptions::new().authority(pki.file());
    let report = live(&site.https("/"), &options).await.unwrap();
    assert!(
        only(&report, "tls/cert").message.contains("ends in 2 days"),
        "{report:#?}"
    );
}

#[tokio::test]
async fn redirects_are_judged_by_where_they_lead() {
    let pki = Pki::new();
    let acceptor = pki.good(&["localhost", "other.test"]).acceptor();
    let cases: [(&str, Option<Severity>); 7] = [
        ("https://localhost:PORT/", None),
        ("", Some(Severity::High)),
        ("/home", Some(Severity::High)),
        ("/then-https", Some(Severity::Medium)),
        ("https://other.test:PORT/", Some(Severity::Low)),
        ("refused", None),
        ("/circle", Some(Severity::High)),
    ];
    for (to, expected) in cases {
        let site = Site::serve(Some(acceptor.clone()), move |asked| {
            let port = asked.header("host")?.rsplit_once(':')?.1.to_owned();
            Some(match (asked.secure, asked.path.as_str()) {
                (true, _) => or_404(asked, guarded("")),
                (_, "/then-https") => Reply::redirect(301, format!("https://localhost:{port}/")),
                (_, "/circle") => Reply::redirect(301, "/circle"),
                (_, "/home") => guarded(""),
                _ if to.is_empty() => guarded(""),
                _ if to == "refused" => Reply::new(403),
                _ => Reply::redirect(301, to.replace("PORT", &port)),
            })
        })
        .await;
        let options = LiveOptions::new()
            .authority(pki.file())
            .resolve("other.test", "127.0.0.1".parse().unwrap());
        let report = live(&site.https("/"), &options).await.unwrap();
        let found = of(&report, "tls/no-redirect");
        assert_eq!(
            found.first().map(|one| one.severity),
            expected,
            "{to}: {found:#?}"
        );
    }
}

#[tokio::test]
async fn where_plain_http_is_not_known_nothing_is_said_of_it() {
    let pki = Pki::new();
    let acceptor = pki.good(&["localhost"]).acceptor();
    let site = Site::serve(Some(acceptor), |asked| {
        asked.secure.then(|| or_404(asked, guarded("")))
    })
    .await;
    let options = LiveOptions::new().authority(pki.file());
    let report = live(&site.https("/"), &options).await.unwrap();
    assert!(
        unchecked(&report, "tls/no-redirect")
            .unwrap()
            .contains("--http-port")
    );
    // Named, and nothing there: nobody can be caught on it.
    let report = live(&site.https("/"), &options.http_port(1)).await.unwrap();
    assert_eq!(unchecked(&report, "tls/no-redirect"), None);
    assert!(of(&report, "tls/no-redirect").is_empty());
}

#[tokio::test]
async fn a_wall_says_nothing_of_the_site_behind_it() {
    for status in [401, 403, 404, 500, 503] {
        let report = audit_page(Reply::page("stop").status(status)).await;
        for rule in [
            "headers/content-security-policy",
            "headers/x-frame-options",
            "headers/strict-transport-security",
            "headers/subresource-integrity",
        ] {
            assert!(of(&report, rule).is_empty(), "{status}: {report:#?}");
            let reason = unchecked(&report, rule).unwrap_or_else(|| panic!("{status} {rule}"));
            assert!(reason.contains(&status.to_string()), "{reason}");
        }
    }
}

#[tokio::test]
async fn an_api_needs_no_policy_of_pages() {
    let reply = Reply::new(200)
        .header("Content-Type", "application/json")
        .body("{}");
    let report = audit_page(reply).await;
    assert_eq!(
        rules(&report),
        [
            "headers/x-content-type-options",
            "headers/cross-origin-resource-policy",
            "headers/strict-transport-security"
        ],
        "{report:#?}"
    );
}

#[tokio::test]
async fn policies_are_judged_by_what_scripts_may_do() {
    let cases = [
        ("default-src 'self'", None),
        (
            "script-src 'nonce-a' 'unsafe-inline' https:; object-src 'none'",
            Some(Severity::Medium),
        ),
        (
            "script-src 'nonce-a' 'strict-dynamic' 'unsafe-inline' https:; object-src 'none'",
            None,
        ),
        (
            "script-src 'self' 'unsafe-inline'; object-src 'none'",
            Some(Severity::Medium),
        ),
        ("script-src *; object-src 'none'", Some(Severity::Medium)),
        (
            "script-src 'self' 'unsafe-eval'; object-src 'none'",
            Some(Severity::Low),
        ),
        ("script-src 'self'", Some(Severity::Low)),
        ("img-src 'self'", Some(Severity::High)),
        ("default-src 'self'; default-src *", Some(Severity::Medium)),
        // What one of two stops is stopped.
        ("script-src *, default-src 'self'", None),
        // Styles are no scripts.
        (
            "default-src 'self'; style-src 'self' 'unsafe-inline' https:",
            None,
        ),
    ];
    for (policy, expected) in cases {
        let page = Reply::page("").header("Content-Security-Policy", policy);
        let report = audit_page(page).await;
        let found = of(&report, "headers/content-security-policy");
        assert_eq!(
            found.first().map(|one| one.severity),
            expected,
            "{policy}: {found:#?}"
        );
    }
    let report = audit_page(
        Reply::page("").header("Content-Security-Policy-Report-Only", "default-src 'self'"),
    )
    .await;
    assert!(
        only(&report, "headers/content-security-policy")
            .message
            .contains("only reports")
    );
}

#[tokio::test]
async fn headers_that_do_nothing_are_as_good_as_none() {
    let page = Reply::page("<meta name=referrer content=unsafe-url>")
        .header("Strict-Transport-Security", "max-age=86400")
        .header("X-Content-Type-Options", "no-sniff")
        .header("X-Frame-Options", "ALLOW-FROM https://a.test")
        .header("Cross-Origin-Opener-Policy", "unsafe-none")
        .header("Cross-Origin-Resource-Policy", "everybody");
    let report = audit_page(page).await;
    let told = |rule, text: &str| {
        let message = &only(&report, rule).message;
        assert!(message.contains(text), "{message}");
    };
    told("headers/strict-transport-security", "lasts 1 days only");
    told("headers/x-content-type-options", "no-sniff");
    told("headers/x-frame-options", "ALLOW-FROM");
    told("headers/referrer-policy", "unsafe-url");
    told("headers/cross-origin-opener-policy", "unsafe-none");
    told("headers/cross-origin-resource-policy", "everybody");
}

#[tokio::test]
async fn every_cookie_is_looked_at() {
    let lines = [
        "connect.sid=1; Path=/; Secure; HttpOnly; SameSite=Lax",
        "sid=1; Path=/",
        "theme=dark; Path=/; Secure; SameSite=Lax",
        "XSRF-TOKEN=1; Path=/; Secure; SameSite=Lax",
        "old=; Max-Age=0",
        "wide=1; Path=/; Domain=shop.test; Secure; SameSite=Lax",
        "odd=1; Path=admin; Secure; SameSite=Lax",
        "__Host-x=1; Secure; Path=/; Domain=shop.test; SameSite=Lax",
        "foreign=1; Path=/; Domain=evil.test; Secure; SameSite=Lax",
        "what=1; Path=/; Secure; SameSite=Sometimes",
    ];
    let page = lines
        .iter()
        .fold(guarded(""), |page, line| page.header("Set-Cookie", *line));
    let pki = Pki::new();
    let acceptor = pki.good(&["www.shop.test"]).acceptor();
    let site = Site::serve(Some(acceptor), move |asked| {
        Some(or_404(asked, page.clone()))
    })
    .await;
    let options = LiveOptions::new()
        .authority(pki.file())
        .resolve("www.shop.test", "127.0.0.1".parse().unwrap());
    let url = format!("https://www.shop.test:{}/", site.port());
    let report = live(&url, &options).await.unwrap();
    let mut found: Vec<String> = report
        .findings
        .iter()
        .filter(|one| one.rule.id.starts_with("cookie/") || one.rule.id.starts_with("session/"))
        .map(|one| {
            format!(
                "{} {} {}",
                one.rule.id,
                one.severity,
                one.message.split('`').nth(1).unwrap()
            )
        })
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "cookie/broad-domain info wide",
            "cookie/broad-domain low __Host-x",
            "cookie/broad-domain low foreign",
            "cookie/httponly-disabled medium sid",
            "cookie/no-samesite low what",
            "cookie/no-samesite medium sid",
            "cookie/no-secure high sid",
            "cookie/relative-path low odd",
            "session/default-name low connect.sid",
        ],
        "{report:#?}"
    );
}

#[tokio::test]
async fn who_may_read_is_asked_in_three_names() {
    let cases: [(&str, &str, Option<Severity>); 6] = [
        ("", "", None),
        ("*", "", Some(Severity::Info)),
        ("*", "true", Some(Severity::Low)),
        ("REFLECT", "true", Some(Severity::High)),
        ("REFLECT", "", Some(Severity::Low)),
        ("https://friend.test", "true", None),
    ];
    for (origin, credentials, expected) in cases {
        let pki = Pki::new();
        let site = Site::serve(Some(pki.good(&["localhost"]).acceptor()), move |asked| {
            let asks = asked.header("origin").unwrap_or_default();
            let mut reply = or_404(asked, guarded(""));
            if !origin.is_empty() {
                reply = reply.header(
                    "Access-Control-Allow-Origin",
                    origin.replace("REFLECT", asks),
                );
            }
            if !credentials.is_empty() {
                reply = reply.header("Access-Control-Allow-Credentials", credentials);
            }
            Some(reply)
        })
        .await;
        let options = LiveOptions::new().authority(pki.file());
        let report = live(&site.https("/"), &options).await.unwrap();
        let found = of(&report, "headers/cors");
        assert_eq!(
            found.first().map(|one| one.severity),
            expected,
            "{origin} {credentials}: {found:#?}"
        );
    }
    // One that lets in whoever begins like itself, and one that lets in nobody in particular.
    for origin in ["https://localhost.origin.example", "null"] {
        let page = move |asked: &Asked| {
            let asks = asked.header("origin").unwrap_or_default();
            let reply = or_404(asked, guarded(""));
            Some(if asks == origin {
                reply
                    .header("Access-Control-Allow-Origin", asks)
                    .header("Access-Control-Allow-Credentials", "true")
            } else {
                reply
            })
        };
        let pki = Pki::new();
        let site = Site::serve(Some(pki.good(&["localhost"]).acceptor()), page).await;
        let report = live(&site.https("/"), &LiveOptions::new().authority(pki.file()))
            .await
            .unwrap();
        assert_eq!(only(&report, "headers/cors").severity, Severity::High);
    }
}

#[tokio::test]
async fn scripts_of_others_need_a_hash() {
    let page = guarded(
        "<script src=/own.js></script><script src=https://cdn.test/a.js></script>
        <script src=https://cdn.test/b.js integrity=sha384-x></script>
        <script src=http://cdn.test/c.js></script><script src=//cdn.test/d.js></script>
        <!-- <script src=https://cdn.test/e.js></script> -->",
    );
    let report = audit_page(page).await;
    let mut found: Vec<_> = of(&report, "headers/subresource-integrity")
        .iter()
        .map(|one| (one.message.split('"').nth(1).unwrap(), one.severity))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("//cdn.test/d.js", Severity::Medium),
            ("http://cdn.test/c.js", Severity::High),
            ("https://cdn.test/a.js", Severity::Medium)
        ]
    );
}

#[tokio::test]
async fn where_nothing_answers_that_is_an_error() {
    for url in ["http://localhost:1", "https://localhost:1", "localhost:1"] {
        let error = live(url, &LiveOptions::new())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("does not answer") && error.contains("port 1"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn words_that_alone_tell_what_runs_are_worth_knowing_and_no_more() {
    for (powered, expected) in [("Express", Severity::Low), ("", Severity::Info)] {
        let site = Site::serve(None, move |asked| {
            Some(match asked.path.as_str() {
                "/" => guarded("").header("X-Powered-By", powered),
                path => express_error(&format!("Cannot {} {path}", asked.method)).status(404),
            })
        })
        .await;
        let report = live(&site.http("/"), &LiveOptions::new()).await.unwrap();
        assert_eq!(only(&report, "errors/default-404").severity, expected);
    }
}

#[tokio::test]
async fn hsts_is_missed_under_a_real_name_and_mentioned_on_ones_own_machine() {
    let pki = Pki::new();
    let acceptor = pki.good(&["localhost", "shop.test"]).acceptor();
    let site = Site::serve(Some(acceptor), |asked| Some(or_404(asked, Reply::page("")))).await;
    let options = LiveOptions::new()
        .authority(pki.file())
        .resolve("shop.test", "127.0.0.1".parse().unwrap());
    for (host, expected) in [
        ("localhost", Severity::Info),
        ("shop.test", Severity::Medium),
    ] {
        let url = format!("https://{host}:{}/", site.port());
        let report = live(&url, &options).await.unwrap();
        assert_eq!(
            only(&report, "headers/strict-transport-security").severity,
            expected,
            "{host}"
        );
    }
}
