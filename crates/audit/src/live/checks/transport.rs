//! `tls/no-https` and `tls/no-redirect`.

use super::super::client::Failure;
use super::super::domain::is_loopback;
use super::super::handshake::Scan;
use super::super::scene::Scene;
use super::super::visit::Visit;
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rule::Severity;
use crate::rules::tls::{NO_HTTPS, NO_REDIRECT};

pub(super) fn check(scene: &Scene<'_>, scan: Option<&Scan>, report: &mut Report) {
    match (&scene.https, &scene.http) {
        // What it speaks is old; that is another finding.
        (Err(failure), _) if scan.is_some_and(Scan::speaks) => {
            report.not_checked(&NO_REDIRECT, failure.told());
        }
        (Err(failure), _) => no_https(scene, failure, report),
        (Ok(_), Ok(http)) => redirects(scene, http, report),
        (Ok(_), Err(failure)) => no_http(scene, failure, report),
    }
}

fn no_https(scene: &Scene<'_>, failure: &Failure, report: &mut Report) {
    let https = &scene.target.https;
    if matches!(
        failure,
        Failure::Timeout | Failure::Http(_) | Failure::Name(_) | Failure::Address
    ) {
        let reason = format!("{https} could not be looked at: {}", failure.told());
        report.not_checked(&NO_HTTPS, reason);
        return;
    }
    let host = scene.target.host();
    let place = Place::Url(scene.target.http.to_string());
    let why = failure.told();
    let finding = Finding::new(&NO_HTTPS, place, format!("{https} gives no HTTPS: {why}"));
    report.push(if is_loopback(host) {
        // On one's own machine the app is asked, and not what will stand in front of it.
        let message = format!(
            "{https} gives no HTTPS ({why}); something in front may, of which nothing is seen here"
        );
        Finding { message, ..finding }.confidence(Confidence::Possible)
    } else if scene.target.knows_https {
        finding
    } else {
        finding.confidence(Confidence::Likely).help(format!(
            "{} If HTTPS is at another port, name that: https://{host}:PORT.",
            NO_HTTPS.help
        ))
    });
    report.not_checked(
        &NO_REDIRECT,
        format!(
            "there is no HTTPS to which {} could redirect",
            scene.target.http
        ),
    );
}

fn no_http(scene: &Scene<'_>, failure: &Failure, report: &mut Report) {
    let http = &scene.target.http;
    if !scene.target.knows_http {
        report.not_checked(
            &NO_REDIRECT,
            format!("{http} is no plain HTTP; say at which port that is (`--http-port 80`)"),
        );
    } else if !failure.is_nothing_there() {
        // Refused is as good as redirected; without an answer there is nothing to say.
        report.not_checked(&NO_REDIRECT, format!("{http}: {}", failure.told()));
    }
}

fn redirects(scene: &Scene<'_>, http: &Visit, report: &mut Report) {
    let mut answers = http.answers().iter();
    let (Some(first), last) = (answers.next(), http.page()) else {
        return;
    };
    let place = Place::Url(first.url.to_string());
    let push = |report: &mut Report, severity, message: String| {
        report.push(Finding::new(&NO_REDIRECT, place.clone(), message).severity(severity));
    };
    let https = &scene.target.https;
    let Some(second) = answers.next() else {
        // 4xx and 5xx serve nothing over plain HTTP, which is what matters.
        if first.status.is_success() {
            let status = first.status.as_u16();
            let message = format!(
                "{} answers {status} itself, and does not redirect to {https}",
                first.url
            );
            push(report, Severity::High, message);
        } else if first.status.is_redirection() {
            let message = format!("{} redirects nowhere", first.url);
            push(report, Severity::Medium, message);
        }
        return;
    };
    if last.url.scheme() != "https" {
        let message = format!(
            "{} redirects, but ends at {}, over plain HTTP",
            first.url, last.url
        );
        push(report, Severity::High, message);
    } else if second.url.scheme() == "http" {
        let message = format!(
            "{} redirects to {} first, over plain HTTP, and only then to HTTPS",
            first.url, second.url
        );
        push(report, Severity::Medium, message);
    } else if second.url.host_str() != first.url.host_str() {
        let message = format!(
            "{} redirects to {}, another host, so that browsers never learn that {} is HTTPS alone",
            first.url,
            second.url,
            scene.target.host()
        );
        report.push(
            Finding::new(&NO_REDIRECT, place.clone(), message)
                .severity(Severity::Low)
                .help(format!(
                    "Redirect to {https} first, with `Strict-Transport-Security` there."
                )),
        );
    }
}
