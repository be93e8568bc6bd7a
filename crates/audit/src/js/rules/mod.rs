//! The rules, over what the interpreter saw.

mod auth;
mod by_hand;
mod chain;
mod cookie;
mod errors;
mod fingerprint;
mod headers;
mod helmet;
mod keys;
mod limiter;
mod lost;
mod options;
mod parts;
mod proxy;
mod redirect;
mod secrets;
mod session;
mod set_cookie;
mod tls;
mod untold;

use std::collections::HashMap;

use super::facts::{Call, Callee, Handler, HandlerId, Loc, ObjId, Program, StackKind, Val, Value};
use super::files::Files;
use crate::finding::{Confidence, Finding, Place};
use crate::options::Options;
use crate::project::{Project, is_sample};
use crate::report::Report;
use crate::rule::Rule;
use chain::App;

/// What the rules read, and where they write.
pub(crate) struct Rules<'a> {
    program: &'a Program,
    files: &'a Files,
    project: &'a Project,
    options: &'a Options,
    report: &'a mut Report,
    /// Every app with what its requests run through, the ones inside others too.
    apps: Vec<App>,
    handlers: HashMap<ObjId, (HandlerId, &'a Handler)>,
    /// What each handler calls.
    calls: HashMap<HandlerId, Vec<&'a Call>>,
}

/// Applies all of them.
pub(crate) fn apply(
    program: &Program,
    files: &Files,
    project: &Project,
    options: &Options,
    report: &mut Report,
) {
    let handlers = (0_u32..).map(HandlerId).zip(&program.handlers);
    let handlers = handlers.map(|(id, handler)| (handler.object, (id, handler)));
    let mut calls: HashMap<HandlerId, Vec<&Call>> = HashMap::new();
    for call in &program.calls {
        if let Some(within) = call.within {
            calls.entry(within).or_default().push(call);
        }
    }
    let mut rules = Rules {
        program,
        files,
        project,
        options,
        report,
        apps: chain::apps(program),
        handlers: handlers.collect(),
        calls,
    };
    rules.nest();
    if !rules.has_express() {
        rules.unread();
        rules.other_frameworks();
        rules.express_unseen();
        return;
    }
    rules.unread();
    rules.untold();
    rules.lost();
    rules.headers();
    rules.fingerprint();
    rules.errors();
    rules.sessions();
    rules.cookies();
    rules.secrets();
    rules.keys();
    rules.proxies();
    rules.logins();
    rules.redirects();
    rules.servers();
    once(&mut report.findings);
}

fn is_for_browsers(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    folders.any(|folder| matches!(folder, "public" | "static" | "assets" | "www"))
}

/// Files that are named of those that are not followed to their ends: a site in another language may bring
/// along hundreds for its visitors.
const MOST_NAMED: usize = 3;

/// Packages that make an app another than one of Express.
const OTHERS: [&str; 20] = [
    "koa",
    "fastify",
    "@nestjs/platform-fastify",
    "@hapi/hapi",
    "hono",
    "restify",
    "polka",
    "elysia",
    "next",
    "nuxt",
    "@sveltejs/kit",
    "astro",
    "@react-router/serve",
    "@remix-run/serve",
    "@tanstack/react-start",
    "@solidjs/start",
    "@adonisjs/core",
    "@strapi/strapi",
    "sails",
    "h3",
];

/// One finding for a rule and a place: what is run twice, with other values, is still one fault.
fn once(findings: &mut Vec<Finding>) {
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.confidence, finding.severity)));
    let mut seen = std::collections::HashSet::new();
    findings.retain(|finding| match &finding.place {
        Place::Code(at) => seen.insert((finding.rule.id, at.source().path().to_owned(), at.span())),
        _ => true,
    });
}

impl<'a> Rules<'a> {
    fn has_express(&self) -> bool {
        let asked = |name: &str| {
            self.program
                .packages
                .iter()
                .any(|(have, _)| &**have == name)
        };
        !self.program.stacks.is_empty() || asked("express")
    }

    /// Says so where there is a server, but of another kind.
    fn other_frameworks(&mut self) {
        let other = OTHERS.iter().find(|other| self.files.depends_on(other));
        let has_rust = || {
            self.project
                .paths()
                .any(|path| path.rsplit('/').next() == Some("Cargo.toml"))
        };
        let reason = match other {
            Some(other) => Some(format!(
                "the app is built on {other}; only Express apps are read"
            )),
            // What is to be said of a service in Rust, or where Express is not seen, is said elsewhere.
            None if has_rust() || self.files.depends_on("express") => None,
            None => Some("no Express app is there; only such are read".to_owned()),
        };
        if let Some(reason) = reason {
            for rule in [
                &crate::rules::headers::HELMET_MISSING,
                &crate::rules::session::MEMORY_STORE,
                &crate::rules::cookie::NO_SECURE,
                &crate::rules::auth::NO_RATE_LIMIT,
                &crate::rules::redirect::OPEN,
            ] {
                self.report.not_checked(rule, reason.clone());
            }
        }
    }

    /// Says so where an app is to be expected, and none is seen.
    fn express_unseen(&mut self) {
        if self.files.depends_on("express") {
            let reason =
                "express is among the dependencies, but nothing that could be followed asks for it";
            for rule in [
                &crate::rules::headers::HELMET_MISSING,
                &crate::rules::session::MEMORY_STORE,
                &crate::rules::auth::NO_RATE_LIMIT,
            ] {
                self.report.not_checked(rule, reason);
            }
        }
    }

    /// Says which files were not read, and whether the program was too large.
    fn unread(&mut self) {
        let has_express = self.has_express();
        for (path, reason) in &self.program.unread {
            // Where there is no app to be seen, what browsers load is not where it hides.
            if !is_sample(path) && (has_express || !is_for_browsers(path)) {
                let reason = format!("`{path}` cannot be read: {reason}");
                self.report
                    .not_checked(&crate::rules::headers::HELMET_MISSING, reason);
            }
        }
        let cut_short = self.program.cut_short.iter();
        let paths = cut_short.filter_map(|file| self.files.get(*file));
        if let Some(reason) = not_followed(paths.map(|file| file.source.path())) {
            self.report
                .not_checked(&crate::rules::redirect::OPEN, reason);
        }
        let mut stacks = self.program.stacks.iter();
        if has_express && stacks.all(|stack| stack.kind == StackKind::Router) {
            let reason = "express is asked for, but no call of it was found that makes an app";
            self.report
                .not_checked(&crate::rules::headers::HELMET_MISSING, reason);
        }
    }

    /// A finding at a place; nothing in tests and samples.
    fn finding(&self, rule: &'static Rule, at: Loc, message: impl Into<String>) -> Option<Finding> {
        let location = self.program.location(at)?;
        if is_sample(location.source().path()) {
            return None;
        }
        Some(Finding::new(rule, Place::Code(location), message))
    }

    fn push(&mut self, finding: Option<Finding>) {
        self.report.findings.extend(finding);
    }

    /// Calls of a package's function, in production.
    fn calls_of(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &'a Call> {
        let calls = self.program.calls.iter();
        calls.filter(move |call| match &call.callee {
            Callee::External(path) => call.cond.in_production() && wanted(path),
            _ => false,
        })
    }

    /// The handler that a value is.
    fn handler(&self, val: &Val) -> Option<&'a Handler> {
        self.handlers
            .get(&val.object()?)
            .map(|(_, handler)| *handler)
    }

    /// What a handler calls.
    fn calls_in(&self, val: &Val) -> &[&'a Call] {
        let number = val.object().and_then(|id| self.handlers.get(&id));
        let calls = number.and_then(|(number, _)| self.calls.get(number));
        calls.map(Vec::as_slice).unwrap_or_default()
    }

    /// What stands in the source at a place.
    fn text(&self, at: Loc) -> &'a str {
        let source = self.program.files.get(at.file as usize);
        let span = at.span.start as usize..at.span.end as usize;
        source
            .and_then(|source| source.text().get(span))
            .unwrap_or_default()
    }

    /// The text of a function that a value is, also if it is bound.
    fn source_of(&self, val: &Val) -> Option<&'a str> {
        self.program.closure(val).map(|closure| {
            let span = closure.function.at;
            self.text(Loc {
                file: closure.file,
                span,
            })
        })
    }
}

/// What is said of files that are not followed to their ends.
fn not_followed<'a>(mut paths: impl Iterator<Item = &'a str>) -> Option<String> {
    let named = paths.by_ref().take(MOST_NAMED);
    let named: Vec<String> = named.map(|path| format!("`{path}`")).collect();
    let named = (!named.is_empty()).then_some(named)?;
    let all = named.join(", ");
    Some(match (named.len(), paths.count()) {
        (1, _) => format!("{all} takes too many steps to be followed to its end"),
        (_, 0) => format!("{all} take too many steps to be followed to their ends"),
        (_, more) => {
            format!("{all} and {more} more take too many steps to be followed to their ends")
        }
    })
}

/// How sure something is that happens in a call; what only some requests cause is as certain.
fn sureness(call: &Call) -> Confidence {
    if call.cond.is_certain() || call.within.is_some() {
        Confidence::Certain
    } else {
        Confidence::Likely
    }
}

/// Whether a value can only be told when it runs.
fn is_unknown(val: &Val) -> bool {
    matches!(val.v, Value::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_followed_to_its_end_is_named_in_one_line() {
        let said = |files: &[&'static str]| not_followed(files.iter().copied());
        assert_eq!(said(&[]), None);
        let said = |files| said(files).unwrap_or_default();
        let one = "`a.js` takes too many steps to be followed to its end";
        assert_eq!(said(&["a.js"]), one);
        let all = "`a.js`, `b.js`, `c.js` take too many steps to be followed to their ends";
        assert_eq!(said(&["a.js", "b.js", "c.js"]), all);
        let more =
            "`a.js`, `b.js`, `c.js` and 2 more take too many steps to be followed to their ends";
        assert_eq!(said(&["a.js", "b.js", "c.js", "d.js", "e.js"]), more);
    }
}
