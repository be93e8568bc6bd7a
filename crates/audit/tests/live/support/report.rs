//! What tests of findings share: an audit, and what came of it.

use panoply_audit::{Finding, LiveOptions, Report, live};

use super::pki::Pki;
use super::site::{Asked, Reply, Site};

/// The rules of what was found, worst first, without those of which a test does not speak.
pub(crate) fn rules(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|one| one.rule.id).collect()
}

pub(crate) fn of<'a>(report: &'a Report, rule: &str) -> Vec<&'a Finding> {
    let is = |one: &&Finding| one.rule.id == rule;
    report.findings.iter().filter(is).collect()
}

pub(crate) fn only<'a>(report: &'a Report, rule: &str) -> &'a Finding {
    let found = of(report, rule);
    assert_eq!(found.len(), 1, "{rule}: {report:#?}");
    found[0]
}

pub(crate) fn unchecked<'a>(report: &'a Report, rule: &str) -> Option<&'a str> {
    let entry = report.not_checked.iter().find(|one| one.rule.id == rule);
    entry.map(|entry| entry.reason.as_str())
}

/// All that a page should have.
pub(crate) fn guarded(body: &str) -> Reply {
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

pub(crate) fn or_404(asked: &Asked, page: Reply) -> Reply {
    match asked.path.as_str() {
        "/" if asked.method != "POST" => page,
        _ => guarded("nothing here").status(404),
    }
}

/// A server that is right but for its page.
pub(crate) async fn secure(pki: &Pki, page: Reply) -> (Site, LiveOptions) {
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

pub(crate) async fn audit_page(page: Reply) -> Report {
    let pki = Pki::new();
    let (site, options) = secure(&pki, page).await;
    live(&site.https("/"), &options).await.unwrap()
}
