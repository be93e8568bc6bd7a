//! What the audit of a running site says of its certificate, of plain HTTP and of walls.

use panoply_audit::{LiveOptions, Severity, live};

use crate::support::pki::{self, Leaf, Pki};
use crate::support::report::{audit_page, guarded, of, only, or_404, unchecked};
use crate::support::site::{Reply, Site};

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
