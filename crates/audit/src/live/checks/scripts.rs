//! `headers/subresource-integrity`.

use super::super::grade::{Origin, script_origin};
use super::super::scene::Scene;
use super::{place, wall};
use crate::finding::Finding;
use crate::report::Report;
use crate::rule::Severity;
use crate::rules::headers::SRI;

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    let Some(visit) = scene.visit() else { return };
    let answer = visit.page();
    if let Some(reason) = wall(scene) {
        report.not_checked(&SRI, reason);
        return;
    }
    let Some(page) = &scene.page else {
        if answer.is_page() && !answer.is_plain() {
            let reason = format!(
                "{} is sent compressed although that was not asked for",
                answer.url
            );
            report.not_checked(&SRI, reason);
        }
        return;
    };
    if answer.cut {
        let reason = format!("{} is longer than what is read of a page", answer.url);
        report.not_checked(&SRI, reason);
    }
    let host = answer.url.host_str().unwrap_or_default();
    let secure = answer.url.scheme() == "https";
    for script in &page.scripts {
        let Some((origin, _)) = script_origin(page, script, host, secure) else {
            continue;
        };
        let whole = { script.integrity.as_deref() }.is_some_and(|hash| !hash.trim().is_empty());
        let source = script.src.as_deref().unwrap_or_default();
        // `//host/…` comes by what the page came by, which here was HTTPS.
        let plain = origin == Origin::ForeignPlain && !(secure && source.trim().starts_with("//"));
        let is_own = page_host(page, source).is_some_and(|from| from == host);
        if origin == Origin::Own || whole || is_own {
            continue;
        }
        let finding = Finding::new(
            &SRI,
            place(answer),
            format!("`<script src=\"{source}\">` has no `integrity`"),
        );
        report.push(if plain {
            Finding {
                message: format!(
                    "`<script src=\"{source}\">` is loaded over plain HTTP, without `integrity`"
                ),
                ..finding
            }
            .severity(Severity::High)
        } else {
            finding
        });
    }
}

/// The host of `//host/…`.
fn page_host(page: &super::super::page::Page, source: &str) -> Option<String> {
    let url = page.absolute(&format!(
        "https:{}",
        source
            .trim()
            .strip_prefix("//")
            .map(|rest| format!("//{rest}"))?
    ));
    Some(url?.host_str()?.to_owned())
}
