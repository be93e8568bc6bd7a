//! The rules that are seen in answers.

mod certificate;
mod cookies;
mod cors;
mod errors;
mod fingerprint;
mod headers;
mod scripts;
mod transport;

use super::client::Answer;
use super::scene::Scene;
use crate::finding::Place;
use crate::report::Report;

/// Looks at everything that was answered.
pub(crate) fn run(scene: &Scene<'_>, report: &mut Report) {
    transport::check(scene, report);
    certificate::check(scene, report);
    headers::check(scene, report);
    scripts::check(scene, report);
    cors::check(scene, report);
    cookies::check(scene, report);
    fingerprint::check(scene, report);
    errors::check(scene, report);
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
