//! Cookies that a handler sets itself.

use std::collections::HashSet;

use syn::Expr;

use super::chain::{self, Chain};
use super::code::{Code, Function, inner, is_false, place, string};
use super::session::is_none;
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rule::{Rule, Severity};
use crate::rules::cookie::{NO_HTTP_ONLY, NO_SAME_SITE, NO_SECURE};

pub(super) fn check(code: &Code<'_>, report: &mut Report) {
    for function in &code.functions {
        let uses = ["axum-extra", "tower-cookies", "actix-web", "cookie"];
        if !uses.iter().any(|name| function.file.uses(name)) {
            continue;
        }
        let chains = chain::all(function);
        // Setters on a variable, in lines of their own; of which cookie does not matter in one function.
        let set: HashSet<String> = chains
            .iter()
            .flat_map(|chain| &chain.calls)
            .map(|call| call.method.to_string())
            .collect();
        for chain in &chains {
            let new = chain
                .begins("Cookie", "build")
                .or_else(|| chain.begins("Cookie", "new"));
            if let Some(name) = new.and_then(|new| new.args.first()) {
                of_cookie(code, function, chain, &set, name, report);
            }
        }
    }
}

fn of_cookie<'a>(
    code: &Code<'a>,
    function: &Function<'a>,
    chain: &Chain<'a>,
    set: &HashSet<String>,
    name: &'a Expr,
    report: &mut Report,
) {
    let removes = ["removal", "make_removal", "remove", "del_cookie"]
        .iter()
        .any(|name| set.contains(*name));
    let is_zero = ["max_age", "set_max_age"].iter().any(|method| {
        chain.argument(method).is_some_and(|age| {
            let text = quote(age);
            text.contains("ZERO") || text.contains("(0)")
        })
    });
    if removes || is_zero {
        return;
    }
    // `("name", "value")`, or the name alone.
    let name = match inner(name) {
        Expr::Tuple(pair) => pair.elems.first().unwrap_or(name),
        _ => name,
    };
    let name = string(chain::resolved(code, function, name)).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let is_secret = ["sess", "token", "auth", "jwt", "sid", "login"]
        .iter()
        .any(|word| lower.contains(word));
    let is_for_script = ["csrf", "xsrf", "theme", "lang", "locale"]
        .iter()
        .any(|word| lower.contains(word));
    let shown = if name.is_empty() {
        "a cookie".to_owned()
    } else {
        format!("the cookie `{name}`")
    };
    let mut tell = |rule: &'static Rule, severity: Severity, what: &str, help: &str| {
        let at = Place::Code(place(function.file, chain.root));
        let finding = Finding::new(rule, at, format!("{shown} {what}")).severity(severity);
        report.push(finding.confidence(Confidence::Likely).help(help));
    };
    let severe = |rule: &'static Rule| {
        if is_secret {
            rule.severity
        } else {
            rule.severity.min(Severity::Medium)
        }
    };
    let lacks = |setter: &str| match chain.argument(setter) {
        Some(value) => is_false(value),
        None => chain.call(setter).is_none() && !set.contains(&format!("set_{setter}")),
    };
    if lacks("secure") {
        tell(
            &NO_SECURE,
            severe(&NO_SECURE),
            "goes over plain HTTP too",
            "`.secure(true)`",
        );
    }
    if lacks("http_only") && !is_for_script {
        let severity = if is_secret {
            Severity::Medium
        } else {
            Severity::Low
        };
        tell(
            &NO_HTTP_ONLY,
            severity,
            "can be read by page script",
            "`.http_only(true)`",
        );
    }
    match chain.argument("same_site") {
        Some(value) if is_none(value) => {
            tell(
                &NO_SAME_SITE,
                severe(&NO_SAME_SITE),
                "is sent with what other sites cause",
                "`.same_site(SameSite::Lax)`",
            );
        }
        None if !set.contains("set_same_site") => {
            tell(
                &NO_SAME_SITE,
                Severity::Low,
                "leaves SameSite to the browser",
                "`.same_site(SameSite::Lax)`",
            );
        }
        _ => {}
    }
}

/// The tokens of an expression, without blanks.
fn quote(expr: &Expr) -> String {
    use syn::spanned::Spanned;
    expr.span()
        .source_text()
        .unwrap_or_default()
        .replace(' ', "")
}
