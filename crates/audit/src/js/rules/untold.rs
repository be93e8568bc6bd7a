//! What cannot be told: options that come from elsewhere, and routes that stand in decorators.

use super::chain::App;
use super::helmet::Sets;
use super::options::first_or_nothing;
use super::session::{is_cookie_session, is_express_session};
use super::{Rules, sureness};
use crate::finding::Confidence;
use crate::js::facts::{Call, Kind, Loc, StackKind, Val, Value};
use crate::js::rules::limiter::is_limiting;
use crate::project::is_sample;
use crate::rule::Rule;
use crate::rules::auth::{IP_ONLY, LIMITER_TOO_LATE, NO_RATE_LIMIT, SPOOFABLE_KEY};
use crate::rules::cookie::NO_SECURE;
use crate::rules::headers::{HELMET_MISSING, HELMET_WEAKENED};
use crate::rules::redirect::OPEN;
use crate::rules::session::MEMORY_STORE;

/// A call, what is asked of its options, under which names, and what is said of it.
type Asked = (
    fn(&str) -> bool,
    &'static [&'static str],
    &'static Rule,
    &'static str,
);

const ASKED: [Asked; 5] = [
    (
        is_express_session,
        &["store"],
        &MEMORY_STORE,
        "the options of express-session",
    ),
    (
        is_express_session,
        &["cookie"],
        &NO_SECURE,
        "the options of express-session, and with them those of its cookie,",
    ),
    (
        is_cookie_session,
        &["secure"],
        &NO_SECURE,
        "the options of cookie-session",
    ),
    (
        is_helmet,
        &["contentSecurityPolicy"],
        &HELMET_WEAKENED,
        "the options of Helmet",
    ),
    (
        is_limiter,
        &["keyGenerator"],
        &SPOOFABLE_KEY,
        "the options of the limiter",
    ),
];

impl Rules<'_> {
    /// Says which calls got options that nobody can tell, once each.
    pub(super) fn untold(&mut self) {
        let mut reasons: Vec<(&'static Rule, String)> = Vec::new();
        for (wanted, names, rule, what) in ASKED {
            let all: Vec<(Loc, bool)> = self
                .calls_of(wanted)
                .map(|call| (call.at, self.hides(call, names)))
                .collect();
            for (at, hides) in &all {
                // What one run of a function is given may be told where another's is not.
                if !hides || all.iter().any(|(same, hides)| same == at && !hides) {
                    continue;
                }
                let Some(place) = self.program.location(*at) else {
                    continue;
                };
                let path = place.source().path();
                if !is_sample(path) {
                    let line = place.position().0;
                    reasons.push((
                        rule,
                        format!("{what} at `{path}:{line}` come from what cannot be followed"),
                    ));
                }
            }
        }
        for (rule, reason) in reasons {
            self.report.not_checked(rule, reason);
        }
    }

    /// Whether one of these options may be there without being seen.
    fn hides(&self, call: &Call, names: &[&str]) -> bool {
        let (options, _) = self.where_nothing_is_given(&first_or_nothing(&call.args, call.at));
        let mut all = options.alternatives().into_iter();
        all.any(|(_, val)| match &val.v {
            Value::Undefined | Value::Null | Value::Bool(_) | Value::Number(_) => false,
            Value::Object(_) if self.program.closure(val).is_some() => false,
            Value::Object(_) => {
                let given = names
                    .iter()
                    .any(|name| self.program.prop(val, name).is_some());
                !given && self.program.is_open(val)
            }
            _ => true,
        })
    }

    /// What an option is where nobody gives another, `given || { … }`; and whether somebody may.
    pub(super) fn where_nothing_is_given(&self, val: &Val) -> (Val, bool) {
        let val = val.in_production();
        let Value::OneOf(all) = &val.v else {
            return (val, false);
        };
        let is_written = |val: &Val| {
            let obj = val.object().and_then(|id| self.program.obj(id));
            obj.is_some_and(|obj| matches!(obj.kind, Kind::Plain))
        };
        let is_known = |val: &Val| val.is_nothing() || is_written(val);
        if !all.iter().any(|(_, val)| is_written(val)) || all.iter().all(|(_, val)| is_known(val)) {
            return (val, false);
        }
        let known = all.iter().filter(|(_, val)| is_known(val)).cloned();
        (Val::one_of(known, val.at), true)
    }

    /// The options of a call, as far as they are written down.
    pub(super) fn options_of(&self, call: &Call) -> Val {
        self.where_nothing_is_given(&first_or_nothing(&call.args, call.at))
            .0
    }

    /// How sure something is that the options of a call cause.
    pub(super) fn sureness_of(&self, call: &Call) -> Confidence {
        let given = call
            .args
            .first()
            .map(|val| self.where_nothing_is_given(val));
        match given {
            Some((_, true)) => sureness(call).min(Confidence::Likely),
            _ => sureness(call),
        }
    }

    /// What `NestJS` answers stands in decorators, its limiters and more in modules: neither is judged.
    pub(super) fn nest(&mut self) {
        let stacks = &self.program.stacks;
        let asked = &self.program.packages;
        let is_nest = stacks.iter().any(|stack| stack.kind == StackKind::Nest)
            || asked.iter().any(|(name, _)| &**name == "@nestjs/core")
            || self.files.depends_on("@nestjs/core");
        if !is_nest {
            return;
        }
        let reason = "the app is built on NestJS, whose routes are in decorators: which of them are logins, \
                      and what guards and modules limit, is not judged";
        for rule in [&NO_RATE_LIMIT, &LIMITER_TOO_LATE, &IP_ONLY, &SPOOFABLE_KEY] {
            self.report.not_checked(rule, reason);
        }
        let reason = "the app is built on NestJS: where its controllers redirect to is not judged";
        self.report.not_checked(&OPEN, reason);
        let sets = |app: &App| {
            let mut layers = app.in_production();
            layers.any(|(_, layer)| !matches!(self.sets(layer), Sets::Nothing))
        };
        let mut apps = self.apps.iter();
        if self.imports_helmet() && apps.any(|app| app.kind == StackKind::Nest && !sets(app)) {
            let reason = "Helmet is imported, and not told to NestJS by `app.use`: which of its modules apply \
                          it, and to which routes, is not judged";
            self.report.not_checked(&HELMET_MISSING, reason);
        }
    }
}

fn is_helmet(path: &str) -> bool {
    matches!(path, "helmet" | "helmet:default" | "helmet:helmet")
}

/// The calls that make limiters; what those do is not asked here.
fn is_limiter(path: &str) -> bool {
    is_limiting(path) && !path.contains("()") && !path.starts_with("@nestjs/")
}
