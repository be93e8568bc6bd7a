//! Headers that an app sets or takes away itself: what they are worth.

use super::Rules;
use super::chain::{App, Layer};
use super::helmet::{Header, Helmet, is_setting};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Call, Callee, Loc, Val, Value};
use crate::live::values;
use crate::rule::Severity;
use crate::rules::headers::HELMET_WEAKENED;

impl Rules<'_> {
    /// Values that stop nothing, and headers of Helmet's that are taken away behind it.
    pub(super) fn weakened_by_hand(
        &self,
        app: &App,
        helmets: &[(usize, &Layer, Helmet)],
        found: &mut Vec<Finding>,
    ) {
        let first = helmets.first().map(|(number, ..)| *number);
        for (number, layer) in app.in_production() {
            let passes_on = self.handler(&layer.handler).is_some_and(|it| it.calls_next);
            // What stands in front of Helmet is set anew by it.
            let counts = first.is_none_or(|helmet| helmet < number);
            let is_for_all = layer.method.is_none() && layer.path.is_everything();
            if !passes_on || !counts || !is_for_all || app.is_aside(self.program, layer) {
                continue;
            }
            for call in self.calls_in(&layer.handler) {
                // Only for some requests, it is meant as an exception.
                if !call.cond.in_production() || !call.cond.is_certain() {
                    continue;
                }
                let sure = if layer.cond.is_certain() {
                    Confidence::Certain
                } else {
                    Confidence::Likely
                };
                for (at, severity, message) in self.weak_call(call, first.is_some()) {
                    let finding = self.finding(&HELMET_WEAKENED, at, message);
                    found
                        .extend(finding.map(|finding| finding.confidence(sure).severity(severity)));
                }
            }
        }
    }

    fn weak_call(&self, call: &Call, behind_helmet: bool) -> Vec<(Loc, Severity, String)> {
        let Callee::Response(name) = &call.callee else {
            return Vec::new();
        };
        let headers = self.headers_set(&call.args).into_iter();
        if is_setting(name) {
            let weak = headers.filter_map(|(header, val, _)| {
                let val = val?;
                let (severity, message) = weak_value(header, &val)?;
                Some((val.at, severity.min(Severity::Medium), message))
            });
            return weak.collect();
        }
        if &**name != "removeHeader" || !behind_helmet {
            return Vec::new();
        }
        let needed = headers.filter(|(header, ..)| Header::NEEDED.contains(header));
        let removed = needed.map(|(header, ..)| {
            let message = format!("Helmet's {} is taken away behind it", header.name());
            (call.at, Severity::Medium, message)
        });
        removed.collect()
    }
}

/// What is wrong with the value of a header, whichever of its alternatives it is.
fn weak_value(header: Header, val: &Val) -> Option<(Severity, String)> {
    let val = val.in_production();
    let mut worst = None;
    for (_, val) in val.alternatives() {
        let Value::Text(text) = &val.v else {
            return None;
        };
        let weak = match header {
            Header::Csp => values::policy(text).filter(|(severity, _)| *severity > Severity::Low),
            Header::Hsts => values::hsts(text),
            Header::Frame => values::frame(text).map(|message| (Severity::Medium, message)),
            Header::NoSniff => values::nosniff(text).map(|message| (Severity::Medium, message)),
            _ => None,
        };
        worst = Some(worst.map_or(weak.clone()?, |worst| weak.unwrap_or(worst)));
    }
    worst
}
