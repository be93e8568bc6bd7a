//! `headers/*`: what a page says to browsers.

use super::super::client::Answer;
use super::super::domain::{is_address, is_loopback};
use super::super::grade::{PRIVATE, Policy};
use super::super::page::Page;
use super::super::scene::Scene;
use super::super::values;
use super::{place, wall};
use crate::finding::Finding;
use crate::report::Report;
use crate::rule::{Rule, Severity};
use crate::rules::headers::{COOP, CORP, CSP, FRAME, HSTS, NOSNIFF, REFERRER};

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    let Some(visit) = scene.visit() else { return };
    hsts(scene, report);
    let answer = visit.page();
    if let Some(reason) = wall(scene) {
        for rule in [&CSP, &NOSNIFF, &FRAME, &REFERRER, &COOP, &CORP] {
            report.not_checked(rule, reason.clone());
        }
        return;
    }
    nosniff(answer, report);
    resource_policy(answer, report);
    // What follows is of pages; browsers heed none of it with an API's answer.
    if answer.is_page() {
        content_policy(answer, scene.page.as_ref(), report);
        frame(answer, scene.page.as_ref(), report);
        referrer(answer, scene.page.as_ref(), report);
        opener(answer, report);
    }
}

fn finding(rule: &'static Rule, answer: &Answer, message: impl Into<String>) -> Finding {
    Finding::new(rule, place(answer), message)
}

/// On each answer over HTTPS that browsers take it from, redirects too.
fn hsts(scene: &Scene<'_>, report: &mut Report) {
    let Ok(visit) = &scene.https else {
        report.not_checked(
            &HSTS,
            "browsers take it over HTTPS alone, of which there is none",
        );
        return;
    };
    // RFC 6797 §8.1.1: not from an address.
    if is_address(scene.target.host()) {
        return;
    }
    let counts = |answer: &&Answer| {
        let status = answer.status;
        let answered = status.is_success() || status.is_redirection();
        answered && answer.url.scheme() == "https" && scene.is_own(&answer.url)
    };
    let mut seen = Vec::new();
    for answer in visit.answers().iter().filter(counts) {
        let host = answer.url.host_str().unwrap_or_default();
        if seen.contains(&host) {
            continue;
        }
        seen.push(host);
        let Some(value) = answer.filled("strict-transport-security") else {
            report.push(without_hsts(answer, host));
            continue;
        };
        if let Some((severity, message)) = values::hsts(&value) {
            report.push(finding(&HSTS, answer, message).severity(severity));
        }
    }
    if seen.is_empty() {
        let status = visit.page().status.as_u16();
        report.not_checked(&HSTS, format!("{} answers {status}", visit.start));
    }
}

fn without_hsts(answer: &Answer, host: &str) -> Finding {
    if is_loopback(host) {
        // There it would bind every other app on the same machine, so that who is careful leaves it out.
        let message =
            format!("{host} sends no Strict-Transport-Security; under its real name it has to");
        return finding(&HSTS, answer, message).severity(Severity::Info);
    }
    let message = format!("{host} sends no Strict-Transport-Security");
    finding(&HSTS, answer, message)
}

fn nosniff(answer: &Answer, report: &mut Report) {
    let value = answer.filled("x-content-type-options").unwrap_or_default();
    if value.is_empty() {
        report.push(finding(
            &NOSNIFF,
            answer,
            "there is no `X-Content-Type-Options: nosniff`",
        ));
    } else if let Some(message) = values::nosniff(&value) {
        report.push(finding(&NOSNIFF, answer, message));
    }
}

fn resource_policy(answer: &Answer, report: &mut Report) {
    match answer.filled("cross-origin-resource-policy") {
        None => report.push(finding(
            &CORP,
            answer,
            "there is no Cross-Origin-Resource-Policy",
        )),
        Some(value) if matches!(&*value, "same-origin" | "same-site" | "cross-origin") => {}
        Some(value) => {
            let message = format!(
                "`Cross-Origin-Resource-Policy: {value}` is none that browsers know: `same-origin`, `same-site` and `cross-origin` are"
            );
            report.push(finding(&CORP, answer, message));
        }
    }
}

fn opener(answer: &Answer, report: &mut Report) {
    let value = answer
        .filled("cross-origin-opener-policy")
        .unwrap_or_default();
    let word = value.split(';').next().unwrap_or_default().trim();
    let known = [
        "same-origin",
        "same-origin-allow-popups",
        "noopener-allow-popups",
    ];
    if value.is_empty() {
        report.push(finding(
            &COOP,
            answer,
            "there is no Cross-Origin-Opener-Policy",
        ));
    } else if !known.contains(&word) {
        let message = format!("`Cross-Origin-Opener-Policy: {value}` keeps nobody away");
        report.push(finding(&COOP, answer, message));
    }
}

fn referrer(answer: &Answer, page: Option<&Page>, report: &mut Report) {
    let header = answer.filled("referrer-policy");
    let meta = page.and_then(|page| page.referrer.clone());
    let all: Vec<String> = header.into_iter().chain(meta).collect();
    if all.is_empty() {
        report.push(finding(&REFERRER, answer, "there is no Referrer-Policy"));
        return;
    }
    let all = all.join(",");
    let lower = all.to_ascii_lowercase();
    let known = |word: &&str| {
        PRIVATE.contains(word)
            || matches!(
                *word,
                "origin" | "origin-when-cross-origin" | "unsafe-url" | "no-referrer-when-downgrade"
            )
    };
    match lower.split(',').map(str::trim).rfind(known) {
        Some(word) if PRIVATE.contains(&word) => {}
        // The path stays here.
        Some("origin" | "origin-when-cross-origin") => {}
        Some(word) => {
            let message = format!("`Referrer-Policy: {word}` tells other sites the whole address");
            report.push(finding(&REFERRER, answer, message));
        }
        None => {
            let message = format!("`Referrer-Policy: {all}` is none that browsers know");
            report.push(finding(&REFERRER, answer, message));
        }
    }
}

fn frame(answer: &Answer, page: Option<&Page>, report: &mut Report) {
    let csp = answer.filled("content-security-policy");
    let policies: Vec<String> = csp
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::to_owned)
        .collect();
    let mut ancestors = policies.iter().filter_map(|policy| {
        let mut directives = policy.split(';').map(str::split_whitespace);
        directives.find_map(|mut words| {
            let is = words.next()?.eq_ignore_ascii_case("frame-ancestors");
            is.then(|| words.map(str::to_ascii_lowercase).collect::<Vec<_>>())
        })
    });
    if let Some(first) = ancestors.next() {
        let broad = |sources: &Vec<String>| {
            let broad = |source: &String| {
                matches!(
                    &**source,
                    "*" | "https:" | "http:" | "https://*" | "http://*"
                )
            };
            sources.iter().any(broad)
        };
        // Of several policies the strictest decides.
        if broad(&first) && ancestors.all(|sources| broad(&sources)) {
            let message = format!(
                "`frame-ancestors {}` lets any site frame this page",
                first.join(" ")
            );
            report.push(finding(&FRAME, answer, message));
        }
        return;
    }
    let Some(value) = answer.filled("x-frame-options") else {
        let written = page.is_some_and(|page| {
            page.policies
                .iter()
                .any(|one| one.contains("frame-ancestors"))
        });
        report.push(finding(
            &FRAME,
            answer,
            if written {
                "`frame-ancestors` stands in a `<meta>`, where browsers ignore it"
            } else {
                "there is neither `frame-ancestors` nor X-Frame-Options"
            },
        ));
        return;
    };
    if let Some(message) = values::frame(&value) {
        report.push(finding(&FRAME, answer, message));
    }
}

fn content_policy(answer: &Answer, page: Option<&Page>, report: &mut Report) {
    let header = answer.filled("content-security-policy");
    let meta = page.map_or(&[][..], |page| &page.policies);
    if header.is_none() && meta.is_empty() {
        report.push(match answer.filled("content-security-policy-report-only") {
            None => finding(&CSP, answer, "there is no Content-Security-Policy"),
            Some(_) => finding(
                &CSP,
                answer,
                "the Content-Security-Policy is one that only reports; nothing is stopped",
            )
            .help("When the reports have stopped, send it as `Content-Security-Policy`."),
        });
        return;
    }
    // Each that stands for itself stops what it stops: what one of them stops is stopped.
    let sent = header
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::to_owned);
    let all: Vec<String> = sent.chain(meta.iter().cloned()).collect();
    let policies: Vec<Policy> = all.iter().filter_map(|text| values::read(text)).collect();
    if policies.is_empty() {
        let message = format!(
            "`Content-Security-Policy: {}` cannot be read",
            all.join(", ")
        );
        let help = "Write each directive once, with `;` between them.";
        report.push(
            finding(&CSP, answer, message)
                .severity(Severity::Medium)
                .help(help),
        );
        return;
    }
    let weak = policies.iter().map(values::weakness).min();
    if let Some(Some((severity, message))) = weak {
        report.push(finding(&CSP, answer, message).severity(severity));
    }
}
