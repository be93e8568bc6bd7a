//! `errors/…`.

use super::chain::{App, Layer, made_by};
use super::{Rules, is_unknown};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Call, Callee, Kind, Matches, Part, Val, Value};
use crate::rules::errors::{DEFAULT_404, DEFAULT_HANDLER, DEV_HANDLER};

impl Rules<'_> {
    pub(super) fn errors(&mut self) {
        let mut found = Vec::new();
        for app in self.apps.iter().filter(|app| !app.is_mounted) {
            if app.kind == crate::js::facts::StackKind::Nest {
                // Nest answers both by itself.
                continue;
            }
            if !app
                .in_production()
                .any(|(_, layer)| layer.method.is_some() || self.answers(layer))
            {
                continue;
            }
            found.extend(self.default_404(app));
            found.extend(self.default_handler(app));
        }
        self.errorhandler_package(&mut found);
        self.sent_stacks(&mut found);
        self.report.findings.extend(found);
    }

    fn default_404(&self, app: &App) -> Option<Finding> {
        let mut unknown = app.escapes;
        let mut aside = false;
        for (_, layer) in app.in_production() {
            if !layer.path.is_everything() {
                continue;
            }
            if matches!(layer.method.as_deref(), Some(method) if !matches!(method, "all" | "get")) {
                continue;
            }
            if is_unknown(&layer.handler) {
                unknown = true;
                continue;
            }
            if app.is_aside(self.program, layer) {
                aside = true;
                continue;
            }
            match self.handler(&layer.handler) {
                // A page for every path, as single-page apps have it, counts.
                Some(handler) if !handler.is_error => {
                    let ends = !handler.calls_next && (handler.responds || handler.fails);
                    if ends && (layer.method.is_none() || is_wildcard(layer)) {
                        return None;
                    }
                }
                Some(_) => {}
                None => {
                    // A package's handler that answers whatever comes: a proxy, a renderer, GraphQL.
                    if let Some(path) = made_by(self.program, &layer.handler)
                        && (layer.method.is_some() && is_wildcard(layer) || is_last_word(path))
                    {
                        return None;
                    }
                }
            }
        }
        let finding = self.finding(
            &DEFAULT_404,
            app.at,
            "unknown paths get Express's own page, `Cannot GET /…`",
        )?;
        let sure = match (unknown, aside) {
            (true, _) => Confidence::Possible,
            (false, true) => Confidence::Likely,
            (false, false) => Confidence::Certain,
        };
        Some(finding.confidence(sure))
    }

    fn default_handler(&self, app: &App) -> Option<Finding> {
        let mut unknown = app.escapes;
        let mut last_route: Option<(usize, &Layer)> = None;
        let mut last_word: Option<(usize, &Layer)> = None;
        for (number, layer) in app.in_production() {
            if self.is_error_handler(layer) {
                if app.is_aside(self.program, layer) {
                    continue;
                }
                if layer.path.is_everything() && self.ends_errors(layer) {
                    last_word = Some((number, layer));
                }
                continue;
            }
            if is_unknown(&layer.handler) && layer.method.is_none() {
                unknown = true;
            }
            if layer.method.is_some() && !is_wildcard(layer) {
                last_route = Some((number, layer));
            }
        }
        match (last_word, last_route) {
            (Some((at, handler)), Some((route, layer))) if at < route => {
                let message = format!(
                    "errors of `{}` get Express's own page: the error handler is registered before it",
                    self.shown(layer)
                );
                let finding = self.finding(&DEFAULT_HANDLER, app.at, message)?;
                let finding = match self.program.location(handler.at) {
                    Some(place) => {
                        finding.related(place, "handles only what is registered before it")
                    }
                    None => finding,
                };
                Some(finding.confidence(if unknown {
                    Confidence::Likely
                } else {
                    Confidence::Certain
                }))
            }
            (Some(_), _) => None,
            (None, _) => {
                let message = "errors get Express's own page: no error handler with four arguments";
                let finding = self.finding(&DEFAULT_HANDLER, app.at, message)?;
                let sure = if unknown {
                    Confidence::Possible
                } else {
                    Confidence::Certain
                };
                Some(finding.confidence(sure))
            }
        }
    }

    fn is_error_handler(&self, layer: &Layer) -> bool {
        if let Some(handler) = self.handler(&layer.handler) {
            return handler.is_error;
        }
        made_by(self.program, &layer.handler).is_some_and(|path| {
            let path = path.to_ascii_lowercase();
            path.contains("errorhandler")
                || path.contains("error-handler")
                || path.contains("handle-errors")
                || path.contains("errors:")
                || path.starts_with("celebrate:errors")
                || path.contains("api-error")
                || path.contains("boom")
                || path.contains("problem")
        })
    }

    /// Whether an error handler answers; one that only logs hands on to Express's own.
    fn ends_errors(&self, layer: &Layer) -> bool {
        match self.handler(&layer.handler) {
            // `if (res.headersSent) return next(err)` is how it should be; other handing on leaves errors over.
            Some(handler) if handler.fails && handler.responds => self
                .source_of(&layer.handler)
                .is_some_and(|source| source.contains("headersSent")),
            Some(handler) => handler.responds || !handler.calls_next && !handler.fails,
            None => made_by(self.program, &layer.handler).is_none_or(|path| {
                // Sentry's and its like report, and hand on.
                !path.to_ascii_lowercase().contains("sentry")
            }),
        }
    }

    /// `app.use(errorhandler())` in production.
    fn errorhandler_package(&self, found: &mut Vec<Finding>) {
        for app in &self.apps {
            for (number, layer) in app.in_production() {
                if made_by(self.program, &layer.handler) != Some("errorhandler") {
                    continue;
                }
                // Behind an early return is where an app runs that has started; behind another test is a guard.
                let always = layer.cond.covers(&app.born);
                let mut aside = self.program.aside.iter();
                if !always && !aside.any(|(_, goes_on)| layer.cond.covers(goes_on)) {
                    continue;
                }
                let Some(fails) = self.before(app, number, layer) else {
                    continue;
                };
                let sure = if always {
                    Confidence::Certain
                } else {
                    Confidence::Likely
                };
                let message =
                    "`errorhandler` sends stack traces to clients, and runs in production";
                let finding = self.finding(&DEV_HANDLER, layer.at, message);
                found.extend(finding.map(|finding| finding.confidence(sure.min(fails))));
            }
        }
    }

    /// How sure it is that something in front of an error handler fails, which is all that reaches it.
    fn before(&self, app: &App, number: usize, handler: &Layer) -> Option<Confidence> {
        let before = app.in_production().filter(|(at, layer)| {
            let meets = layer.path.leads_to(&handler.path) != Matches::No
                || handler.path.leads_to(&layer.path) != Matches::No;
            *at < number && meets && !self.is_error_handler(layer)
        });
        let layers: Vec<&Layer> = before.map(|(_, layer)| layer).collect();
        let answers = |layer: &&Layer| layer.method.is_some() || self.answers(layer);
        if layers.iter().any(answers) {
            return Some(Confidence::Certain);
        }
        // A body that is no JSON is an error as well.
        (!layers.is_empty()).then_some(Confidence::Likely)
    }

    /// `res.send(err.stack)` and its like.
    fn sent_stacks(&self, found: &mut Vec<Finding>) {
        for call in &self.program.calls {
            let Callee::Response(name) = &call.callee else {
                continue;
            };
            let sends = matches!(
                &**name,
                "send" | "json" | "end" | "write" | "jsonp" | "render"
            );
            if !sends || !call.cond.in_production() {
                continue;
            }
            // Of an error that `render` is given whole, the view decides what it shows.
            let sends = call
                .args
                .iter()
                .find_map(|arg| self.stack_in(arg, false, 0));
            if let Some(sure) = sends {
                let message = format!("`res.{name}` sends the stack of an error to the client");
                let finding = self.finding(&DEV_HANDLER, call.at, message);
                found
                    .extend(finding.map(|finding| finding.confidence(sure.min(where_known(call)))));
            }
        }
        for write in &self.program.writes {
            let path = &*write.path;
            if !path.starts_with("response.locals") || !write.cond.in_production() {
                continue;
            }
            let within = write
                .within
                .and_then(|id| self.program.handlers.get(id.0 as usize));
            if !within.is_some_and(|handler| handler.is_error) {
                continue;
            }
            if self.stack_in(&write.val, true, 0).is_some() && write.cond.is_certain() {
                let message =
                    "the error itself, with its stack, is given to the page in production";
                let finding = self.finding(&DEV_HANDLER, write.at, message);
                found.extend(finding.map(|finding| finding.confidence(Confidence::Likely)));
            }
        }
    }

    /// Whether a value has an error's stack in it; `whole`: also where the error itself is in it.
    fn stack_in(&self, val: &Val, whole: bool, depth: u8) -> Option<Confidence> {
        if depth > 5 {
            return None;
        }
        let val = val.in_production();
        let alternatives = val.alternatives();
        let mut sure: Option<Confidence> = None;
        for (cond, val) in &alternatives {
            let one = match &val.v {
                Value::Caught(path) if &**path == "stack" => Some(Confidence::Certain),
                Value::Caught(path) if path.is_empty() && whole && depth > 0 => {
                    Some(Confidence::Likely)
                }
                Value::Pieces(parts) => parts.iter().find_map(|part| match part {
                    Part::Of(val) => self.stack_in(val, false, depth + 1),
                    Part::Known(_) => None,
                }),
                Value::Object(id) => {
                    let obj = self.program.obj(*id)?;
                    match &obj.kind {
                        Kind::Plain => obj
                            .props
                            .iter()
                            .find_map(|(_, prop)| self.stack_in(&prop.val, whole, depth + 1)),
                        Kind::Array(items) => items
                            .iter()
                            .find_map(|item| self.stack_in(item, whole, depth + 1)),
                        Kind::Result(id) => {
                            let call = self.program.call(*id)?;
                            call.args
                                .iter()
                                .find_map(|arg| self.stack_in(arg, false, depth + 1))
                        }
                        _ => None,
                    }
                }
                _ => None,
            };
            // One side of a test that nobody can tell may be what keeps it in development.
            let one = one.map(|one| {
                if cond.is_certain() {
                    one
                } else {
                    Confidence::Possible
                }
            });
            sure = sure.max(one);
        }
        sure
    }
}

/// A test that is not known may be what keeps it in development.
fn where_known(call: &Call) -> Confidence {
    if call.cond.is_certain() {
        Confidence::Certain
    } else {
        Confidence::Likely
    }
}

/// Whether a route is for every path by its own pattern.
fn is_wildcard(layer: &Layer) -> bool {
    layer.path.is_everything() && layer.path != crate::js::facts::Route::root()
}

/// Whether a package's handler answers everything that reaches it.
fn is_last_word(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [
        "proxy",
        "history",
        "getrequesthandler",
        "remix",
        "@vendia",
        "ssr",
        "serve-handler",
        "renderer",
        "createrequesthandler",
        "not-found",
        "notfound",
        "parse-server",
        "postgraphile",
        "next:",
        "nuxt",
    ]
    .iter()
    .any(|word| path.contains(word))
}
