//! The rules that are seen in answers.

mod certificate;
mod cookies;
mod cors;
mod errors;
mod fingerprint;
mod headers;
mod host;
mod protocols;
mod scripts;
mod transport;

use super::client::Answer;
use super::handshake::Scan;
use super::scene::Scene;
use super::target::Target;
use crate::error::Error;
use crate::finding::Place;
use crate::report::Report;
use crate::rules::{
    cookie, errors as error_pages, fingerprint as prints, headers as header, host as hosts, tls,
};

/// Looks at everything that was answered.
pub(crate) fn run(scene: &Scene<'_>, scan: Option<&Scan>, report: &mut Report) {
    transport::check(scene, scan, report);
    protocols::check(&scene.target, scan, report);
    certificate::check(scene, report);
    headers::check(scene, report);
    scripts::check(scene, report);
    cors::check(scene, report);
    cookies::check(scene, report);
    fingerprint::check(scene, report);
    errors::check(scene, report);
    host::check(scene, report);
}

/// Says of a server that speaks nothing but old protocols what that allows to say.
pub(crate) fn old_alone(target: &Target, scan: &Scan, error: &Error, report: &mut Report) {
    protocols::check(target, Some(scan), report);
    let unseen = [
        &tls::NO_REDIRECT,
        &tls::CERT,
        &header::CSP,
        &header::HSTS,
        &header::NOSNIFF,
        &header::FRAME,
        &header::REFERRER,
        &header::COOP,
        &header::CORP,
        &header::CORS,
        &header::SRI,
        &prints::X_POWERED_BY,
        &prints::SERVER,
        &error_pages::DEFAULT_404,
        &error_pages::DEFAULT_HANDLER,
        &cookie::NO_SECURE,
        &cookie::NO_HTTP_ONLY,
        &cookie::NO_SAME_SITE,
        &hosts::REFLECTED,
    ];
    for rule in unseen {
        report.not_checked(rule, error.to_string());
    }
}

fn place(answer: &Answer) -> Place {
    Place::Url(answer.url.to_string())
}

/// Why the page says nothing of the site as it is used; none if it does.
fn wall(scene: &Scene<'_>) -> Option<String> {
    let page = scene.visit()?.page();
    if !scene.is_own(&page.url) {
        return Some(format!("it leads to {}; audit that by itself", page.url));
    }
    if page.status.is_success() {
        return None;
    }
    let status = page.status.as_u16();
    Some(if page.status.is_redirection() {
        format!("{} redirects without an end ({status})", page.url)
    } else {
        format!(
            "{} answers {status}; name a page that answers 200",
            page.url
        )
    })
}
