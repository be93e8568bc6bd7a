//! Sessions of tower-sessions, actix-session and Panoply.

use syn::{Expr, ExprMethodCall};

use super::chain::{self, Chain};
use super::code::{Code, Function, inner, is_false, last, place, tail};
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rule::{Rule, Severity};
use crate::rules::auth::NO_RATE_LIMIT;
use crate::rules::cookie::{NO_EXPIRY, NO_HTTP_ONLY, NO_SAME_SITE, NO_SECURE};
use crate::rules::session::{MEMORY_STORE, SENSITIVE};

pub(super) fn check(code: &Code<'_>, report: &mut Report) {
    for function in &code.functions {
        let tower = function.file.uses("tower-sessions");
        let actix = function.file.uses("actix-session");
        for chain in chain::all(function) {
            for call in &chain.calls {
                if tower || actix {
                    weakening(function, call, tower, report);
                }
                dangerous(function, call, report);
            }
            if tower {
                of_tower(code, function, &chain, report);
            }
        }
    }
}

/// What a setter of a session's cookie takes away.
fn weakening(function: &Function<'_>, call: &ExprMethodCall, tower: bool, report: &mut Report) {
    let Some(value) = call.args.first() else {
        return;
    };
    let method = call.method.to_string();
    let (rule, help): (&'static Rule, String) = match (method.as_str(), tower) {
        ("with_secure", true) | ("cookie_secure", false) if is_false(value) => (
            &NO_SECURE,
            format!("`.{method}(true)`, which is the default: leave the line out"),
        ),
        ("with_http_only", true) | ("cookie_http_only", false) if is_false(value) => (
            &NO_HTTP_ONLY,
            format!("`.{method}(true)`, which is the default: leave the line out"),
        ),
        ("with_same_site", true) | ("cookie_same_site", false) if is_none(value) => {
            (&NO_SAME_SITE, format!("`.{method}(SameSite::Lax)`"))
        }
        ("cookie_content_security", false) if ends(value, "Signed") => {
            let at = Place::Code(place(function.file, &call.method));
            let message = "the session is signed but readable in the browser";
            let finding = Finding::new(&SENSITIVE, at, message).severity(Severity::Medium);
            let help = "`CookieContentSecurity::Private`, which is the default: leave the line out";
            report.push(finding.confidence(Confidence::Possible).help(help));
            return;
        }
        _ => return,
    };
    let at = Place::Code(place(function.file, &call.method));
    let message = format!("the session's cookie is weakened by `.{method}(…)`");
    report.push(Finding::new(rule, at, message).help(help));
}

fn of_tower<'a>(code: &Code<'a>, function: &Function<'a>, chain: &Chain<'a>, report: &mut Report) {
    let Some(new) = chain.begins("SessionManagerLayer", "new") else {
        return;
    };
    if let Some(store) = new.args.first() {
        let store = Chain::of(chain::resolved(code, function, store));
        let is_memory = ["new", "default"]
            .iter()
            .any(|name| store.begins("MemoryStore", name).is_some());
        if is_memory {
            let at = Place::Code(place(function.file, new));
            let finding = Finding::new(
                &MEMORY_STORE,
                at,
                "`MemoryStore` keeps sessions in the memory of the process",
            );
            report.push(finding.help("Give it a store that lasts: tower-sessions-redis-store, tower-sessions-sqlx-store."));
        }
    }
    // The setter may stand in a line of its own.
    let says = |name: &str| {
        code.functions
            .iter()
            .flat_map(chain::all)
            .any(|chain| chain.call(name).is_some())
    };
    if !says("with_expiry") && !says("set_expiry") {
        let at = Place::Code(place(function.file, new));
        let finding = Finding::new(
            &NO_EXPIRY,
            at,
            "the session's cookie has no end of its own: no `with_expiry`",
        );
        report.push(finding.help("`.with_expiry(Expiry::OnInactivity(time::Duration::hours(8)))`"));
    }
}

/// Panoply's own ways to weaken it, which bear it in their names.
fn dangerous(function: &Function<'_>, call: &ExprMethodCall, report: &mut Report) {
    let method = call.method.to_string();
    let ours = [
        "panoply",
        "panoply-sessions",
        "panoply-limits",
        "panoply-guard",
    ];
    if !method.starts_with("danger_") || !ours.iter().any(|name| function.file.uses(name)) {
        return;
    }
    let Some(value) = call.args.first() else {
        return;
    };
    let is_true = matches!(inner(value), Expr::Lit(literal) if matches!(&literal.lit, syn::Lit::Bool(truth) if truth.value));
    let (rule, message): (&'static Rule, &str) = match method.as_str() {
        "danger_dry_run" if is_true => (
            &NO_RATE_LIMIT,
            "the limit counts, and lets everything through: `danger_dry_run(true)`",
        ),
        "danger_http_only" if is_false(value) => (
            &NO_HTTP_ONLY,
            "page script may read the session's cookie: `danger_http_only(false)`",
        ),
        "danger_enabled" if is_false(value) => (
            &NO_SAME_SITE,
            "a guard of the suit is switched off: `danger_enabled(false)`",
        ),
        _ => return,
    };
    let at = Place::Code(place(function.file, &call.method));
    let finding = Finding::new(rule, at, message).severity(Severity::Medium);
    report.push(finding.help(format!("Take `.{method}(…)` out.")));
}

/// Whether it is the `None` of `SameSite`, and not of `Option`.
pub(super) fn is_none(expr: &Expr) -> bool {
    match inner(expr) {
        Expr::Path(path) => tail(&path.path) == ("SameSite".to_owned(), "None".to_owned()),
        _ => false,
    }
}

fn ends(expr: &Expr, name: &str) -> bool {
    matches!(inner(expr), Expr::Path(path) if last(&path.path).as_deref() == Some(name))
}
