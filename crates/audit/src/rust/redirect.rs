//! Redirects to wherever the request says.

use std::collections::HashSet;

use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMacro, FnArg, Local, Pat, Type};

use super::code::{Code, Function, bound, inner, last, place, string, tail};
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rules::redirect::OPEN;

/// Extractors of what a client writes.
const EXTRACTORS: [&str; 5] = ["Query", "Form", "Json", "RawQuery", "OptionalQuery"];
/// Methods after which it is still what the client wrote.
const SAME: [&str; 18] = [
    "as_str",
    "as_ref",
    "as_deref",
    "clone",
    "cloned",
    "into",
    "to_owned",
    "to_string",
    "unwrap_or",
    "unwrap_or_default",
    "unwrap_or_else",
    "unwrap",
    "expect",
    "get",
    "trim",
    "into_inner",
    "ok_or",
    "take",
];

pub(super) fn check(code: &Code<'_>, report: &mut Report) {
    for function in &code.functions {
        if !function.file.uses("axum") && !function.file.uses("actix-web") {
            continue;
        }
        let mut names = HashSet::new();
        for input in &function.signature.inputs {
            if let FnArg::Typed(typed) = input
                && is_extractor(&typed.ty)
            {
                bind(&typed.pat, &mut names);
            }
        }
        if names.is_empty() {
            continue;
        }
        let mut flow = Flow {
            function,
            names,
            checks: Vec::new(),
            found: Vec::new(),
        };
        flow.visit_block(function.block);
        let Flow { checks, found, .. } = flow;
        // Any other comparison may be the one that is asked for.
        if checks.iter().any(|check| *check != "starts_with") {
            continue;
        }
        for (place, shown) in found {
            let sure = if checks.is_empty() {
                Confidence::Likely
            } else {
                Confidence::Possible
            };
            let message = format!("the redirect goes to `{shown}`, which the request says");
            let help = "Allow paths of your own alone: it begins with `/`, and neither with `//` nor with `/\\`.";
            report.push(
                Finding::new(&OPEN, Place::Code(place), message)
                    .confidence(sure)
                    .help(help),
            );
        }
    }
}

fn is_extractor(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => last(&path.path).is_some_and(|name| {
            let inside = path.path.segments.last().map(|segment| &segment.arguments);
            let optional = matches!(name.as_str(), "Option" | "Result")
                && matches!(inside, Some(syn::PathArguments::AngleBracketed(inside)) if inside.args.iter().any(|one| {
                    matches!(one, syn::GenericArgument::Type(ty) if is_extractor(ty))
                }));
            optional || EXTRACTORS.contains(&name.as_str())
        }),
        _ => false,
    }
}

/// All names that a pattern binds.
fn bind(pattern: &Pat, names: &mut HashSet<String>) {
    struct Names<'n>(&'n mut HashSet<String>);
    impl<'a> Visit<'a> for Names<'_> {
        fn visit_pat_ident(&mut self, name: &'a syn::PatIdent) {
            self.0.insert(name.ident.to_string());
            visit::visit_pat_ident(self, name);
        }
    }
    Names(names).visit_pat(pattern);
}

struct Flow<'a, 'c> {
    function: &'c Function<'a>,
    /// Variables that hold what the client wrote.
    names: HashSet<String>,
    /// What it is compared by.
    checks: Vec<&'static str>,
    found: Vec<(crate::source::Location, String)>,
}

impl Flow<'_, '_> {
    /// Whether a value is, as a whole or from its beginning, what the client wrote.
    fn is_theirs(&self, expr: &Expr) -> bool {
        match inner(expr) {
            Expr::Path(path) => path
                .path
                .get_ident()
                .is_some_and(|name| self.names.contains(&name.to_string())),
            Expr::Field(field) => self.is_theirs(&field.base),
            Expr::Index(index) => self.is_theirs(&index.expr),
            Expr::MethodCall(call) => {
                SAME.contains(&call.method.to_string().as_str()) && self.is_theirs(&call.receiver)
            }
            Expr::Call(call) => {
                let is_from = matches!(inner(&call.func), Expr::Path(path) if matches!(last(&path.path).as_deref(), Some("from" | "Some")));
                is_from && call.args.first().is_some_and(|one| self.is_theirs(one))
            }
            Expr::If(of) => {
                let mut branches = of.then_branch.stmts.last().into_iter();
                branches.any(|statement| matches!(statement, syn::Stmt::Expr(expr, None) if self.is_theirs(expr)))
                    || of.else_branch.as_ref().is_some_and(|(_, expr)| self.is_theirs(expr))
            }
            Expr::Block(of) => {
                matches!(of.block.stmts.last(), Some(syn::Stmt::Expr(expr, None)) if self.is_theirs(expr))
            }
            Expr::Match(of) => of.arms.iter().any(|arm| self.is_theirs(&arm.body)),
            Expr::Macro(of) => self.is_format(of),
            _ => false,
        }
    }

    /// `format!("{next}")`: what has a text of its own in front goes where that says.
    fn is_format(&self, of: &ExprMacro) -> bool {
        if last(&of.mac.path).as_deref() != Some("format") {
            return false;
        }
        let parse = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        let Ok(arguments) = of.mac.parse_body_with(parse) else {
            return false;
        };
        let Some(text) = arguments.first().and_then(string) else {
            return false;
        };
        // `/{next}` leaves the site with a second slash.
        let Some(rest) = text.strip_prefix('/').unwrap_or(&text).strip_prefix('{') else {
            return false;
        };
        match rest.split('}').next() {
            Some("") => arguments
                .iter()
                .nth(1)
                .is_some_and(|one| self.is_theirs(one)),
            Some(name) => self.names.contains(name.split(':').next().unwrap_or(name)),
            None => false,
        }
    }

    fn redirects(&mut self, target: &Expr) {
        if self.is_theirs(target) {
            let at = place(self.function.file, target);
            let shown = at.text().trim_start_matches('&').chars().take(60).collect();
            self.found.push((at, shown));
        }
    }

    fn mentions(&self, expr: &Expr) -> bool {
        struct Mentions<'n>(&'n HashSet<String>, bool);
        impl<'a> Visit<'a> for Mentions<'_> {
            fn visit_path(&mut self, path: &'a syn::Path) {
                self.1 |= path
                    .get_ident()
                    .is_some_and(|name| self.0.contains(&name.to_string()));
            }
        }
        let mut mentions = Mentions(&self.names, false);
        mentions.visit_expr(expr);
        mentions.1
    }
}

impl<'ast> Visit<'ast> for Flow<'_, '_> {
    fn visit_local(&mut self, local: &'ast Local) {
        visit::visit_local(self, local);
        if let Some(init) = &local.init
            && self.is_theirs(&init.expr)
        {
            match bound(&local.pat) {
                Some(name) => {
                    self.names.insert(name);
                }
                None => bind(&local.pat, &mut self.names),
            }
        }
    }

    fn visit_expr_let(&mut self, of: &'ast syn::ExprLet) {
        visit::visit_expr_let(self, of);
        if self.is_theirs(&of.expr) {
            bind(&of.pat, &mut self.names);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        visit::visit_expr_call(self, call);
        let Expr::Path(path) = inner(&call.func) else {
            return;
        };
        let (owner, name) = tail(&path.path);
        let redirects = owner == "Redirect"
            && matches!(
                name.as_str(),
                "to" | "temporary" | "permanent" | "see_other"
            );
        if redirects && let Some(target) = call.args.last() {
            self.redirects(target);
        } else if !matches!(owner.as_str(), "Redirect" | "String" | "Some")
            && call.args.iter().any(|one| self.mentions(one))
        {
            let name = name.to_ascii_lowercase();
            if ["safe", "valid", "allow", "check", "local", "parse", "host"]
                .iter()
                .any(|word| name.contains(word))
            {
                self.checks.push("call");
            }
        }
    }

    fn visit_expr_tuple(&mut self, tuple: &'ast syn::ExprTuple) {
        visit::visit_expr_tuple(self, tuple);
        let mut parts = tuple.elems.iter();
        let (Some(name), Some(value), None) = (parts.next(), parts.next(), parts.next()) else {
            return;
        };
        let is_constant = matches!(inner(name), Expr::Path(path) if last(&path.path).as_deref() == Some("LOCATION"));
        if is_constant || string(name).is_some_and(|name| name.eq_ignore_ascii_case("location")) {
            self.redirects(value);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        if !self.mentions(&call.receiver) && !call.args.iter().any(|one| self.mentions(one)) {
            return;
        }
        match call.method.to_string().as_str() {
            "starts_with" => self.checks.push("starts_with"),
            "contains" | "host" | "host_str" | "parse" | "authority" | "origin" | "matches"
            | "is_match" | "any" | "eq" => {
                self.checks.push("method");
            }
            _ => {}
        }
    }

    fn visit_expr_binary(&mut self, of: &'ast syn::ExprBinary) {
        visit::visit_expr_binary(self, of);
        if matches!(of.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_))
            && (self.mentions(&of.left) || self.mentions(&of.right))
        {
            self.checks.push("==");
        }
    }
}
