//! Cookies that a handler sets itself.

use std::collections::HashSet;

use syn::{Expr, ExprCall, ExprMethodCall, Item, UseTree};

use super::chain::{self, Chain};
use super::code::{Code, Function, inner, is_false, place, string};
use super::session::is_none;
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rule::{Rule, Severity};
use crate::rules::cookie::{NO_HTTP_ONLY, NO_SAME_SITE, NO_SECURE};

/// Crates whose `Cookie` is sent to clients.
const CRATES: [&str; 6] = [
    "actix_web",
    "axum_extra",
    "cookie",
    "panoply",
    "panoply_cookies",
    "tower_cookies",
];
/// Methods that take a cookie away from the client.
const REMOVES: [&str; 5] = [
    "add_removal_cookie",
    "del_cookie",
    "remove",
    "remove_cookie",
    "force_remove",
];

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
            let new = new.filter(|new| is_of_cookies(function, new));
            let Some(name) = new.and_then(|new| new.args.first()) else {
                continue;
            };
            if !is_removed(code, function, chain, &chains) {
                of_cookie(code, function, chain, &set, name, report);
            }
        }
    }
}

/// Whether `Cookie` is one that is sent, and no type of the app's own that is called so.
fn is_of_cookies(function: &Function<'_>, new: &ExprCall) -> bool {
    let Expr::Path(path) = inner(&new.func) else {
        return false;
    };
    let mut segments = path
        .path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string());
    let from = match path.path.segments.len() {
        0..=2 => imported(&function.file.ast.items),
        _ => segments.next(),
    };
    // What comes along with `*` may be it.
    from.is_none_or(|from| CRATES.contains(&&*from))
}

/// The crate, or `crate` and its like, that a file has its `Cookie` from.
fn imported(items: &[Item]) -> Option<String> {
    items.iter().find_map(|item| match item {
        Item::Struct(of) if of.ident == "Cookie" => Some("self".to_owned()),
        Item::Use(of) => {
            let UseTree::Path(first) = &of.tree else {
                return None;
            };
            brings(&first.tree).then(|| first.ident.to_string())
        }
        _ => None,
    })
}

fn brings(tree: &UseTree) -> bool {
    match tree {
        UseTree::Path(of) => brings(&of.tree),
        UseTree::Name(of) => of.ident == "Cookie",
        UseTree::Rename(of) => of.rename == "Cookie",
        UseTree::Group(of) => of.items.iter().any(brings),
        UseTree::Glob(_) => false,
    }
}

/// Whether this very cookie is taken away from the client, by itself or by what it is given to.
fn is_removed<'a>(
    code: &Code<'a>,
    function: &Function<'a>,
    cookie: &Chain<'a>,
    chains: &[Chain<'a>],
) -> bool {
    let is_it = |expr: &'a Expr| {
        let from = Chain::of(chain::resolved(code, function, expr)).root;
        std::ptr::eq(from, cookie.root)
    };
    let ends = |call: &&ExprMethodCall| {
        let is_zero = || {
            call.args.first().is_some_and(|age| {
                let text = quote(age);
                text.contains("ZERO") || text.contains("(0)")
            })
        };
        match call.method.to_string().as_str() {
            "removal" | "make_removal" => true,
            "max_age" | "set_max_age" => is_zero(),
            _ => false,
        }
    };
    cookie.calls.iter().any(ends)
        || chains.iter().any(|other| {
            let by_itself = other.calls.iter().any(ends) && is_it(other.root);
            let given = |call: &&'a ExprMethodCall| {
                REMOVES.iter().any(|name| call.method == name) && call.args.iter().any(is_it)
            };
            by_itself || other.calls.iter().any(given)
        })
}

fn of_cookie<'a>(
    code: &Code<'a>,
    function: &Function<'a>,
    chain: &Chain<'a>,
    set: &HashSet<String>,
    name: &'a Expr,
    report: &mut Report,
) {
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
