//! `headers/helmet-…`.

use super::chain::{App, Layer, made_by};
use super::helmet::{Header, Helmet, Sets};
use super::options::Setting;
use super::{Rules, is_unknown};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Loc, Matches, Val, Value};
use crate::rule::Severity;
use crate::rules::headers::{HELMET_MISSING, HELMET_PARTIAL, HELMET_TOO_LATE, HELMET_WEAKENED};

/// Half a year: what browsers' preload lists once asked for, and scanners still do.
const SHORT_HSTS: f64 = 15_552_000.0;

impl Rules<'_> {
    pub(super) fn headers(&mut self) {
        let mut found = Vec::new();
        for app in self.apps.iter().filter(|app| !app.is_mounted) {
            self.headers_of(app, &mut found);
        }
        self.report.findings.extend(found);
    }

    fn headers_of(&self, app: &App, found: &mut Vec<Finding>) {
        if !app.in_production().any(|(_, layer)| self.answers(layer)) {
            return;
        }
        let mut helmets: Vec<(usize, &Layer, Helmet)> = Vec::new();
        let mut pieces: Vec<(usize, &Layer, Vec<Header>)> = Vec::new();
        for (number, layer) in app.in_production() {
            if app.is_aside(self.program, layer) {
                continue;
            }
            match self.sets(layer) {
                Sets::Helmet(helmet) => helmets.push((number, layer, helmet)),
                Sets::Some(headers) if !headers.is_empty() => pieces.push((number, layer, headers)),
                _ => {}
            }
        }
        let unknown = app.escapes
            || app
                .in_production()
                .any(|(_, layer)| is_unknown(&layer.handler));
        let sure = if unknown {
            Confidence::Likely
        } else {
            Confidence::Certain
        };
        if helmets.is_empty() {
            self.without_helmet(app, &pieces, sure, found);
            return;
        }
        let set = |header: Header| {
            pieces
                .iter()
                .any(|(_, _, headers)| headers.contains(&header))
        };
        for (_, layer, helmet) in &helmets {
            self.weakened(&helmet.options, &set, layer.cond.is_certain(), found);
        }
        self.order(app, &helmets, found);
    }

    fn without_helmet(
        &self,
        app: &App,
        pieces: &[(usize, &Layer, Vec<Header>)],
        sure: Confidence,
        found: &mut Vec<Finding>,
    ) {
        let lacks = |header: &Header| {
            !pieces
                .iter()
                .any(|(_, _, headers)| headers.contains(header))
        };
        let missing: Vec<Header> = Header::NEEDED.into_iter().filter(lacks).collect();
        let others: Vec<&(usize, &Layer, Vec<Header>)> = pieces
            .iter()
            .filter(|(_, _, headers)| headers.iter().any(|header| *header != Header::PoweredBy))
            .collect();
        match others.first() {
            None => {
                let message =
                    "this app answers without security headers: no Helmet, and none set by hand";
                let finding = self.finding(&HELMET_MISSING, app.at, message);
                found.extend(finding.map(|finding| finding.confidence(sure)));
            }
            Some((_, first, _)) if !missing.is_empty() => {
                let names: Vec<&str> = missing.iter().map(|header| header.name()).collect();
                let message = format!(
                    "only some of the security headers are set; {} is missing",
                    names.join(", ")
                );
                let finding = self.finding(&HELMET_PARTIAL, first.at, message);
                found.extend(finding.map(|finding| finding.confidence(sure)));
            }
            Some(_) => {}
        }
    }

    /// Parts of Helmet that are switched off or let through what they are for.
    fn weakened(
        &self,
        options: &Val,
        set_apart: &dyn Fn(Header) -> bool,
        certain: bool,
        found: &mut Vec<Finding>,
    ) {
        let sure = if certain {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        let mut say = |at: Loc, severity: Severity, message: String, help: &str| {
            let finding = self.finding(&HELMET_WEAKENED, at, message);
            found.extend(
                finding.map(|finding| finding.confidence(sure).severity(severity).help(help)),
            );
        };
        for header in [
            Header::Csp,
            Header::Hsts,
            Header::Frame,
            Header::NoSniff,
            Header::Referrer,
            Header::Coop,
            Header::Corp,
        ] {
            let option = Setting::of(self.program, options, header.options());
            let Some(at) = option.at() else { continue };
            if option.is_false() && !set_apart(header) {
                let severity = if Header::NEEDED.contains(&header) {
                    Severity::Medium
                } else {
                    Severity::Low
                };
                let message = format!("Helmet's {} is switched off", header.name());
                say(
                    at,
                    severity,
                    message,
                    "Leave the option out, or give it what the app needs.",
                );
                continue;
            }
            let Some(val) = option.val() else { continue };
            match header {
                Header::Csp => {
                    if let Some((at, what)) = self.weak_policy(val) {
                        let message = format!("the Content-Security-Policy allows {what}");
                        say(
                            at,
                            Severity::Medium,
                            message,
                            "Name the hosts, or use a nonce for each script.",
                        );
                    }
                    let report_only = Setting::of(self.program, val, &["reportOnly"]);
                    if let (Some(at), true) = (
                        report_only.at(),
                        report_only.all(|it| *it == Value::Bool(true)),
                    ) {
                        let message =
                            "the Content-Security-Policy is only reported, not enforced".to_owned();
                        say(
                            at,
                            Severity::Medium,
                            message,
                            "Leave `reportOnly` out once the reports are quiet.",
                        );
                    }
                }
                Header::Hsts => {
                    let age = Setting::of(self.program, val, &["maxAge"]);
                    let short = age.all(|it| matches!(it, Value::Number(age) if *age < SHORT_HSTS));
                    if let (Some(at), true) = (age.at(), short) {
                        let message =
                            "Strict-Transport-Security lasts less than half a year".to_owned();
                        say(at, Severity::Medium, message, "`maxAge: 31536000`");
                    }
                }
                _ => {}
            }
        }
    }

    /// What a policy allows that it should not.
    fn weak_policy(&self, csp: &Val) -> Option<(Loc, String)> {
        let directives = Setting::of(self.program, csp, &["directives"]);
        let directives = directives.val()?.clone();
        let scripts = Setting::of(self.program, &directives, &["scriptSrc", "script-src"]);
        let scripts = match scripts {
            Setting::Absent => {
                Setting::of(self.program, &directives, &["defaultSrc", "default-src"])
            }
            other => other,
        };
        let (val, at) = (scripts.val()?, scripts.at()?);
        let sources: Vec<(Option<String>, Loc)> = match self.program.items(val) {
            Some(items) => items
                .iter()
                .map(|item| (item.text().map(str::to_owned), item.at))
                .collect(),
            None => {
                let text = val.text()?;
                text.split_whitespace()
                    .map(|word| (Some(word.to_owned()), at))
                    .collect()
            }
        };
        // A nonce or a hash makes browsers ignore `'unsafe-inline'`; one made per request is a function.
        let strict = sources.iter().any(|(text, _)| match text.as_deref() {
            None => true,
            Some(text) => {
                text.starts_with("'nonce-")
                    || text.starts_with("'sha")
                    || text == "'strict-dynamic'"
            }
        });
        for (text, at) in &sources {
            match text.as_deref() {
                Some("'unsafe-inline'") if !strict => {
                    return Some((
                        *at,
                        "scripts written into the page (`'unsafe-inline'`)".to_owned(),
                    ));
                }
                Some(wide @ ("*" | "http:" | "https:" | "data:" | "https://*" | "http://*"))
                    if !strict =>
                {
                    return Some((*at, format!("scripts from everywhere (`{wide}`)")));
                }
                _ => {}
            }
        }
        None
    }

    /// Routes that answer before Helmet has set anything, or outside of it.
    fn order(&self, app: &App, helmets: &[(usize, &Layer, Helmet)], found: &mut Vec<Finding>) {
        let mut outside: Option<&Layer> = None;
        for (number, layer) in app.in_production() {
            if !self.answers(layer) || is_probe(layer) {
                continue;
            }
            let covers = |(at, helmet, _): &(usize, &Layer, Helmet)| {
                let runs = helmet.runs_for(layer) != Matches::No || helmet.group == layer.group;
                *at < number && runs
            };
            if helmets.iter().any(covers) {
                continue;
            }
            let later = helmets
                .iter()
                .find(|(at, helmet, _)| *at > number && would_cover(helmet, layer));
            if let Some((_, helmet, _)) = later {
                let message = format!(
                    "Helmet comes after `{}`, which it does nothing for",
                    self.shown(layer)
                );
                let finding = self.finding(&HELMET_TOO_LATE, helmet.at, message);
                let finding = finding.map(|finding| match self.program.location(layer.at) {
                    Some(place) => finding.related(place, "answers without Helmet's headers"),
                    None => finding,
                });
                found.extend(finding);
                return;
            }
            outside = outside.or(Some(layer));
        }
        let (Some(outside), Some((_, helmet, _))) = (outside, helmets.first()) else {
            return;
        };
        let message = format!(
            "Helmet covers `{}` alone; `{}` answers without it",
            helmet.path,
            self.shown(outside)
        );
        let finding = self.finding(&HELMET_PARTIAL, helmet.at, message);
        found.extend(finding.map(|finding| finding.confidence(Confidence::Likely)));
    }

    /// Whether a layer gives answers of its own.
    pub(super) fn answers(&self, layer: &Layer) -> bool {
        if layer.method.is_some() {
            return layer.is_last
                || self
                    .handler(&layer.handler)
                    .is_some_and(|handler| handler.responds);
        }
        match made_by(self.program, &layer.handler) {
            Some(path) => matches!(
                path,
                "express:static" | "serve-static" | "serve-index" | "ecstatic" | "st"
            ),
            None => self.handler(&layer.handler).is_some_and(|handler| {
                handler.responds && !handler.calls_next && !handler.is_error
            }),
        }
    }

    /// A layer as a reader knows it.
    pub(super) fn shown(&self, layer: &Layer) -> String {
        let method = layer.method.as_deref().unwrap_or("use").to_uppercase();
        match (&layer.method, made_by(self.program, &layer.handler)) {
            (None, Some(path)) => path.replace(':', "."),
            _ => format!("{method} {}", layer.path),
        }
    }
}

fn would_cover(helmet: &Layer, route: &Layer) -> bool {
    helmet.method.is_none() && helmet.path.leads_to(&route.path) == Matches::Yes
}

/// Whether a route only says that the app is alive.
pub(super) fn is_probe(layer: &Layer) -> bool {
    let last = layer.path.words().last().unwrap_or_default().to_owned();
    matches!(
        last.as_str(),
        "health"
            | "healthz"
            | "healthcheck"
            | "health-check"
            | "ping"
            | "ready"
            | "readyz"
            | "live"
            | "livez"
            | "status"
            | "metrics"
            | "favicon.ico"
            | "robots.txt"
            | "heartbeat"
            | "_health"
    )
}
