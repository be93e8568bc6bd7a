//! What the audit of a running site finds, and what it leaves alone: against servers that the test starts.

use panoply_audit::{Confidence, LiveOptions, Severity, live};

use crate::support::pki::Pki;
use crate::support::report::{audit_page, guarded, of, only, or_404, rules, unchecked};
use crate::support::site::{Asked, Reply, Site};

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
async fn a_host_that_is_nobodys_is_not_to_be_led_to() {
    type Led = fn(&str) -> Reply;
    let cases: [(Led, Option<&str>); 6] = [
        (
            |host| Reply::redirect(302, format!("https://{host}/home")),
            Some("Location: https://"),
        ),
        (
            |host| guarded(&format!("<a href='//{host}/reset'>")),
            Some("links"),
        ),
        (
            |host| guarded(&format!("{{\"next\":\"https:\\/\\/{host}\\/2\"}}")),
            Some("links"),
        ),
        // It is said, and leads nowhere.
        (|host| guarded(&format!("<p>no site {host}")), None),
        (|_| guarded("<a href='https://shop.test/'>"), None),
        (|_| guarded("").status(421), None),
    ];
    let pki = Pki::new();
    for (number, (led, expected)) in cases.into_iter().enumerate() {
        let acceptor = pki.good(&["localhost"]).acceptor();
        let site = Site::serve(Some(acceptor), move |asked| {
            let host = asked.header("host").unwrap_or_default();
            let is_own = host.starts_with("localhost");
            Some(if is_own {
                or_404(asked, guarded(""))
            } else {
                led(host)
            })
        })
        .await;
        let options = LiveOptions::new().authority(pki.file());
        let report = live(&site.https("/"), &options).await.unwrap();
        let found = of(&report, "host/reflected");
        let said = found.first().map(|one| one.message.as_str());
        match expected {
            None => assert_eq!(said, None, "{number}"),
            Some(words) => assert!(
                said.unwrap_or_default().contains(words),
                "{number}: {said:?}"
            ),
        }
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
