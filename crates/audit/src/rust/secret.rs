//! Secrets that stand in the source.

use syn::{Expr, ExprCall};

use super::chain::{self, Chain};
use super::code::{Code, Function, inner, place, string, tail};
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rules::secrets::HARDCODED;

/// Constructors whose argument is a secret, and the crates they are of.
const TAKES: [(&str, &str); 12] = [
    ("Key", "from"),
    ("Key", "derive_from"),
    ("Key", "try_from"),
    ("EncodingKey", "from_secret"),
    ("EncodingKey", "from_base64_secret"),
    ("DecodingKey", "from_secret"),
    ("DecodingKey", "from_base64_secret"),
    ("Hmac", "new_from_slice"),
    ("HmacSha256", "new_from_slice"),
    ("ExpressSecret", "new"),
    ("ExpressSecret", "danger_of_any_length"),
    ("Secret", "new"),
];

pub(super) fn check(code: &Code<'_>, report: &mut Report) {
    for function in &code.functions {
        for chain in chain::all(function) {
            if let Expr::Call(call) = chain.root {
                taken(code, function, call, report);
            }
            fallback(function, &chain, report);
        }
    }
}

fn taken<'a>(code: &Code<'a>, function: &Function<'a>, call: &'a ExprCall, report: &mut Report) {
    let Expr::Path(path) = inner(&call.func) else {
        return;
    };
    let (owner, name) = tail(&path.path);
    if !TAKES.contains(&(owner.as_str(), name.as_str())) {
        return;
    }
    let Some(argument) = call.args.first() else {
        return;
    };
    if !is_literal(code, function, argument, 0) {
        return;
    }
    let at = Place::Code(place(function.file, argument));
    let message = format!("the key of `{owner}::{name}` stands in the source");
    let help = "Read it from the environment or a file, and refuse to start without it: `std::env::var(\"…\")?`.";
    report.push(Finding::new(&HARDCODED, at, message).help(help));
}

/// Whether all of an expression stands in the source.
fn is_literal<'a>(code: &Code<'a>, function: &Function<'a>, expr: &'a Expr, depth: usize) -> bool {
    if depth > 8 {
        return false;
    }
    let expr = chain::resolved(code, function, expr);
    if let Some(text) = string(expr) {
        return !text.is_empty();
    }
    let same = [
        "as_bytes",
        "as_ref",
        "to_vec",
        "to_owned",
        "to_string",
        "into",
        "into_bytes",
        "as_slice",
        "clone",
        "as_str",
        "repeat",
    ];
    match expr {
        Expr::Repeat(repeat) => matches!(inner(&repeat.expr), Expr::Lit(_)),
        Expr::Array(array) => {
            !array.elems.is_empty()
                && array
                    .elems
                    .iter()
                    .all(|one| matches!(inner(one), Expr::Lit(_)))
        }
        Expr::MethodCall(call) if same.contains(&call.method.to_string().as_str()) => {
            is_literal(code, function, &call.receiver, depth + 1)
        }
        Expr::Call(call) => {
            let Expr::Path(path) = inner(&call.func) else {
                return false;
            };
            let is_from = matches!(tail(&path.path).1.as_str(), "from");
            is_from
                && call.args.len() == 1
                && call
                    .args
                    .first()
                    .is_some_and(|one| is_literal(code, function, one, depth + 1))
        }
        _ => false,
    }
}

/// `env::var("JWT_SECRET").unwrap_or("…")`: what nobody sets is the secret of everybody.
fn fallback(function: &Function<'_>, chain: &Chain<'_>, report: &mut Report) {
    let Some(name) = chain
        .begins("env", "var")
        .and_then(|call| string(call.args.first()?))
    else {
        return;
    };
    let upper = name.to_ascii_uppercase();
    let is_secret =
        upper.contains("SECRET") || upper.ends_with("_KEY") || upper.contains("PASSWORD");
    let is_public = ["PUBLIC", "ACCESS_KEY_ID", "PATH", "FILE"]
        .iter()
        .any(|word| upper.contains(word));
    if !is_secret || is_public {
        return;
    }
    let given = ["unwrap_or", "unwrap_or_else"]
        .iter()
        .find_map(|method| chain.argument(method));
    let given = given.map(|given| match inner(given) {
        Expr::Closure(closure) => inner(&closure.body),
        other => other,
    });
    let Some(text) = given.and_then(literal) else {
        return;
    };
    if text.is_empty() {
        return;
    }
    let at = Place::Code(place(function.file, chain.whole));
    let message = format!("where `{name}` is not set, a secret from the source is used");
    let help = format!("Refuse to start without it: `std::env::var(\"{name}\")?`.");
    report.push(
        Finding::new(&HARDCODED, at, message)
            .confidence(Confidence::Likely)
            .help(help),
    );
}

/// The text of `"…"`, `"…".into()` or `String::from("…")`.
fn literal(expr: &Expr) -> Option<String> {
    match inner(expr) {
        Expr::MethodCall(call) => literal(&call.receiver),
        Expr::Call(call) => literal(call.args.first()?),
        other => string(other),
    }
}
