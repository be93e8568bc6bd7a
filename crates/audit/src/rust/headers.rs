//! Whether answers have the headers that Helmet would set.

use std::collections::BTreeSet;

use super::code::Code;
use super::layer::{HEADERS, Layer};
use super::router::{Route, Router};
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rules::headers::{HELMET_MISSING, HELMET_PARTIAL, HELMET_TOO_LATE};

const HELP: &str = "Put Panoply's suit around the router, `.layer(Panoply::recommended().build()?)`, or `HeadersLayer` of panoply-headers, after the last route.";

pub(super) fn check(code: &Code<'_>, routers: &[Router], report: &mut Report) {
    for router in routers
        .iter()
        .filter(|router| !router.is_nested && (!router.routes.is_empty() || router.is_unknown))
    {
        let Some(place) = &router.place else { continue };
        // A library hands its routes to a program that is not here.
        let mut files = code.files.iter();
        let is_served =
            files.any(|file| file.is_program && file.source.path() == place.source().path());
        if is_served {
            of_router(router, Place::Code(place.clone()), report);
        }
    }
}

fn of_router(router: &Router, place: Place, report: &mut Report) {
    let all = || {
        router
            .routes
            .iter()
            .flat_map(|route| route.layers.iter().chain(&route.missed))
    };
    let sets = |layer: &Layer| layer.dresses || !layer.headers.is_empty();
    let Some(layer) = all().find(|layer| sets(layer)) else {
        let is_open = router.is_unknown || all().any(|layer| layer.is_unknown);
        let sure = if is_open {
            Confidence::Possible
        } else {
            Confidence::Certain
        };
        let message = "no layer of this router sets security headers";
        report.push(
            Finding::new(&HELMET_MISSING, place, message)
                .confidence(sure)
                .help(HELP),
        );
        return;
    };
    let late = |route: &&Route| route.missed.iter().any(sets) && !route.layers.iter().any(sets);
    let late: Vec<&Route> = router.routes.iter().filter(late).collect();
    if let Some(first) = late.first() {
        let more = match late.len() {
            1 => String::new(),
            many => format!(" and {} more", many - 1),
        };
        let message = format!(
            "`.layer(…)` is around the routes above it alone: `{}`{more} goes out without its headers",
            first.path
        );
        let at = Place::Code(first.place.clone());
        let finding =
            Finding::new(&HELMET_TOO_LATE, at, message).related(layer.place.clone(), "the layer");
        report.push(finding.help("Add all routes first, and the layer behind them."));
    }
    if all().any(|layer| layer.dresses) {
        return;
    }
    let mut set: BTreeSet<&str> = all()
        .flat_map(|layer| layer.headers.iter().copied())
        .collect();
    // A policy says who may frame as well.
    if set.contains("content-security-policy") {
        set.insert("x-frame-options");
    }
    let missing: Vec<&str> = HEADERS
        .into_iter()
        .filter(|header| !set.contains(header))
        .collect();
    // That one is often left to whoever ends TLS.
    if missing.is_empty() || missing == ["strict-transport-security"] {
        return;
    }
    let message = format!(
        "some security headers are set, but not {}",
        missing.join(", ")
    );
    let at = Place::Code(layer.place.clone());
    report.push(
        Finding::new(&HELMET_PARTIAL, at, message)
            .confidence(Confidence::Likely)
            .help(HELP),
    );
}
