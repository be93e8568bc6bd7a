//! Logins that can be tried without a limit, and limits that are walked around.

use std::collections::HashSet;

use syn::ExprPath;
use syn::visit::{self, Visit};

use super::code::{Code, place};
use super::layer::{is_limiter, words_of};
use super::router::{Route, Router};
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rules::auth::{LIMITER_TOO_LATE, NO_RATE_LIMIT, SPOOFABLE_KEY};

pub(super) fn check(code: &Code<'_>, routers: &[Router], report: &mut Report) {
    for router in routers {
        for route in router.routes.iter().filter(|route| route.posts) {
            let handler = route.handler.map(|at| words_of(code, at));
            if let Some(sure) = login(route, handler.as_ref()) {
                of_login(router, route, handler.as_ref(), sure, report);
            }
        }
    }
    let has_service = code
        .files
        .iter()
        .any(|file| file.is_program && (file.uses("axum") || file.uses("actix-web")));
    if has_service && routers.is_empty() {
        report.not_checked(
            &NO_RATE_LIMIT,
            "no router of axum or actix was found in the Rust source",
        );
    }
    keys(code, report);
}

/// How sure it is that a route logs somebody in.
fn login(route: &Route, handler: Option<&HashSet<String>>) -> Option<Confidence> {
    let name = route.handler_name.to_ascii_lowercase().replace('_', "");
    let path = route.path.to_ascii_lowercase().replace(['-', '_'], "");
    let parts: Vec<&str> = path.split('/').collect();
    if ["logout", "signout", "logoff"]
        .iter()
        .any(|word| name.contains(word) || path.contains(word))
    {
        return None;
    }
    let says = ["login", "signin", "authenticate", "logon"];
    if parts.iter().any(|part| says.contains(part)) || says.iter().any(|word| name.contains(word)) {
        return Some(Confidence::Likely);
    }
    let handler = handler?;
    let verifies = handler.contains("verify_password") || handler.contains("PasswordVerifier");
    let verifies = verifies || (handler.contains("bcrypt") && handler.contains("verify"));
    let ends = parts
        .last()
        .is_some_and(|part| matches!(*part, "auth" | "session" | "sessions" | "token"));
    match (verifies, ends) {
        (true, true) => Some(Confidence::Likely),
        (true, false) => Some(Confidence::Possible),
        _ => None,
    }
}

fn of_login(
    router: &Router,
    route: &Route,
    handler: Option<&HashSet<String>>,
    sure: Confidence,
    report: &mut Report,
) {
    let in_handler = handler.is_some_and(|words| {
        words.contains("LoginVerdict") || words.iter().any(|word| is_limiter(word))
    });
    if in_handler || route.layers.iter().any(|layer| layer.limits) {
        return;
    }
    let place = Place::Code(route.place.clone());
    let path = &route.path;
    if let Some(layer) = route.missed.iter().find(|layer| layer.limits) {
        let message =
            format!("`.layer(…)` is around the routes above it alone, and `{path}` comes after it");
        let finding = Finding::new(&LIMITER_TOO_LATE, place, message)
            .related(layer.place.clone(), "the limiter, which does not see it")
            .help("Add the route first, and the layer behind it.");
        report.push(finding);
        return;
    }
    let mut around = route.layers.iter();
    let is_open =
        router.is_unknown || route.handler.is_none() || around.any(|layer| layer.is_unknown);
    let sure = if is_open { Confidence::Possible } else { sure };
    let finding = Finding::new(
        &NO_RATE_LIMIT,
        place,
        format!("POST `{path}` can be tried without a limit"),
    );
    let help = "Put a limit around it: Panoply's suit, which guards logins by user and address, or `GovernorLayer` of tower_governor.";
    report.push(finding.confidence(sure).help(help));
}

/// Keys that the client may choose.
fn keys(code: &Code<'_>, report: &mut Report) {
    for function in &code.functions {
        let mut smart = Smart(Vec::new());
        smart.visit_block(function.block);
        if function.file.uses("tower_governor") {
            for path in smart.0 {
                let at = Place::Code(place(function.file, path));
                let message = "`SmartIpKeyExtractor` takes the first address in X-Forwarded-For, which the client writes";
                let help = "`PeerIpKeyExtractor`, or behind a proxy a key that counts its proxies: `ClientLayer` of panoply-client.";
                report.push(
                    Finding::new(&SPOOFABLE_KEY, at, message)
                        .confidence(Confidence::Likely)
                        .help(help),
                );
            }
        }
        let is_key = function.owner.as_deref() == Some("KeyExtractor")
            && function.signature.ident == "extract";
        let limits = function.file.uses("tower_governor") || function.file.uses("actix-governor");
        if !is_key || !limits {
            continue;
        }
        let mut words = Words(HashSet::new());
        words.visit_block(function.block);
        let header = [
            "x-forwarded-for",
            "x-real-ip",
            "forwarded",
            "cf-connecting-ip",
            "realip_remote_addr",
        ];
        if let Some(header) = header.iter().find(|header| words.0.contains(**header)) {
            let at = Place::Code(place(function.file, &function.signature.ident));
            let message = format!("the key comes from `{header}`, which the client writes");
            let help = "Count by the peer's address, or by what a named proxy says: `ClientLayer` of panoply-client.";
            report.push(
                Finding::new(&SPOOFABLE_KEY, at, message)
                    .confidence(Confidence::Likely)
                    .help(help),
            );
        }
    }
}

struct Smart<'a>(Vec<&'a ExprPath>);

impl<'a> Visit<'a> for Smart<'a> {
    fn visit_expr_path(&mut self, path: &'a ExprPath) {
        if path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "SmartIpKeyExtractor")
        {
            self.0.push(path);
        }
    }
}

/// Texts and methods of one function.
struct Words(HashSet<String>);

impl<'a> Visit<'a> for Words {
    fn visit_lit_str(&mut self, text: &'a syn::LitStr) {
        self.0.insert(text.value().to_ascii_lowercase());
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        self.0.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }
}
