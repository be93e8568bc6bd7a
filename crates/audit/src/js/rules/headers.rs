//! `headers/helmet-…`.

use super::chain::{App, Layer, made_by};
use super::helmet::{Header, Helmet, Sets};
use super::options::Setting;
use super::{Rules, is_unknown};
use crate::deps::lock::Kind;
use crate::deps::{manager, manifest};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Loc, Matches, StackKind, Val};
use crate::rule::Severity;
use crate::rules::headers::{HELMET_MISSING, HELMET_PARTIAL, HELMET_TOO_LATE, HELMET_WEAKENED};

impl Rules<'_> {
    pub(super) fn headers(&mut self) {
        let mut found = Vec::new();
        for app in self.apps.iter().filter(|app| !app.is_mounted) {
            self.headers_of(app, &mut found);
        }
        self.report.findings.extend(found);
    }

    fn headers_of(&self, app: &App, found: &mut Vec<Finding>) {
        if !self.is_served(app) {
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
        self.weakened_apart(app, found);
        self.weakened_by_hand(app, &helmets, found);
        let is_nest = app.kind == StackKind::Nest;
        if is_nest && helmets.is_empty() && pieces.is_empty() && self.imports_helmet() {
            // A module of it may apply what is not used here; `nest` says so.
            return;
        }
        let unknown = is_nest
            || app.escapes
            || app
                .in_production()
                .any(|(_, layer)| is_unknown(&layer.handler));
        let sure = if helmets.is_empty() && self.may_set_headers(app) {
            Confidence::Possible
        } else if unknown {
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

    /// Whether an app may get its headers from what is not followed: a Helmet that no app is seen to use, or
    /// a package's function that is called as if it set them.
    fn may_set_headers(&self, app: &App) -> bool {
        let uses_helmet = |app: &App| {
            let mut layers = app.in_production();
            layers.any(|(_, layer)| !matches!(self.sets(layer), Sets::Nothing))
        };
        if self.imports_helmet() && !self.apps.iter().any(uses_helmet) {
            return true;
        }
        let mut layers = app.in_production();
        layers.any(|(_, layer)| {
            let name = made_by(self.program, &layer.handler).map(str::to_ascii_lowercase);
            let words = ["secur", "header", "helmet"];
            let named = |name: String| words.iter().any(|word| name.contains(word));
            layer.method.is_none()
                && name.is_some_and(named)
                && matches!(self.sets(layer), Sets::Nothing)
        })
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
                let helped = finding.map(|finding| match self.add_helmet(app.at) {
                    Some(help) => finding.help(help),
                    None => finding,
                });
                found.extend(helped.map(|finding| finding.confidence(sure)));
            }
            Some((_, first, _)) if !missing.is_empty() => {
                let names: Vec<&str> = missing.iter().map(|header| header.name()).collect();
                let are = if names.len() == 1 { "is" } else { "are" };
                let message = format!(
                    "only some of the security headers are set; {} {are} missing",
                    names.join(", ")
                );
                let finding = self.finding(&HELMET_PARTIAL, first.at, message);
                found.extend(finding.map(|finding| finding.confidence(sure)));
            }
            Some(_) => {}
        }
    }

    /// How it is brought in where npm is not what the app is kept with.
    fn add_helmet(&self, at: Loc) -> Option<String> {
        let place = self.program.location(at)?;
        let kind = manager::of(self.project, manifest::parent(place.source().path()));
        let add = kind.add("helmet");
        (kind != Kind::Npm)
            .then(|| format!("`{add}`, and `app.use(helmet())` in front of everything else."))
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
            for (at, message, help) in self.weak_part(header, val) {
                say(at, Severity::Medium, message, help);
            }
        }
    }

    /// The same of a part that is used by itself, `helmet.contentSecurityPolicy({ … })`.
    fn weakened_apart(&self, app: &App, found: &mut Vec<Finding>) {
        for (_, layer) in app.in_production() {
            if !layer.path.is_everything() || app.is_aside(self.program, layer) {
                continue;
            }
            let Some(call) = self.program.as_call(&layer.handler) else {
                continue;
            };
            let part = made_by(self.program, &layer.handler).and_then(Header::of_part);
            let (Some(header), Some(options)) = (part, call.args.first()) else {
                continue;
            };
            let sure = if layer.cond.is_certain() {
                Confidence::Certain
            } else {
                Confidence::Likely
            };
            for (at, message, help) in self.weak_part(header, options) {
                let finding = self.finding(&HELMET_WEAKENED, at, message);
                found.extend(finding.map(|finding| {
                    finding
                        .confidence(sure)
                        .severity(Severity::Medium)
                        .help(help)
                }));
            }
        }
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

    /// Whether an app answers anything; what one of `NestJS` does stands in decorators.
    pub(super) fn is_served(&self, app: &App) -> bool {
        app.kind == StackKind::Nest || app.in_production().any(|(_, layer)| self.answers(layer))
    }

    /// Whether Helmet is imported anywhere.
    pub(super) fn imports_helmet(&self) -> bool {
        let mut packages = self.program.packages.iter();
        packages.any(|(name, _)| &**name == "helmet")
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
